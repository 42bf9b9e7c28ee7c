"""A mail server for what comes back: SMTP or LMTP, for addresses of ours alone, 250 only when it is committed."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.db import close_old_connections

from campaigns import failpoints
from tracking import returned, stream
from tracking.inbound.address import domains, target_of
from tracking.inbound.receive import receive
from tracking.inbound.sessions import Sessions

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 5 * 1024 * 1024
MAX_RECIPIENTS = 20
MAX_CONNECTIONS = 50
IDLE_SECONDS = 60.0
# however slowly it talks, a session ends
SESSION_SECONDS = 600.0
# each has a connection to PostgreSQL
THREADS = 4
DOMAINS_SECONDS = 30.0

TRY_AGAIN = "451 4.3.0 Not kept anywhere yet, try again later"
NO_SUCH_ADDRESS = "550 5.1.1 No such address here"
NOT_OURS = "550 5.7.1 Not a domain of ours"
TOO_MANY = b"421 4.7.0 Too many connections, try again later\r\n"


@dataclass(frozen=True)
class ServerOptions:
    """context: for STARTTLS, None to offer none. speaks: "smtp" or "lmtp"."""

    host: str
    port: int
    speaks: str = "smtp"
    hostname: str = "bounces.invalid"
    context: ssl.SSLContext | None = None
    max_connections: int = MAX_CONNECTIONS
    idle_seconds: float = IDLE_SECONDS
    session_seconds: float = SESSION_SECONDS


class Handler:
    """aiosmtpd's handler. What touches the database runs in threads, each of which keeps its connection."""

    def __init__(self, via: str) -> None:
        self._via = via
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="inbound")
        self._domains = frozenset(filter(None, [settings.BOUNCE_DOMAIN]))
        self._domains_are_read = False
        self._domains_at = float("-inf")

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Only addresses that mean something: whoever has no token of ours gets no word in."""
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        target = target_of(address)
        if target is None:
            return NO_SUCH_ADDRESS
        if address.rpartition("@")[2].lower() not in await self._our_domains():
            return NOT_OURS if self._domains_are_read else TRY_AGAIN
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Answered when it is committed; over LMTP once for each recipient (RFC 2033)."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        answer = await self._in_thread(lambda: self._keep(content, list(envelope.rcpt_tos)))
        times = len(envelope.rcpt_tos) if self._via == "lmtp" else 1
        return "\r\n".join([answer] * times)

    def close(self) -> None:
        self._threads.shutdown(wait=True)

    def _keep(self, content: bytes, recipients: list[str]) -> str:
        close_old_connections()
        try:
            word = receive(content, recipients, via=self._via)
            failpoints.hit("inbound_after_commit")
        except (stream.StreamAway, *returned.DatabaseAway) as error:
            log.error("a message could not be kept anywhere, the answer is 451: %s", error)
            return TRY_AGAIN
        except Exception:  # a fault of ours must not lose a message: its server keeps it and comes again
            log.exception("a message could not be understood")
            return TRY_AGAIN
        return f"250 2.0.0 OK: {word}"

    async def _our_domains(self) -> frozenset[str]:
        now = asyncio.get_running_loop().time()
        if now - self._domains_at > DOMAINS_SECONDS:
            try:
                self._domains = await self._in_thread(_read_domains)
                self._domains_are_read = True
            except returned.DatabaseAway as error:
                log.warning("the sending domains cannot be read, those known before count: %s", error)
            self._domains_at = now
        return self._domains

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _read_domains() -> frozenset[str]:
    close_old_connections()
    return domains()


class _Bounded:
    """What both protocols get: no more than so many sessions, none for ever."""

    def __init__(self, handler: Handler, options: ServerOptions, sessions: Sessions) -> None:
        super().__init__(  # type: ignore[call-arg]  # aiosmtpd's own
            handler,
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            hostname=options.hostname,
            timeout=options.idle_seconds,
            tls_context=options.context,
            ident="MassMailer",
        )
        self._sessions = sessions
        self._seconds = options.session_seconds
        self._end: asyncio.TimerHandle | None = None
        self._is_counted = False
        self._address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # after STARTTLS the same session begins once more
        if not self._is_counted:
            self._address = str((transport.get_extra_info("peername") or ("",))[0]).removeprefix("::ffff:")
            if not self._sessions.enter(self._address):
                transport.write(TOO_MANY)  # type: ignore[attr-defined]
                transport.close()
                return
            self._is_counted = True
            self._end = asyncio.get_running_loop().call_later(self._seconds, transport.abort)  # type: ignore[attr-defined]
        super().connection_made(transport)  # type: ignore[misc]

    def connection_lost(self, error: Exception | None) -> None:
        if not self._is_counted:
            return
        self._is_counted = False
        self._sessions.leave(self._address)
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(error)  # type: ignore[misc]


class BoundedSMTP(_Bounded, SMTP):
    """SMTP for a port that mail servers reach."""


class BoundedLMTP(_Bounded, LMTP):
    """LMTP for a mail server next to us."""


async def serve(options: ServerOptions, ready: Callable[[int], None] = lambda _port: None) -> None:
    """Listen until SIGTERM or SIGINT. ready: told the port. Raises OSError where it is taken."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    handler, sessions = Handler(options.speaks), Sessions(options.max_connections)
    protocol = BoundedLMTP if options.speaks == "lmtp" else BoundedSMTP
    server = await loop.create_server(lambda: protocol(handler, options, sessions), options.host, options.port)
    ready(server.sockets[0].getsockname()[1])
    try:
        await stop.wait()
    finally:
        server.close()
        handler.close()
