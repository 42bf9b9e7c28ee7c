"""Checking and describing conditions; nothing here needs a database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from campaigns.segments import (
    FieldSpec,
    Operand,
    Operator,
    Query,
    SegmentInvalid,
    compile_condition,
    describe,
    fields,
    register_field,
    validate,
)

DE = {"field": "language", "op": "is", "value": "de"}


def errors_of(condition: Any) -> list[str]:
    with pytest.raises(SegmentInvalid) as caught:
        validate(condition)
    return [str(error) for error in caught.value.errors]


def leaf(field: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"all": [DE, leaf("langauge", "is", "de")]}, "all[1]: unknown field 'langauge'; did you mean language?"),
        ({"not": leaf("language", "iss", "de")}, "not: 'language' has no operator 'iss'; did you mean is?"),
        ({"all": [{"any": [{"not": {}}]}]}, "all[0].any[0].not: this node is empty; remove it"),
        (leaf("attributes", "is", "x"), "name the attribute too, such as attributes.city"),
        (leaf("attributes.", "is", "x"), "the attribute's name is missing"),
        (leaf("atributes.city", "is", "x"), "unknown field 'atributes.city'; did you mean attributes."),
        (
            leaf("attributes.age", "beetween", [1, 2]),
            "'attributes.age' has no operator 'beetween'; did you mean between?",
        ),
        (leaf("language", "is", 5), "the value must be text in quotes, not a number"),
        (leaf("language", "is"), "the value must be text in quotes, not missing"),
        (leaf("language", "is", ""), "to look for empty fields use the operator is_empty"),
        (leaf("language", "is_set", "x"), "this operator takes no value"),
        (leaf("language", "in", []), "the list is empty"),
        (leaf("language", "in", ["de", 5]), "the value must be text in quotes, not a number"),
        (leaf("language", "is", "x" * 1001), "the value has 1,001 characters; at most 1,000 are allowed"),
        (leaf("language", "in", ["x"] * 1001), "the list has 1,001 values; at most 1,000 are allowed"),
        (leaf("language", "in", ["x" * 900] * 200), "the values have more than 100,000 characters together"),
        (leaf("language", "is", "a\x00b"), "contains a NUL character"),
        (leaf("language", "is", "\ud800"), "half of a surrogate pair"),
        (leaf("attributes.\ud800", "is", "x"), "half of a surrogate pair"),
        (leaf("attributes.age", "<", True), "must be a number without quotes, not true or false"),
        (leaf("attributes.age", "<", float("nan")), "must be a finite number"),
        (leaf("attributes.age", "<", 10**40), "the number is too large"),
        (leaf("attributes.age", "<", 10**6000), "too long"),
        (leaf("attributes.age", "between", [5, 1]), "the first value of between is above the second; swap them"),
        (leaf("attributes.age", "between", 5), "between takes a list of two values"),
        (leaf("attributes.vip", "is", {"a": 1}), "the value must be text in quotes, not an object"),
        (leaf("status", "is", "subscribd"), "'subscribd' is no status; did you mean subscribed?"),
        (leaf("mailbox_group", "is", "zzz"), "'zzz' is no mailbox group; use one of gmail, yahoo"),
        (leaf("email", "is", "anna"), "'anna' is not an e-mail address; to look for a part of one use contains"),
        (leaf("email_domain", "is", "a b"), "'a b' is not a domain"),
        (leaf("created_at", "before", "31.01.2025"), "'31.01.2025' is not a date; give an ISO date such as 2025-01-31"),
        (leaf("created_at", "before", "2025-02-30"), "'2025-02-30' is not a date"),
        (leaf("created_at", "before", "0001-01-01T00:00Z"), "out of range"),
        (leaf("created_at", "in_last_days", "30"), "must be a whole number of days from 0 to 36500"),
        (leaf("created_at", "in_last_days", -1), "must be a whole number of days"),
        (leaf("created_at", "contains", "2025"), "'created_at' has no operator 'contains'; it has before, after"),
        ({**DE, "val": 1}, "unknown key 'val'; did you mean value?"),
        ({"field": "language", "value": "de"}, "`op` must be the name of an operator such as is, not missing"),
        ({"field": 5, "op": "is"}, "`field` must be the name of a field, not a number"),
        ({"and": [DE]}, "a node needs all, any, not or field"),
        ({"nto": DE}, "a node needs all, any, not or field; did you mean not?"),
        ({"all": [], "any": []}, "has all and any; a node has one of all, any, not or field"),
        ({"all": DE}, "all: must be a list of nodes"),
        ({"not": [DE]}, "not: a node must be an object"),
        ([DE], "a node must be an object"),
        (None, "a node must be an object"),
        ("all", "a node must be an object"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_cure(condition: Any, message: str) -> None:
    (error,) = errors_of(condition)
    assert message in error


def test_all_mistakes_are_reported_at_once() -> None:
    condition = {"all": [leaf("langauge", "is", "de"), {"not": leaf("email", "is", "x")}, {"any": 5}, DE]}
    assert [error.partition(":")[0] for error in errors_of(condition)] == ["all[0]", "all[1].not", "all[2].any"]


def nested(depth: int) -> dict[str, Any]:
    condition: dict[str, Any] = DE
    for _ in range(depth - 1):
        condition = {"not": condition}
    return condition


def test_eight_levels_are_allowed_and_nine_are_not() -> None:
    validate(nested(8))
    (error,) = errors_of(nested(9))
    assert error.endswith("nested deeper than 8 levels; move this into a tag or a list")
    assert errors_of(nested(5000)) == errors_of(nested(9)), "hostile depth stops at the limit"


def test_two_hundred_nodes_are_allowed_and_more_are_not() -> None:
    validate({"all": [DE] * 199})
    (error,) = errors_of({"all": [DE] * 200})
    assert error == "the condition has more than 200 nodes; use tags, a list or `in` instead"


def test_unknown_keys_do_not_make_endless_errors() -> None:
    assert len(errors_of({**DE, **{f"k{number}": 1 for number in range(10_000)}})) == 5


@pytest.mark.parametrize(
    ("alias", "name", "value"),
    [("=", "is", "x"), ("EQUALS", "is", "x"), ("≠", "is_not", "x"), ("begins with", "starts_with", "x"),
     ("does-not-contain", "not_contains", "x"), ("one_of", "in", ["x"]), ("exists", "is_set", None)],
)  # fmt: skip
def test_friendly_aliases_mean_the_same(alias: str, name: str, value: Any) -> None:
    assert compile_condition(leaf("language", alias, value)) == compile_condition(leaf("language", name, value))


@pytest.mark.parametrize("field", ["language", "attributes.city", "tags", "attributes.it's"])
def test_no_text_of_the_user_stands_in_the_sql(field: str) -> None:
    op = "has" if field == "tags" else "is"
    plain, hostile = compile_condition(leaf(field, op, "x")), compile_condition(leaf(field, op, "'; DROP TABLE x; --"))
    assert plain.where == hostile.where
    assert hostile.where.count("%s") == len(hostile.params)
    assert "it's" not in hostile.where


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({}, "All leads."),
        ({"all": []}, "All leads."),
        ({"any": []}, "Leads where it is nobody."),
        (DE, "Leads where language is “de”."),
        (leaf("tags", "has_all", ["a", "b", "c"]), "Leads where the tags include “a”, “b” and “c”."),
        (leaf("created_at", "in_last_days", 1), "Leads where creation date is in the last 1 day."),
        (leaf("created_at", "between", ["2025-01-01", "2025-02-01"]),
         "Leads where creation date is between 2025-01-01 and 2025-02-01."),
        (leaf("attributes.vip", "is", True), "Leads where vip is true."),
        (leaf("attributes.{x}", ">=", 5), "Leads where {x} is at least 5."),
        ({"all": [DE, {"any": [leaf("attributes.city", "contains", "ber"), {"not": leaf("last_name", "is_set")}]}]},
         "Leads where language is “de” and (city contains “ber” or not (last name is filled in))."),
        ({"not": {"any": [DE, DE]}}, "Leads where not (language is “de” or language is “de”)."),
    ],
)  # fmt: skip
def test_a_condition_reads_as_a_sentence(condition: Any, words: str) -> None:
    assert describe(condition) == words


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(fields, "_REGISTRY", dict(fields._REGISTRY))
    return iter(())


OPENED = Operator(
    "opened", "the lead opened {value}", lambda value: value, lambda _, value: Query("EXISTS (SELECT %s)", (value,))
)


def test_layers_above_add_fields(registry: None) -> None:
    register_field(FieldSpec("campaign", "campaign", (OPENED,)))
    query = compile_condition({"all": [leaf("campaign", "opened", 5), DE]})
    assert re.match(r"\(EXISTS \(SELECT %s\) AND ", query.where)
    assert query.params == (5, "de")
    register_field(FieldSpec("campaign", "campaign", (OPENED,)))  # the same once more is harmless


@pytest.mark.parametrize("name", ["language", "attributes", "not", "x.y", "X", ""])
def test_a_field_name_that_is_taken_or_odd_is_refused(registry: None, name: str) -> None:
    with pytest.raises(ValueError, match="field"):
        register_field(FieldSpec(name, "x", (OPENED,), Operand("lead.id")))
