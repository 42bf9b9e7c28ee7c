"""Retry policies in words: what happens to an e-mail after each kind of failure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from delivery.engine.retry import Policy

MINUTES_BY_UNIT = {"": 1, "m": 1, "min": 1, "h": 60, "d": 1440}
_WAIT = re.compile(r"(\d{1,6})\s*([a-z]*)")


@dataclass(frozen=True, slots=True)
class Line:
    """What is said of one kind of failure."""

    failure: str
    then: str


def describe(policy: Policy) -> list[Line]:
    """One line for each kind of failure, in the order in which people ask."""
    return [
        Line("Temporary failure, greylisting", _transient(policy)),
        Line("Mailbox full", _repeated(policy.soft, policy.soft_retries, "soft bounce")),
        Line(
            "Throttled by the receiver",
            f"tried again after {spoken(policy.throttle)} or a little more, as often as need be; counts as no try",
        ),
        Line("Blocked by policy or reputation", _blocked(policy)),
        Line("Not attempted", f"tried again after about {spoken(policy.not_attempted)}; counts as no try"),
        Line("Hard bounce, content refused", "never tried again"),
        Line("No answer after the handover", "unknown: never tried again by itself, a person decides"),
    ]


def _transient(policy: Policy) -> str:
    if not policy.transient:
        return "dead letter at once"
    return f"tried again after about {', '.join(map(spoken, policy.transient))}, then dead letter"


def _repeated(wait: timedelta, retries: int, end: str) -> str:
    if not retries:
        return f"{end} at once"
    return f"tried again every {spoken(wait)}, {_times(retries)}, then {end}"


def _blocked(policy: Policy) -> str:
    if not policy.block_retries:
        return "failed at once"
    words = f"tried by another provider of the pool after {spoken(policy.block)}"
    return f"{words}, {_times(policy.block_retries)}, then failed"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def spoken(span: timedelta) -> str:
    """A wait as people say it: "45 s", "10 min", "1 h 30 min", "2 days"."""
    seconds = round(span.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    days, rest = divmod(seconds // 60, 1440)
    hours, minutes = divmod(rest, 60)
    parts = [f"{days} day{'s' * (days != 1)}"] if days else []
    parts += [f"{hours} h"] if hours else []
    parts += [f"{minutes} min"] if minutes else []
    return " ".join(parts)


def parse_waits(text: str) -> list[int]:
    """ "10, 1h, 6 h" as minutes. Raises ValueError that names what is no wait."""
    parts = [part.strip().lower() for part in text.split(",") if part.strip()]
    return [_minutes(part) for part in parts]


def _minutes(part: str) -> int:
    found = _WAIT.fullmatch(part)
    if found is None or found[2] not in MINUTES_BY_UNIT:
        raise ValueError(f"“{part}” is no wait. Write minutes, or 90 min, 6 h, 2 d.")
    return int(found[1]) * MINUTES_BY_UNIT[found[2]]


def written(minutes: list[int]) -> str:
    """Minutes as `parse_waits` reads them, in the largest unit that fits."""
    return ", ".join(_written(one) for one in minutes)


def _written(minutes: int) -> str:
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes and minutes % size == 0:
            return f"{minutes // size} {unit}"
    return f"{minutes} min"
