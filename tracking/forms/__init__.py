"""Subscribing by oneself: hosted and embedded forms, confirmation by e-mail, and what is kept about it."""
