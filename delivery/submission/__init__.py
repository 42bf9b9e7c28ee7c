"""The SMTP door for applications that speak no HTTP: accepted (250) means committed."""
