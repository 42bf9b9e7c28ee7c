"""The SMTP dialogue: who may come in, and what is said to whom."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, TypeVar

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from campaigns import addresses
from delivery.messages.accept import MAX_RECIPIENTS
from delivery.submission import take
from delivery.submission.guard import Guard
from delivery.submission.refusal import Refused

logger = logging.getLogger(__name__)
# of threads that wait for the database
THREADS = 8
MOST_CONNECTIONS = 500
ENCRYPT_FIRST = "538 5.7.11 Encrypt the connection first (STARTTLS): a key must not be read on the way"
Result = TypeVar("Result")


@dataclass
class Door:
    """aiosmtpd's handler, one for all connections.

    plain_auth: take keys over unencrypted connections from other machines too.
    """

    plain_auth: bool = False
    guard: Guard = field(default_factory=Guard)
    under_way: int = field(default=0, init=False)
    open: int = field(default=0, init=False)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, "submission"), init=False)

    async def run(self, work: Callable[[], Result]) -> Result:
        """Blocking work, in a thread. Raises Refused."""
        self.under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, take.surely, work)
        finally:
            self.under_way -= 1

    def may_authenticate(self, server: SMTP, session: Session | None) -> bool:
        """Whether a key may come over this connection."""
        is_encrypted = server.transport is not None and server.transport.get_extra_info("sslcontext") is not None
        return self.plain_auth or is_encrypted or is_loopback(session)

    async def handle_EHLO(
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        shown = [one for one in responses if not one.startswith("250-AUTH") or self.may_authenticate(server, session)]
        # aiosmtpd reads command by command from its buffer, so it copes with many at once, but does not say so
        return [*shown[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", shown[-1]]

    async def handle_MAIL(
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not session.authenticated:
            return "530 5.7.0 Authenticate first: AUTH PLAIN or LOGIN, the password is an API key (mm_...)"
        # whatever it says, what comes back comes to us: our return path stands in the message that leaves
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return f"452 4.5.3 At most {MAX_RECIPIENTS} recipients a message; send the others in another one"
        try:
            envelope.rcpt_tos.append(addresses.normalise(address))
        except addresses.AddressInvalid as error:
            return Refused("553 5.1.3", str(error)).reply
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        """250 when the rows are committed, and not before."""
        content, recipients = envelope.original_content or b"", list(dict.fromkeys(envelope.rcpt_tos))
        secret = str(session.auth_data)
        try:
            return await self.run(lambda: take.take(secret, address_of(session), recipients, content))
        except Refused as refused:
            return refused.reply

    async def handle_exception(self, error: Exception) -> str:
        logger.error("a submission failed in an unforeseen way", exc_info=error)
        return "451 4.3.0 A mistake of ours; nothing was accepted, try again"


class DoorSMTP(SMTP):
    """One connection."""

    event_handler: Door

    async def _handle_client(self) -> None:
        door, address = self.event_handler, address_of(self.session)
        if door.open >= MOST_CONNECTIONS or door.guard.is_shut(address):
            await self.push("421 4.7.0 Too many connections or wrong keys from there; try again later")
            self._hang_up()
            return
        door.open += 1
        try:
            await super()._handle_client()
        finally:
            door.open -= 1

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def _authenticate(self, _mechanism: str, auth_data: Any) -> AuthResult:
        """What aiosmtpd calls with name and password; `_judged` looks at them, which may wait for the database."""
        return AuthResult(success=True, auth_data=auth_data)

    async def auth_PLAIN(self, _: Any, args: list[str]) -> AuthResult:
        return await self._judged(super().auth_PLAIN, args)

    async def auth_LOGIN(self, _: Any, args: list[str]) -> AuthResult:
        return await self._judged(super().auth_LOGIN, args)

    async def _judged(self, ask: Callable[[Any, list[str]], Any], args: list[str]) -> AuthResult:
        door, session = self.event_handler, self.session
        if not door.may_authenticate(self, session):
            return AuthResult(success=False, handled=False, message=ENCRYPT_FIRST)
        found: AuthResult = await ask(None, args)
        if not found.success or not isinstance(found.auth_data, LoginPassword):
            return found
        secret, address = found.auth_data.password.decode("ascii", "replace").strip(), address_of(session)
        try:
            await door.run(lambda: take.key_for(secret, address))
        except Refused as refused:
            return await self._refused(refused, address)
        door.guard.succeeded(address)
        # asked again with every message: a key that was revoked meanwhile sends nothing more
        return AuthResult(success=True, auth_data=secret)

    async def _refused(self, refused: Refused, address: str) -> AuthResult:
        if refused.reply.startswith("4"):
            # what RFC 4954 has for it: the key may be a good one
            return AuthResult(success=False, handled=False, message=f"454 4.7.0{refused.reply[9:]}")
        logger.warning("%s came with a key that was refused", address)
        await asyncio.sleep(self.event_handler.guard.failed(address))
        if self.event_handler.guard.is_shut(address):
            await self.push(refused.reply)
            self._hang_up()
            return AuthResult(success=False, handled=True)
        return AuthResult(success=False, handled=False, message=refused.reply)


def address_of(session: Session | None) -> str:
    """Where a connection comes from; "" where that is not known."""
    peer = session.peer if session is not None else None
    address = str(peer[0]) if isinstance(peer, tuple) and peer else ""
    return address.removeprefix("::ffff:")


def is_loopback(session: Session | None) -> bool:
    try:
        return ip_address(address_of(session)).is_loopback
    except ValueError:
        return False
