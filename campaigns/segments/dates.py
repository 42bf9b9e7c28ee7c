"""Operators of dates and times. Relative ones go by the database's clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from campaigns.segments import values
from campaigns.segments.operators import Operator, comparison
from campaigns.segments.query import Operand, Query
from campaigns.segments.values import Moment

DAY_SECONDS = 86_400
# and not now(): a lead that was made earlier in the same transaction would lie in the future
_NOW = "statement_timestamp()"
_SPAN = "make_interval(secs => %s::float8)"


def _before(operand: Operand, value: Moment) -> Query:
    return Query(f"({operand.sql} < %s::timestamptz)", (*operand.params, value.start))


def _on_or_after(operand: Operand, value: Moment) -> Query:
    return Query(f"({operand.sql} >= %s::timestamptz)", (*operand.params, value.start))


def _after(operand: Operand, value: Moment) -> Query:
    sign = ">=" if value.is_day else ">"
    return Query(f"({operand.sql} {sign} %s::timestamptz)", (*operand.params, value.end))


def _on_or_before(operand: Operand, value: Moment) -> Query:
    sign = "<" if value.is_day else "<="
    return Query(f"({operand.sql} {sign} %s::timestamptz)", (*operand.params, value.end))


def _both(operand: Operand, low: Moment, high: Moment) -> Query:
    first, second = _on_or_after(operand, low), _on_or_before(operand, high)
    return Query(f"({first.where} AND {second.where})", first.params + second.params)


def _between(operand: Operand, value: tuple[Moment, Moment]) -> Query:
    return _both(operand, *value)


def _on(operand: Operand, value: Moment) -> Query:
    return _both(operand, value, value)


def _say(value: Any) -> str:
    return " and ".join(moment.words for moment in value) if isinstance(value, tuple) else value.words


def _say_days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"


def _relative(template: str, repeat: int) -> Callable[[Operand, Any], Query]:
    """SQL with {0} for the operand and, after all of those, %s for a number of seconds."""

    def sql(operand: Operand, days: int) -> Query:
        return comparison(template, repeat)(operand, days * DAY_SECONDS)

    return sql


_ON = Operator("on", "{label} is on {value}", values.moment, _on, ("is", "=", "=="), say=_say)
DATE: tuple[Operator, ...] = (
    Operator("before", "{label} is before {value}", values.moment, _before, ("<", "lt", "earlier_than"), say=_say),
    Operator("after", "{label} is after {value}", values.moment, _after, (">", "gt", "later_than"), say=_say),
    _ON,
    _ON.opposite("not_on", "{label} is not on {value}", "is_not", "!=", "<>", "≠"),
    Operator("on_or_before", "{label} is on or before {value}", values.moment, _on_or_before, ("<=", "≤", "until"),
             say=_say),
    Operator("on_or_after", "{label} is on or after {value}", values.moment, _on_or_after, (">=", "≥", "since"),
             say=_say),
    Operator("between", "{label} is between {value}", values.pair_of(values.moment), _between, say=_say),
    Operator("in_last_days", "{label} is in the last {value}", values.days,
             _relative(f"{{0}} <= {_NOW} AND {{0}} >= {_NOW} - {_SPAN}", 2),
             ("in_the_last_days", "in_last", "in_the_last", "last_days", "within_days", "within_last_days"),
             say=_say_days),
    Operator("more_than_days_ago", "{label} is more than {value} ago", values.days,
             _relative(f"{{0}} < {_NOW} - {_SPAN}", 1),
             ("older_than_days", "days_ago_more_than", "before_days_ago", "older_than"), say=_say_days),
    Operator("in_next_days", "{label} is in the next {value}", values.days,
             _relative(f"{{0}} >= {_NOW} AND {{0}} <= {_NOW} + {_SPAN}", 2),
             ("in_the_next_days", "in_next", "in_the_next", "next_days"), say=_say_days),
)  # fmt: skip
