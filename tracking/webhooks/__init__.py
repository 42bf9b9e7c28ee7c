"""What ESPs tell us by webhook: proved to be theirs, read one by one, and brought to the e-mails they are about."""
