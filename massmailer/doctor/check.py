"""One finding of the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """What was looked at and how it is. A cure stands wherever the state is not "ok"."""

    name: str
    state: State
    detail: str
    cure: str = ""


def ok(name: str, detail: str) -> Check:
    return Check(name, "ok", detail)


def warn(name: str, detail: str, cure: str) -> Check:
    """Mail goes out, but a person should look at this."""
    return Check(name, "warn", detail, cure)


def fail(name: str, detail: str, cure: str) -> Check:
    """Mail does not go out, or a promise does not hold."""
    return Check(name, "fail", detail, cure)
