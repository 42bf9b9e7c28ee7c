"""What comes back by e-mail: bounces, complaints and automatic replies, read from the messages themselves."""
