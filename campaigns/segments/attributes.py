"""The operators of `attributes.<name>`: the operator and the JSON type of the value decide what is compared.

Imported files carry text, forms and APIs carry numbers and booleans; so text that reads as a number, a date or a
boolean counts as one. Whatever cannot be read as the wanted type is as if it were missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from django.utils import timezone

from campaigns.segments import values
from campaigns.segments.dates import DATE
from campaigns.segments.errors import ValueInvalid
from campaigns.segments.operators import NUMBER, Operator, by_name, quoted
from campaigns.segments.query import Operand, Query
from campaigns.segments.text import FOLDED, IS_ALIASES, IS_NOT_ALIASES, PARTS, presence

MAX_NAME = 100
_VALUE = "(lead.attributes -> %s::text)"
_TEXT = "(lead.attributes ->> %s::text)"
_NUMBER_PATTERN = "^ *[+-]?[0-9]{1,30}([.][0-9]{1,30})? *$"
_DAY_PATTERN = "[12][0-9]{3}-[0-9]{2}-[0-9]{2}"
_CLOCK_PATTERN = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?"
_LOCAL_PATTERN = f"^{_DAY_PATTERN}([ T]{_CLOCK_PATTERN})?$"
_ZONED_PATTERN = f"^{_DAY_PATTERN}[ T]{_CLOCK_PATTERN}(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])$"

# arrays and objects are not text; numbers and booleans are, as they are printed
_AS_TEXT = f"CASE WHEN jsonb_typeof{_VALUE} IN ('string', 'number', 'boolean') THEN {_TEXT} END"
_AS_NUMBER = (
    f"CASE WHEN jsonb_typeof{_VALUE} = 'number' THEN {_VALUE}::numeric "
    f"WHEN jsonb_typeof{_VALUE} = 'string' AND {_TEXT} ~ '{_NUMBER_PATTERN}' THEN {_TEXT}::numeric END"
)
# pg_input_is_valid refuses the 30th of February, which a cast would stop the whole statement for
_AS_TIME = (
    f"CASE WHEN {_TEXT} ~ '{_LOCAL_PATTERN}' AND pg_input_is_valid({_TEXT}, 'timestamp') "
    f"THEN {_TEXT}::timestamp AT TIME ZONE %s::text "
    f"WHEN {_TEXT} ~ '{_ZONED_PATTERN}' AND pg_input_is_valid({_TEXT}, 'timestamptz') THEN {_TEXT}::timestamptz END"
)
_EMPTY = """COALESCE({} IN ('null'::jsonb, '""'::jsonb, '[]'::jsonb, '{{}}'::jsonb), TRUE)"""


def check_name(name: str) -> str:
    """The attribute's name as it stands after `attributes.`. Raises ValueInvalid."""
    if not name:
        raise ValueInvalid("the attribute's name is missing; write attributes.city for the attribute city")
    if len(name) > MAX_NAME:
        raise ValueInvalid(f"the attribute's name is longer than {MAX_NAME} characters")
    return values.storable(name)


Comparison = tuple[Operator, Operand]


def tables(name: str, value: object) -> list[dict[str, Comparison]]:
    """Comparisons by the operator's name, one table a type, the likeliest type for this JSON value first."""
    example = value[0] if isinstance(value, list) and value else value
    if isinstance(example, bool):
        return [_boolean(name), _number(name), _date(name), _text(name)]
    if isinstance(example, int | float):
        return [_number(name), _date(name), _text(name)]
    return [_text(name), _date(name), _number(name), _boolean(name)]


def _table(operators: Iterable[Operator], operand: Operand) -> dict[str, Comparison]:
    return {word: (operator, operand) for word, operator in by_name(operators).items()}


def _text(name: str) -> dict[str, Comparison]:
    as_text = Operand(f"({_AS_TEXT})", (name, name), nullable=True)
    # these two are never NULL; a COALESCE around the containment would keep the index from being used
    raw, whole = Operand(_VALUE, (name,)), Operand("lead.attributes")
    return {
        **_table(presence(_EMPTY), raw),
        **_table([_exactly(name)], whole),
        **_table((*FOLDED, *PARTS), as_text),
    }


def _number(name: str) -> dict[str, Comparison]:
    return _table(NUMBER, Operand(f"({_AS_NUMBER})", (name,) * 5, nullable=True))


def _date(name: str) -> dict[str, Comparison]:
    zone = timezone.get_default_timezone_name()
    params = (name, name, name, zone, name, name, name)
    return _table(DATE, Operand(f"({_AS_TIME})", params, nullable=True))


def _boolean(name: str) -> dict[str, Comparison]:
    is_op = Operator("is", "{label} is {value}", _check_boolean, _holds(name), IS_ALIASES, say=lambda v: str(v).lower())
    is_not = is_op.opposite("is_not", "{label} is not {value}", *IS_NOT_ALIASES)
    return _table((is_op, is_not), Operand("lead.attributes"))


def _exactly(name: str) -> Operator:
    """Text with the same capital letters: the one text comparison that the index on attributes serves."""

    def sql(_: Operand, value: str) -> Query:
        return Query("(lead.attributes @> %s::jsonb)", (json.dumps({name: value}),))

    return Operator("is_exactly", "{label} is exactly {value}", values.text, sql, ("===", "exactly"), say=quoted)


def _holds(name: str) -> Callable[[Operand, Any], Query]:
    def sql(_: Operand, value: bool) -> Query:
        written = json.dumps({name: value})
        as_text = f"COALESCE(lower({_TEXT}) = %s::text, FALSE)"
        return Query(f"(lead.attributes @> %s::jsonb OR {as_text})", (written, name, "true" if value else "false"))

    return sql


def _check_boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueInvalid(f"the value must be true or false without quotes, not {values.kind_of(value)}")
    return value
