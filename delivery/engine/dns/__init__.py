"""What DNS says of a sending domain, read as receivers read it."""
