"""The way out by the HTTP API of an e-mail service provider (ESP), through django-anymail."""
