"""Listening: STARTTLS on one port, TLS from the first byte on another, until the process is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from dataclasses import dataclass

from delivery.submission.door import Door, DoorSMTP

logger = logging.getLogger(__name__)
TIMEOUT_SECONDS = 300.0
DRAIN_SECONDS = 15.0
CERTIFICATE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Listening:
    """port, tls_port: 0 for none. certificate, key: PEM files, "" for none. hostname: as the door greets."""

    host: str
    port: int
    tls_port: int
    hostname: str
    certificate: str = ""
    key: str = ""
    plain_auth: bool = False
    most_bytes: int = 25 * 1024 * 1024


def tls_context(where: Listening) -> ssl.SSLContext | None:
    """Raises OSError or ssl.SSLError where the files cannot be used."""
    if not where.certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(where.certificate, where.key or None)
    return context


async def serve(where: Listening) -> None:
    """Listen until SIGTERM or SIGINT, then let messages that are under way be answered.

    Raises OSError where a port is taken or a certificate cannot be read.
    """
    # it writes a line for every connection
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    loop, stop, door = asyncio.get_running_loop(), asyncio.Event(), Door(plain_auth=where.plain_auth)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    context = tls_context(where)

    def protocol(starttls: ssl.SSLContext | None) -> DoorSMTP:
        return DoorSMTP(
            door, data_size_limit=where.most_bytes, enable_SMTPUTF8=True, hostname=where.hostname, ident="MassMailer",
            tls_context=starttls, timeout=TIMEOUT_SECONDS, auth_require_tls=False, loop=loop,
        )  # fmt: skip

    servers = []
    if where.port:
        servers.append(await loop.create_server(lambda: protocol(context), where.host, where.port))
    if where.tls_port and context:
        servers.append(await loop.create_server(lambda: protocol(None), where.host, where.tls_port, ssl=context))
    logger.info("taking submissions on %s, ports %s", where.host, [one for one in (where.port, where.tls_port) if one])
    if context:
        renewing = loop.create_task(_renew(context, where))
    await stop.wait()
    for server in servers:
        server.close()
    if context:
        renewing.cancel()
    until = loop.time() + DRAIN_SECONDS
    while door.under_way and loop.time() < until:
        await asyncio.sleep(0.05)


async def _renew(context: ssl.SSLContext, where: Listening) -> None:
    """Read the certificate again each hour: whoever renews it need not restart the door."""
    while True:
        await asyncio.sleep(CERTIFICATE_SECONDS)
        try:
            context.load_cert_chain(where.certificate, where.key or None)
        except (OSError, ssl.SSLError) as error:
            logger.error("the certificate cannot be read again, the old one stays: %s", error)
