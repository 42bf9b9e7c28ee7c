"""The questions of a subscription form beside the address: how they are written, checked and answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.leads import values

PLAIN = ("first_name", "last_name", "language")
ATTRIBUTE = "attributes."
LONGEST_ANSWER = 300
MOST_QUESTIONS = 20
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")


class QuestionInvalid(ValueError):
    """A line that is no question; the message names the line and the cure."""


class AnswerInvalid(ValueError):
    """An answer that cannot be; the message is for the person who typed it."""


@dataclass(frozen=True, slots=True)
class Question:
    """field: "first_name", "last_name", "language" or "attributes.<name>"."""

    field: str
    label: str
    required: bool = False

    def as_json(self) -> dict[str, Any]:
        return {"field": self.field, "label": self.label, "required": self.required}

    @property
    def autocomplete(self) -> str:
        """What a browser may fill in by itself."""
        return {"first_name": "given-name", "last_name": "family-name", "language": "language"}.get(self.field, "off")


def from_json(rows: Iterable[Mapping[str, Any]]) -> list[Question]:
    return [Question(row["field"], row["label"], bool(row.get("required"))) for row in rows]


def read_lines(text: str) -> list[Question]:
    """Questions from lines such as "first_name | First name | required". Raises QuestionInvalid."""
    found: list[Question] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            found.append(_read(number, line))
    names = [question.field for question in found]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise QuestionInvalid(f"{twice} is asked for twice. Leave one of the lines out.")
    if len(found) > MOST_QUESTIONS:
        raise QuestionInvalid(f"A form can have {MOST_QUESTIONS} questions at most, and people like three.")
    return found


def write_lines(questions: Iterable[Question]) -> str:
    """The same text again."""
    return "\n".join(f"{one.field} | {one.label}{' | required' if one.required else ''}" for one in questions)


def _read(number: int, line: str) -> Question:
    field, label, demand = [part.strip() for part in [*line.split("|"), "", ""][:3]]
    name = field.removeprefix(ATTRIBUTE)
    if field not in PLAIN and not (field.startswith(ATTRIBUTE) and _ATTRIBUTE_NAME.fullmatch(name)):
        raise QuestionInvalid(
            f"Line {number}: {field!r} is not a field. Use {', '.join(PLAIN)} or an attribute such as attributes.city."
        )
    if not label:
        raise QuestionInvalid(f"Line {number}: write what people read after a bar, such as “{field} | City”.")
    if demand not in ("", "required"):
        raise QuestionInvalid(f"Line {number}: after the second bar only “required” can stand, not {demand!r}.")
    return Question(field, label[:100], demand == "required")


def answer(question: Question, text: str) -> str:
    """The answer as it is stored. Raises AnswerInvalid."""
    text = " ".join(text.replace("\0", "").split())[:LONGEST_ANSWER]
    if not text:
        if question.required:
            raise AnswerInvalid(f"{question.label}: please fill this in.")
        return ""
    check = {"first_name": values.name, "last_name": values.name, "language": values.language}.get(question.field)
    try:
        return check(text) if check else text
    except values.ValueRefused as error:
        raise AnswerInvalid(f"{question.label}: {error}.") from error
