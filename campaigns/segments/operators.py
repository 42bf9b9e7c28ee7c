"""What an operator is, and the operators of each kind of field.

Every operator compiles to one comparison. The negative ones are the complement of a positive one, so a field that is
missing is never lost between `is` and `is_not`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from campaigns.segments import values
from campaigns.segments.query import Operand, Query, negated, never_null


@dataclass(frozen=True, slots=True)
class Operator:
    """One comparison.

    words: the clause for people, with {label} and {value}, such as "{label} is {value}".
    check: turns the JSON value into what `sql` wants, or raises ValueInvalid.
    sql: the comparison; may be NULL only where the operand is nullable.
    negative: the comparison is to be negated (after NULL was read as false).
    say: the checked value in words.
    """

    name: str
    words: str
    check: Callable[[object], Any]
    sql: Callable[[Operand, Any], Query]
    aliases: tuple[str, ...] = ()
    negative: bool = False
    say: Callable[[Any], str] = str

    def compile(self, operand: Operand, value: object) -> Query:
        """The comparison as an expression that is never NULL."""
        query = self.sql(operand, value)
        if operand.nullable:
            query = never_null(query)
        return negated(query) if self.negative else query

    def opposite(self, name: str, words: str, *aliases: str) -> Operator:
        return replace(self, name=name, words=words, aliases=aliases, negative=True)


def comparison(template: str, repeat: int = 1) -> Callable[[Operand, Any], Query]:
    """SQL made from a template such as "{} = %s::numeric"; repeat: how often the operand stands in it, first."""

    def sql(operand: Operand, value: object) -> Query:
        given = value if isinstance(value, tuple) else (value,)
        return Query(f"({template.format(*[operand.sql] * repeat)})", operand.params * repeat + given)

    return sql


def quoted(value: str) -> str:
    return f"“{value}”"


def say_list(say: Callable[[Any], str], last: str = "or") -> Callable[[Iterable[Any]], str]:
    """A writer of "a, b or c"."""

    def write(items: Iterable[Any]) -> str:
        *head, tail = [say(item) for item in items]
        return f"{', '.join(head)} {last} {tail}" if head else tail

    return write


def by_name(operators: Iterable[Operator]) -> dict[str, Operator]:
    """Each operator under its name and its aliases; a name beats an alias."""
    table: dict[str, Operator] = {}
    for operator in operators:
        for word in (operator.name, *operator.aliases):
            table.setdefault(word, operator)
    return table


# --- numbers ---------------------------------------------------------------------------------------------------------
_NUMBER_IS = Operator(
    "is", "{label} is {value}", values.number, comparison("{} = %s::numeric"), ("=", "==", "eq", "equals")
)
_NUMBER_IN = Operator(
    "in", "{label} is {value}", values.list_of(values.number),
    lambda operand, value: Query(f"({operand.sql} = ANY (%s::numeric[]))", (*operand.params, list(value))),
    ("one_of", "is_one_of", "any_of", "is_any_of"), say=say_list(str),
)  # fmt: skip
NUMBER: tuple[Operator, ...] = (
    _NUMBER_IS,
    _NUMBER_IS.opposite("is_not", "{label} is not {value}", "!=", "<>", "≠", "ne", "not_equals", "not"),
    Operator("<", "{label} is below {value}", values.number, comparison("{} < %s::numeric"),
             ("lt", "less_than", "below")),
    Operator("<=", "{label} is at most {value}", values.number, comparison("{} <= %s::numeric"),
             ("≤", "lte", "at_most")),
    Operator(">", "{label} is above {value}", values.number, comparison("{} > %s::numeric"),
             ("gt", "greater_than", "more_than", "above")),
    Operator(">=", "{label} is at least {value}", values.number, comparison("{} >= %s::numeric"),
             ("≥", "gte", "at_least")),
    Operator("between", "{label} is between {value}", values.pair_of(values.number),
             comparison("{} BETWEEN %s::numeric AND %s::numeric"), say=say_list(str, "and")),
    _NUMBER_IN,
    _NUMBER_IN.opposite("not_in", "{label} is not {value}", "none_of", "is_none_of", "not_one_of"),
)  # fmt: skip
