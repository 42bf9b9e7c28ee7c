"""What can go wrong with a condition, said with its place and its cure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeError:
    """One mistake in one node. path: such as `all[1].not`; empty for the root."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class SegmentInvalid(ValueError):
    """The condition cannot be used. Show all of `errors` to the person who wrote it."""

    def __init__(self, errors: Iterable[NodeError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


class CountTimedOut(RuntimeError):
    """The database was stopped after the time limit. The condition is valid; show the message and go on without."""


class ValueInvalid(ValueError):
    """Raised by an operator's check; the message names the cure and becomes a NodeError."""


def suggestion(word: str, known: Iterable[str]) -> str:
    """ "; did you mean language?" for the nearest known word, or "" when none is near."""
    # cut, because matching takes time in proportion to the square of the length
    near = difflib.get_close_matches(word[:60].lower(), list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
