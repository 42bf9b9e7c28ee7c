"""`manage.py submission_server`: the SMTP door."""

from __future__ import annotations

import asyncio
import ssl
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from delivery.submission import server


class Command(BaseCommand):
    help = "Take messages over SMTP from applications that authenticate with an API key, until SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.SUBMISSION_HOST, help="address to listen on (%(default)s)")
        parser.add_argument("--port", type=int, default=settings.SUBMISSION_PORT, help="STARTTLS (%(default)s)")
        parser.add_argument("--tls-port", type=int, default=settings.SUBMISSION_TLS_PORT, help="TLS; 0: none")

    def handle(self, *, host: str, port: int, tls_port: int, **_: Any) -> None:
        if not port and not tls_port:
            raise CommandError("Give a port: --port or MASSMAILER_SUBMISSION_PORT.")
        if tls_port and not settings.SUBMISSION_CERTIFICATE:
            raise CommandError("TLS needs a certificate: set MASSMAILER_SUBMISSION_CERTIFICATE to a PEM file.")
        where = server.Listening(
            host, port, tls_port, settings.SUBMISSION_HOSTNAME, settings.SUBMISSION_CERTIFICATE,
            settings.SUBMISSION_KEY, settings.SUBMISSION_PLAIN_AUTH,
        )  # fmt: skip
        try:
            asyncio.run(server.serve(where))
        except (OSError, ssl.SSLError) as error:
            raise CommandError(f"The door cannot be opened: {error}") from error
