"""Operators of text: capital letters make no difference, wildcards have no meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from campaigns.segments import values
from campaigns.segments.operators import Operator, comparison, quoted, say_list
from campaigns.segments.query import Operand, Query

IS_ALIASES = ("=", "==", "eq", "equals")
IS_NOT_ALIASES = ("!=", "<>", "≠", "ne", "not_equals", "not")
IN_ALIASES = ("one_of", "is_one_of", "any_of", "is_any_of")
NOT_IN_ALIASES = ("none_of", "is_none_of", "not_one_of")


def escaped(value: str) -> str:
    """`value` for LIKE: its own %, _ and backslashes mean themselves."""
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def like(pattern: str) -> Callable[[Operand, Any], Query]:
    """pattern: where the escaped value stands, such as "%{}" for ends with."""

    def sql(operand: Operand, value: str) -> Query:
        given = pattern.format(escaped(value))
        return Query(f"(lower({operand.sql}) LIKE lower(%s::text))", (*operand.params, given))

    return sql


def folded_in(operand: Operand, value: tuple[str, ...]) -> Query:
    # lower() of a constant is folded when the statement is planned, which leaves one hashed list
    marks = ", ".join(["lower(%s::text)"] * len(value))
    return Query(f"(lower({operand.sql}) IN ({marks}))", (*operand.params, *value))


def exact_in(operand: Operand, value: tuple[str, ...]) -> Query:
    return Query(f"({operand.sql} = ANY (%s::text[]))", (*operand.params, list(value)))


def equality(
    check: Callable[[object], str],
    is_sql: Callable[[Operand, Any], Query],
    in_sql: Callable[[Operand, Any], Query],
) -> tuple[Operator, ...]:
    """is, is_not, in and not_in. check: for one value."""
    is_op = Operator("is", "{label} is {value}", check, is_sql, IS_ALIASES, say=quoted)
    in_op = Operator("in", "{label} is {value}", values.list_of(check), in_sql, IN_ALIASES, say=say_list(quoted))
    return (
        is_op,
        is_op.opposite("is_not", "{label} is not {value}", *IS_NOT_ALIASES),
        in_op,
        in_op.opposite("not_in", "{label} is not {value}", *NOT_IN_ALIASES),
    )


_CONTAINS = Operator(
    "contains", "{label} contains {value}", values.text, like("%{}%"), ("includes", "like"), say=quoted
)
_STARTS = Operator("starts_with", "{label} starts with {value}", values.text, like("{}%"), ("begins_with",), say=quoted)
_ENDS = Operator("ends_with", "{label} ends with {value}", values.text, like("%{}"), say=quoted)
PARTS: tuple[Operator, ...] = (
    _CONTAINS,
    _CONTAINS.opposite("not_contains", "{label} does not contain {value}", "does_not_contain", "excludes"),
    _STARTS,
    _STARTS.opposite("not_starts_with", "{label} does not start with {value}", "does_not_start_with"),
    _ENDS,
    _ENDS.opposite("not_ends_with", "{label} does not end with {value}", "does_not_end_with"),
)
FOLDED = equality(values.text, comparison("lower({}) = lower(%s::text)"), folded_in)


def presence(is_empty: str) -> tuple[Operator, ...]:
    """is_empty and is_set. is_empty: SQL with {} for the operand, true for empty, NULL or false for filled."""
    empty = Operator(
        "is_empty", "{label} is empty", values.nothing,
        lambda operand, _: Query(f"({is_empty.format(operand.sql)})", operand.params),
        ("empty", "not_set", "is_not_set", "missing", "is_missing", "not_exists"),
    )  # fmt: skip
    return empty, empty.opposite("is_set", "{label} is filled in", "set", "exists", "is_not_empty", "not_empty")


COLUMN_PRESENCE = presence("{} = ''")
TEXT = (*FOLDED, *PARTS, *COLUMN_PRESENCE)
