"""One line of a report on a domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "error", "unknown"]


@dataclass(frozen=True, slots=True)
class Paste:
    """A record to put into DNS. kind: "TXT", "MX", "A", "PTR"."""

    kind: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Line:
    """What was looked at, how it is, what was found in words for a person, and the record that cures it."""

    name: str
    state: State
    found: str
    paste: Paste | None = None


def unknown(name: str, reason: str) -> Line:
    """Nothing is said of what could not be asked."""
    return Line(name, "unknown", f"DNS could not be asked: {reason}")
