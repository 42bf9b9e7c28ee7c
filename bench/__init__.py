"""The benchmark harness and its SMTP sink."""
