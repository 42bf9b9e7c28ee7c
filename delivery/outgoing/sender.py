"""Posting a signed message to an address that a person typed in, without being led anywhere else by it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import urllib3
from django.conf import settings
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError, TimeoutError

from delivery.outgoing import signature
from delivery.outgoing.deadline import Deadline
from delivery.outgoing.hosts import Address
from delivery.outgoing.resolve import NameNotFound, Resolver, addresses_of, system_resolver
from delivery.outgoing.target import Policy, Target, UrlRefused, parse

TIMEOUT_SECONDS = 5.0
MAX_ANSWER_BYTES = 64 * 1024
EXCERPT_CHARACTERS = 500
MAX_ADDRESSES = 3


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one post. status: of the answer, None where none came. error: words for a person, "" if ok.

    seconds: how long it took. response_excerpt: the beginning of the answer, at most 500 characters.
    is_refused: the address itself is not allowed; trying again changes nothing.
    """

    status: int | None
    seconds: float
    error: str = ""
    response_excerpt: str = ""
    is_refused: bool = False


def post(
    url: str,
    body: bytes,
    secret: str | Sequence[str],
    *,
    message_id: str = "",
    timeout: float = TIMEOUT_SECONDS,
    allow_private: Collection[str] | None = None,
    headers: Mapping[str, str] | None = None,
    resolver: Resolver = system_resolver,
) -> Delivery:
    """Post JSON to a URL, signed after Standard Webhooks; what became of it. Any answer from 200 to 299 is a success.

    secret: "whsec_…", or several while one rotates. message_id: the same for every try of one message.
    timeout: seconds for everything together. allow_private: hosts that may be private, see `Policy`; None for
    settings.WEBHOOK_PRIVATE_HOSTS. A redirect is not followed: it counts as a failure.
    Never raises for what the other side does. Raises ValueError for a secret or an id that cannot be.
    """
    started = time.monotonic()
    secrets = [secret] if isinstance(secret, str) else list(secret)
    signed = signature.headers(secrets, message_id or uuid4().hex, int(time.time()), body)
    sent = {"content-type": "application/json", "user-agent": "MassMailer", **(headers or {}), **signed}
    policy = _policy(allow_private)
    with Deadline(timeout) as deadline:
        try:
            target = parse(url)
            policy.demand_port(target)
            trusted = policy.is_trusted(target)
            found = addresses_of(target, is_trusted=trusted, resolver=resolver, seconds=deadline.left_seconds)
            delivery = _try_addresses(target, found[:MAX_ADDRESSES], body, sent, deadline)
        except UrlRefused as error:
            delivery = Delivery(None, 0, str(error), is_refused=True)
        except NameNotFound as error:
            delivery = Delivery(None, 0, str(error))
        if deadline.has_struck:
            # what came so far may be a part of the answer: it is no proof that the receiver has dealt with the post
            delivery = replace(delivery, error=f"The answer was not complete within {timeout:g} seconds.")
    return replace(delivery, seconds=time.monotonic() - started)


def check_url(url: str, *, allow_private: Collection[str] | None = None, resolver: Resolver = system_resolver) -> None:
    """Say at once, in a form, what `post` would refuse. Raises UrlRefused. A name that is not found may come later."""
    target = parse(url)
    policy = _policy(allow_private)
    policy.demand_port(target)
    try:
        addresses_of(target, is_trusted=policy.is_trusted(target), resolver=resolver, seconds=TIMEOUT_SECONDS)
    except NameNotFound:
        return


def _policy(allow_private: Collection[str] | None) -> Policy:
    hosts = settings.WEBHOOK_PRIVATE_HOSTS if allow_private is None else allow_private
    return Policy(settings.WEBHOOK_PORTS, hosts)


def _try_addresses(
    target: Target, found: Sequence[Address], body: bytes, headers: Mapping[str, str], deadline: Deadline
) -> Delivery:
    """Call one address after the other until one takes the connection; nothing was sent to those before it."""
    delivery = Delivery(None, 0, "The name has no address.")
    for number, address in enumerate(found):
        connect_seconds = deadline.left_seconds / (len(found) - number)
        try:
            return _call(target, address, body, headers, deadline, connect_seconds)
        except (NewConnectionError, ConnectTimeoutError):
            delivery = Delivery(None, 0, f"Nothing answers at {target.host}, port {target.port}.")
        except SSLError as error:
            return Delivery(None, 0, f"No safe connection to {target.host}: {_reason(error)}")
        except TimeoutError:
            return Delivery(None, 0, "No answer came in time.")
        except (HTTPError, OSError) as error:
            return Delivery(None, 0, f"The connection to {target.host} broke: {type(error).__name__}.")
    return delivery


def _call(
    target: Target,
    address: Address,
    body: bytes,
    headers: Mapping[str, str],
    deadline: Deadline,
    connect_seconds: float,
) -> Delivery:
    """One exchange with exactly this address. Raises urllib3's errors."""
    pool = _pool(target, address, deadline)
    try:
        response = pool.urlopen(
            "POST",
            target.path,
            body=body,
            # no compression: a few bytes that unpack to gigabytes are an old trick
            headers={**headers, "host": target.authority, "accept-encoding": "identity"},
            timeout=urllib3.Timeout(connect=connect_seconds, read=deadline.left_seconds),
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            answer = response.read(MAX_ANSWER_BYTES, decode_content=False)
        finally:
            response.close()
    finally:
        pool.close()
    excerpt = answer.decode("utf-8", "replace").replace("\0", "")[:EXCERPT_CHARACTERS]
    error = "" if 200 <= response.status < 300 else _words_for(response.status)
    return Delivery(response.status, 0, error, excerpt)


def _words_for(status: int) -> str:
    if 300 <= status < 400:
        return f"The answer was {status}: it leads elsewhere, and redirects are not followed. Give the final address."
    return f"The answer was {status}."


def _reason(error: SSLError) -> str:
    cause = error.args[0] if error.args else error
    return str(getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or cause)[:200]


def _pool(target: Target, address: Address, deadline: Deadline) -> urllib3.HTTPConnectionPool:
    """A pool of one connection to the address itself; the name is only what the certificate must show."""
    common: dict[str, Any] = {"host": str(address), "port": target.port, "maxsize": 1}
    pool: urllib3.HTTPConnectionPool
    if target.scheme == "https":
        context = ssl.create_default_context()
        pool = urllib3.HTTPSConnectionPool(**common, ssl_context=context, server_hostname=target.host)
        pool.ConnectionCls = _watched(HTTPSConnection, deadline)
    else:
        pool = urllib3.HTTPConnectionPool(**common)
        pool.ConnectionCls = _watched(HTTPConnection, deadline)
    return pool


def _watched(base: Any, deadline: Deadline) -> Any:
    """The connection class with every socket under the deadline from its first byte, the TLS handshake included."""

    class Watched(base):
        def _new_conn(self) -> Any:
            connection = super()._new_conn()
            deadline.watch(connection)
            return connection

    return Watched
