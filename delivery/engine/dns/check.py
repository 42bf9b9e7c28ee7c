"""All checks of one domain, asked side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import dns.asyncresolver

from delivery.engine.dns import authentication, hosts
from delivery.engine.dns.ask import Dns, Unasked, system_resolver
from delivery.engine.dns.facts import DomainFacts
from delivery.engine.dns.line import Line, State, unknown

DEADLINE_SECONDS = 8.0
"""For all checks together; what is not answered by then is unknown."""
_RANK: dict[State, int] = {"ok": 0, "unknown": 1, "warning": 2, "error": 3}

Question = Coroutine[Any, Any, Line]


async def check(facts: DomainFacts, resolver: dns.asyncresolver.Resolver | None = None) -> list[Line]:
    """One line for each check, in the order in which a person would work through them. Raises nothing of the network.

    resolver: the machine's own where it is None. Takes DEADLINE_SECONDS at the most.
    """
    try:
        ask = Dns(resolver or system_resolver())
    except Unasked as error:
        return [unknown("DNS", f"{error}.")]
    tasks = {name: asyncio.create_task(question) for name, question in _questions(ask, facts).items()}
    _, late = await asyncio.wait(tasks.values(), timeout=DEADLINE_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return [_line(name, task) for name, task in tasks.items()]


def worst(lines: list[Line]) -> State:
    """The state of a whole report; "ok" and "unknown" together are "unknown"."""
    return max((line.state for line in lines), key=_RANK.__getitem__, default="unknown")


def _questions(ask: Dns, facts: DomainFacts) -> dict[str, Question]:
    keys = {authentication.dkim_name(key.selector): authentication.dkim_line(ask, key) for key in facts.keys}
    return {
        **(keys or {"DKIM": authentication.no_key_line()}),
        "SPF": authentication.spf_line(ask, facts),
        "DMARC": authentication.dmarc_line(ask, facts),
        "Bounces": hosts.bounce_line(ask, facts),
        "Tracking": hosts.tracking_line(ask, facts),
        **{hosts.sender_name(sender): hosts.sender_line(ask, sender) for sender in facts.senders},
    }


def _line(name: str, task: asyncio.Task[Line]) -> Line:
    if task.cancelled():
        return unknown(name, f"no answer within {DEADLINE_SECONDS:g} seconds.")
    error = task.exception()
    if isinstance(error, Unasked):
        return unknown(name, f"{error}.")
    return task.result()
