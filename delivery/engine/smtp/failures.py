"""Why no session could be opened, said so that the person who set the provider up knows the cure."""

from __future__ import annotations

import socket
import ssl

from delivery.engine.classify import Classifier
from delivery.engine.outcome import Answered, Kind, Outcome
from delivery.engine.smtp.endpoint import Endpoint
from delivery.engine.smtp.replies import Reply, enhanced_of, one_line
from delivery.engine.smtp.window import not_attempted


class SetupFailed(Exception):
    """No session could be opened. The caller ends what waits with `outcome`: nothing of it reached the server.

    permanent: trying again at once cannot help (wrong password, untrusted certificate).
    """

    def __init__(self, outcome: Outcome, *, permanent: bool = False) -> None:
        super().__init__(outcome.reply)
        self.outcome = outcome
        self.permanent = permanent


class ConnectionGone(Exception):
    """The connection ended while a reply was awaited; the text says how. The caller turns it into SetupFailed."""


def refusal(
    classifier: Classifier, reply: Reply, *, group: str = "", answered: Answered = Answered.RECIPIENT
) -> Outcome:
    """The outcome of a message that a 4xx or 5xx refused; see `Classifier.classify`."""
    text = one_line(reply.text)
    enhanced = enhanced_of(text)
    verdict = classifier.classify(reply.code, enhanced, text, group=group, answered=answered)
    return Outcome(verdict.kind, reply.code, enhanced, text, verdict.rule)


def refused_step(classifier: Classifier, step: str, reply: Reply, cure: str, *, permanent: bool = False) -> SetupFailed:
    """The server answered a step of the set-up with a refusal.

    It is about us and not about one message: only a throttle keeps its class, so that the provider is slowed down;
    the rest is `not_attempted`. An address can never be suppressed by it.
    """
    words, enhanced = one_line(reply.text), enhanced_of(reply.text)
    text = f"The server refused {step}: {reply.code} {words} {cure}"
    if 400 <= reply.code <= 499:
        judged = refusal(classifier, reply, answered=Answered.SENDER)
        if judged.kind is Kind.THROTTLE:
            return SetupFailed(Outcome(judged.kind, reply.code, enhanced, text, judged.rule))
    return SetupFailed(not_attempted(text, reply.code, enhanced), permanent=permanent)


def broken_step(endpoint: Endpoint, step: str, reason: str) -> SetupFailed:
    """The connection ended or went silent in the middle of the set-up."""
    place = f"{endpoint.host}:{endpoint.port}"
    return SetupFailed(not_attempted(f"{place}, {step}: {reason}. {_port_hint(endpoint)}"))


def connect_failure(endpoint: Endpoint, error: OSError | TimeoutError | ConnectionGone) -> SetupFailed:
    """Turn an error of connecting or of TLS into words with a cure."""
    place = f"{endpoint.host}:{endpoint.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(endpoint, error)
    if isinstance(error, ssl.SSLError):
        text = f"TLS with {place} failed ({error.reason or error}). {_port_hint(endpoint)}"
        return SetupFailed(not_attempted(text), permanent=True)
    if isinstance(error, socket.gaierror):
        return SetupFailed(not_attempted(f"The name {endpoint.host} cannot be resolved. Check the host's spelling."))
    if isinstance(error, ConnectionRefusedError):
        text = f"Nothing listens on {place} (connection refused). Check host and port, and that the server runs."
        return SetupFailed(not_attempted(text))
    if isinstance(error, TimeoutError):
        seconds = endpoint.timeouts.connect
        text = f"{place} did not answer within {seconds:g} s. Check host, port and firewalls on the way."
        return SetupFailed(not_attempted(text))
    return SetupFailed(not_attempted(f"{place} cannot be reached: {error}. {_port_hint(endpoint)}"))


def _untrusted(endpoint: Endpoint, error: ssl.SSLCertVerificationError) -> SetupFailed:
    text = (
        f"The certificate of {endpoint.host}:{endpoint.port} is not trusted: {error.verify_message}. Use the host name"
        " that stands in the certificate, or give the file of the CA that signed it (ca_file)."
    )
    return SetupFailed(not_attempted(text), permanent=True)


def _port_hint(endpoint: Endpoint) -> str:
    return {
        "tls": "Check that the port speaks TLS from the first byte (usually 465).",
        "starttls": "Check that the port speaks SMTP with STARTTLS (usually 587).",
        "plain": "Check that the port speaks plain SMTP (usually 25).",
    }[endpoint.security]
