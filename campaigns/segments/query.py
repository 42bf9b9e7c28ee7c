"""Pieces of SQL with their parameters. Text of users is only ever a parameter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Query:
    """A boolean SQL expression over the alias `lead` of campaigns_lead, with %s for each parameter."""

    where: str
    params: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Operand:
    """What an operator compares. nullable: the expression can be NULL, so its comparisons need a COALESCE."""

    sql: str
    params: tuple[object, ...] = ()
    nullable: bool = False


def joined(parts: Iterable[Query], word: str, empty: str) -> Query:
    """`(a AND b)`; `empty` when there is no part. word: AND or OR."""
    queries = list(parts)
    if not queries:
        return Query(empty)
    where = "(" + f" {word} ".join(query.where for query in queries) + ")"
    return Query(where, tuple(param for query in queries for param in query.params))


def negated(query: Query) -> Query:
    return Query(f"(NOT {query.where})", query.params)


def never_null(query: Query) -> Query:
    """The expression with NULL read as false, so that NOT is a true complement."""
    return Query(f"COALESCE({query.where}, FALSE)", query.params)
