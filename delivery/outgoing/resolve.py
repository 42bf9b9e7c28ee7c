"""From a host to the addresses that are called, each of them judged."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from collections.abc import Callable

from delivery.outgoing.hosts import Address, refusal
from delivery.outgoing.target import Target, UrlRefused

# host and port to addresses, in the order in which they should be tried; raises OSError
Resolver = Callable[[str, int], list[Address]]


class NameNotFound(Exception):
    """The host has no address, or its name server did not answer in time. It may be there later."""


def system_resolver(host: str, port: int) -> list[Address]:
    """What the machine itself would call: its hosts file, its name servers. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found]


def addresses_of(target: Target, *, is_trusted: bool, resolver: Resolver, seconds: float) -> list[Address]:
    """Every address of the target's host, all of them allowed.

    One forbidden address among them refuses the host: a name that leads to both is not to be trusted with either.
    Raises UrlRefused, NameNotFound.
    """
    try:
        found = [ipaddress.ip_address(target.host)]
    except ValueError:
        found = _within(seconds, resolver, target)
    for address in found:
        reason = refusal(address, is_trusted=is_trusted)
        if reason:
            raise UrlRefused(reason)
    return found


def _within(seconds: float, resolver: Resolver, target: Target) -> list[Address]:
    """The resolver's answer. It knows no time-out: it works in a thread of its own, which is left behind if need be."""
    answers: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(dict.fromkeys(resolver(target.host, target.port))))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True, name="resolve").start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty as error:
        raise NameNotFound(f"The name server did not answer for {target.host} in time.") from error
    if isinstance(answer, Exception):
        raise NameNotFound(f"The name {target.host} was not found.") from answer
    if not answer:
        raise NameNotFound(f"The name {target.host} has no address.")
    return answer
