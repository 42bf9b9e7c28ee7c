"""The sandbox mailbox: an SMTP server that delivers to nobody, and a page to read what it took."""
