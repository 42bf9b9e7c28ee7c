"""Trying an endpoint out, for the person who sets it up and for health checks. No mail is sent."""

from __future__ import annotations

import time
from dataclasses import dataclass

from delivery.engine.classify import BUILT_IN
from delivery.engine.outcome import Outcome
from delivery.engine.smtp.connection import Connection
from delivery.engine.smtp.endpoint import Endpoint
from delivery.engine.smtp.failures import ConnectionGone, SetupFailed
from delivery.engine.smtp.handshake import open_session, tls_context
from delivery.engine.smtp.replies import Reply
from delivery.engine.smtp.window import Job


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What a server said of itself.

    error: "" when a session was opened (and the login accepted, if there is a user name), else a sentence that names
    the cure. code: the reply code of the refusal, if the server sent one. tls_version: "TLSv1.3", "" without TLS.
    size_limit: bytes, None when the server names none. connect_seconds: from nothing to a usable session.
    latency_seconds: one command and its reply on the open session.
    """

    error: str = ""
    code: int | None = None
    tls_version: str = ""
    authenticated: bool = False
    auth_mechanisms: tuple[str, ...] = ()
    size_limit: int | None = None
    pipelining: bool = False
    chunking: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    connect_seconds: float = 0.0
    latency_seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """True when mail could be handed over."""
        return not self.error


class _NoMail:
    """The probe's stand-in for a pool: it never has a message."""

    classifier = BUILT_IN

    def take(self) -> Job | None:
        return None

    def flies_next(self) -> bool:
        return False

    def take_flight(self, most: int, most_bytes: int) -> list[Job]:  # noqa: ARG002
        return []

    def flight_lost(self) -> None:
        """Nothing was sent."""

    def finish(self, job: Job, outcome: Outcome) -> None:  # noqa: ARG002
        raise RuntimeError("a probe sends no mail")

    def give_back(self, job: Job) -> None:  # noqa: ARG002
        raise RuntimeError("a probe sends no mail")

    def rested(self, connection: Connection) -> None:
        """Nothing to do."""

    def lost(self, connection: Connection, reason: str, reply: Reply | None) -> None:
        """The report is made from what was read before."""

    def observed(self, seconds: float) -> None:
        """Nothing to do."""


async def probe(endpoint: Endpoint) -> ProbeReport:
    """Open a session, log in, measure one round trip, say QUIT. Never raises for what network or server do.

    Takes at most the sum of the set-up time-outs.
    """
    began = time.monotonic()
    try:
        connection = await open_session(endpoint, tls_context(endpoint), _NoMail(), serving=False)
    except SetupFailed as failure:
        return ProbeReport(error=failure.outcome.reply, code=failure.outcome.code)
    connected = time.monotonic()
    try:
        reply = await connection.command(b"NOOP", endpoint.timeouts.ehlo)
    except (ConnectionGone, TimeoutError) as error:
        return ProbeReport(error=f"The server opened a session and then fell silent ({error}). Ask the provider.")
    finally:
        noop_seconds = time.monotonic() - connected
        await connection.quit(endpoint.timeouts.quit)
    if reply.code >= 400:
        return ProbeReport(error=f"The server closes the session: {reply.code} {reply.text}", code=reply.code)
    return _report(endpoint, connection, connected - began, noop_seconds)


def _report(endpoint: Endpoint, connection: Connection, connect_seconds: float, latency: float) -> ProbeReport:
    offers = connection.capabilities
    return ProbeReport(
        tls_version=connection.tls_version,
        authenticated=bool(endpoint.username),
        auth_mechanisms=tuple(sorted(offers.auth)),
        size_limit=offers.size,
        pipelining=offers.pipelining,
        chunking=offers.chunking,
        eight_bit=offers.eight_bit,
        smtputf8=offers.smtputf8,
        connect_seconds=connect_seconds,
        latency_seconds=latency,
    )
