"""What is wrong with a piece of content, said with its place and its cure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
Part = Literal["subject", "preheader", "body", "text", "sender", "audience", "delivery", "campaign"]

PART_NAMES: dict[Part, str] = {
    "subject": "the subject",
    "preheader": "the preheader",
    "body": "the body",
    "text": "the plain text",
    "sender": "the sender",
    "audience": "the audience",
    "delivery": "the delivery set-up",
    "campaign": "the campaign",
}
# parts that are written text, so that a line and a column mean something
WRITTEN: frozenset[Part] = frozenset(("subject", "preheader", "body", "text"))


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that a marketer should change (a warning) or must change (an error).

    code: a short stable name of the rule, such as "unknown-merge-tag".
    line, column: counted from 1 in the part as the user wrote it; column counts characters.
    """

    severity: Severity
    code: str
    message: str
    part: Part
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        place = f", line {self.line}, column {self.column}" if self.part in WRITTEN else ""
        return f"{self.severity.capitalize()} in {PART_NAMES[self.part]}{place}: {self.message}"

    @property
    def is_error(self) -> bool:
        """True when the content cannot be sent like this."""
        return self.severity == "error"


class ContentInvalid(ValueError):
    """The content cannot be sent. Show `problems` to the person who wrote it: each names its place and its cure."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def place(source: str, index: int) -> tuple[int, int]:
    """The line and column of `index` in `source`, both counted from 1."""
    index = max(0, min(index, len(source)))
    line = source.count("\n", 0, index) + 1
    return line, index - (source.rfind("\n", 0, index) + 1) + 1


def problem_at(severity: Severity, code: str, message: str, part: Part, source: str, index: int) -> Problem:
    """A problem at a character index of the part's source."""
    line, column = place(source, index)
    return Problem(severity, code, message, part, line, column)
