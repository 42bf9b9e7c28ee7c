"""Operators of the topics that people have declined."""

from __future__ import annotations

from typing import Any

from campaigns.models import Topic
from campaigns.segments import values
from campaigns.segments.errors import ValueInvalid, suggestion
from campaigns.segments.operators import Operator, quoted, say_list
from campaigns.segments.query import Operand, Query


def find_topic(value: object) -> tuple[int, str]:
    """Id and name of the topic with this name (text) or id (a whole number). Asks the database. Raises ValueInvalid."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueInvalid(f"the value must be the name or the id of a topic, not {values.kind_of(value)}")
    known = dict(Topic.objects.values_list("pk", "name"))
    if isinstance(value, int):
        if value in known:
            return value, known[value]
        raise ValueInvalid(f"there is no topic with the id {value}; use a topic's name in quotes")
    wanted = values.text(value)
    for pk, name in known.items():
        if name == wanted:
            return pk, name
    near = suggestion(wanted, known.values())
    names = ", ".join(list(known.values())[:5])
    raise ValueInvalid(f"there is no topic {values.shown(value)}{near or '; the topics are ' + (names or 'none yet')}")


def _declined(operand: Operand, value: tuple[tuple[int, str], ...]) -> Query:
    return Query(f"({operand.sql} && %s::bigint[])", (*operand.params, [pk for pk, _ in value]))


def _say(found: tuple[tuple[int, str], ...]) -> str:
    return say_list(quoted)(name for _, name in found)


_TOPICS: Any = values.list_of(find_topic)
_DECLINED = Operator("declined", "the lead has declined the topic {value}", _TOPICS, _declined, say=_say)
TOPICS: tuple[Operator, ...] = (
    _DECLINED,
    _DECLINED.opposite("not_declined", "the lead has not declined the topic {value}"),
)
