"""The SMTP side: takes everything from loopback, offers what real servers offer, delivers nothing."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from massmailer.sandbox.maildir import MaildirWriter
from massmailer.sandbox.protocol import MAX_MESSAGE_BYTES, FastSMTP

logger = logging.getLogger("massmailer.sandbox")


class Mailbox:
    """aiosmtpd's handler: every recipient is fine, every message is kept."""

    def __init__(self, writer: MaildirWriter) -> None:
        self._writer = writer

    async def handle_EHLO(
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Offer PIPELINING: aiosmtpd reads command by command from its buffer, so it copes, but does not say so."""
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Keep the message and answer with its name in the mailbox."""
        content = envelope.original_content or b""
        entry = self._writer.store(envelope.mail_from or "", tuple(envelope.rcpt_tos), content)
        gone = self._writer.drop_oldest()
        if gone:
            logger.warning("the mailbox is full: the oldest %d messages were dropped", gone)
        return f"250 2.0.0 OK: kept as {entry.id}"


async def serve(host: str, port: int, root: Path, keep: int) -> None:
    """Listen until SIGTERM or SIGINT. Raises OSError where the port is taken."""
    writer = MaildirWriter(root, keep)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(lambda: _protocol(writer), host, port)
    logger.info("taking mail on %s:%d into %s, the newest %d are kept", host, port, root, keep)
    await stop.wait()
    server.close()
    writer.close()


def _protocol(writer: MaildirWriter) -> FastSMTP:
    return FastSMTP(
        Mailbox(writer), data_size_limit=MAX_MESSAGE_BYTES, enable_SMTPUTF8=True, hostname="sandbox.localhost"
    )
