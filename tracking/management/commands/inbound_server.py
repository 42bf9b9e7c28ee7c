"""The mail server for bounces, complaints and requests to unsubscribe."""

from __future__ import annotations

import asyncio
import logging
import ssl
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tracking.inbound.server import MAX_CONNECTIONS, ServerOptions, serve

DEFAULT_PORT = 2526


class Command(BaseCommand):
    help = "Take bounces, complaints and mailto: unsubscribes by SMTP or LMTP, for the bounce domains alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
        parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="(default %(default)s; 0: any free one)")
        parser.add_argument("--lmtp", action="store_true", help="speak LMTP, for a mail server next to this one")
        parser.add_argument("--cert", help="certificate chain in PEM: offer STARTTLS with it")
        parser.add_argument("--key", help="private key of the certificate, where it is not in the same file")
        parser.add_argument("--connections", type=int, default=MAX_CONNECTIONS, help="at once (default %(default)s)")

    def handle(self, **options: Any) -> None:
        # a line for each command of each session is too much
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        try:
            asyncio.run(serve(self._options(options), self._say_port))
        except OSError as error:
            place = f"{options['host']}:{options['port']}"
            raise CommandError(f"Cannot listen on {place}: {error.strerror or error}.") from error

    def _options(self, given: dict[str, Any]) -> ServerOptions:
        context = None
        if given["cert"]:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            try:
                context.load_cert_chain(given["cert"], given["key"])
            except (OSError, ssl.SSLError) as error:
                raise CommandError(f"The certificate cannot be used: {error}.") from error
        return ServerOptions(
            host=given["host"],
            port=given["port"],
            speaks="lmtp" if given["lmtp"] else "smtp",
            hostname=settings.BOUNCE_DOMAIN or "bounces.localhost",
            context=context,
            max_connections=given["connections"],
        )

    def _say_port(self, port: int) -> None:
        self.stdout.write(f"Taking mail that comes back on port {port}.")
        self.stdout.flush()
