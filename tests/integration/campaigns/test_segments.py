"""Conditions against a real PostgreSQL: borders as tables, injection attempts, the index, the time limit."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import override_settings

from campaigns.models import Lead, ListMembership, MailingList, Topic
from campaigns.segments import CountTimedOut, SegmentInvalid, compile_condition, count, describe, sample, validate

pytestmark = pytest.mark.django_db
CREATED = dt.datetime(2025, 1, 31, 12, tzinfo=dt.UTC)


def make_lead(**fields: Any) -> Lead:
    return Lead.objects.create(**{"email": "anna@example.com", **fields})


def means(field: str, op: str, value: Any = None) -> bool:
    return count({"field": field, "op": op, "value": value}) == 1


@pytest.mark.parametrize("condition", [{}, {"all": []}, {"not": {"any": []}}])
def test_an_empty_condition_means_everybody(condition: dict[str, Any]) -> None:
    make_lead()
    make_lead(email="ben@example.com")
    assert count(condition) == 2


@pytest.mark.parametrize(
    ("stored", "op", "value", "expected"),
    [
        ("Berlin", "is", "bERLIN", True),
        ("Berlin", "is_exactly", "berlin", False),
        ("Berlin", "is_exactly", "Berlin", True),
        ("100 %", "contains", "%", True),
        ("100", "contains", "%", False),
        ("a_b", "is", "A_B", True),
        ("axb", "contains", "a_b", False),
        ("a\\b", "ends_with", "\\B", True),
        ("10115", "starts_with", "101", True),
        (10115, "starts_with", "101", True),
        (["Berlin"], "contains", "Berlin", False),
        ("5", "is", 5, True),
        ("5.0", "is", 5, True),
        ("+5", ">=", 5, True),
        (" 7 ", "between", [6, 8], True),
        ("7 km", ">", 1, False),
        ("7 km", "is_not", 7, True),
        (0.1, "is", 0.1, True),
        (5, "in", [4, 5], True),
        (True, "is", True, True),
        ("TRUE", "is", True, True),
        (1, "is", True, False),
        ("no", "is_not", True, True),
        ("2025-01-31", "on", "2025-01-31", True),
        ("2025-02-01", "after", "2025-01-31", True),
        ("2025-01-31", "after", "2025-01-31", False),
        ("2025-01-31T23:59:59.999Z", "on", "2025-01-31", True),
        ("2025-02-01T01:00+02:00", "on", "2025-01-31", True),
        ("2025-02-30", "after", "2000-01-01", False),
        ("31.01.2025", "after", "2000-01-01", False),
        ("2025-02-30", "not_on", "2025-02-28", True),
        ("1999-12-31", "more_than_days_ago", 1000, True),
        ("", "is_empty", None, True),
        (None, "is_empty", None, True),
        ([], "is_empty", None, True),
        ({}, "is_empty", None, True),
        (0, "is_empty", None, False),
        (False, "is_set", None, True),
    ],
)
def test_attributes_are_compared_by_type(stored: Any, op: str, value: Any, expected: bool) -> None:
    make_lead(attributes={"x": stored})
    assert means("attributes.x", op, value) is expected


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("is", "Berlin", False), ("is_not", "Berlin", True), ("not_contains", "B", True), ("<", 5, False),
        ("is_not", 5, True), ("is_not", True, True), ("is_not", False, True), ("is_empty", None, True),
        ("is_set", None, False), ("before", "2025-01-01", False), ("not_on", "2025-01-01", True),
    ],
)  # fmt: skip
def test_a_missing_attribute_is_in_every_negative_comparison(op: str, value: Any, expected: bool) -> None:
    make_lead(attributes={"other": 1})
    assert means("attributes.x", op, value) is expected


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("before", "2025-01-31", False), ("before", "2025-02-01", True), ("before", "2025-01-31T12:00:01Z", True),
        ("before", "2025-01-31T12:00Z", False), ("after", "2025-01-31T12:00Z", False), ("after", "2025-01-30", True),
        ("after", "2025-01-31T14:00+03:00", True), ("on", "2025-01-31", True), ("on_or_after", "2025-01-31", True),
        ("on_or_before", "2025-01-31", True), ("on_or_before", "2025-01-31T11:59", False),
        ("between", ["2025-01-31", "2025-01-31"], True), ("between", ["2025-02-01", "2025-02-02"], False),
        ("older_than_days", 30, True), ("in the last days", 30, False),
    ],
)  # fmt: skip
def test_a_day_without_a_time_is_the_whole_day(op: str, value: Any, expected: bool) -> None:
    make_lead(created_at=CREATED)
    assert means("created_at", op, value) is expected


@override_settings(TIME_ZONE="America/New_York")
def test_days_are_those_of_the_installations_time_zone() -> None:
    make_lead(created_at=dt.datetime(2025, 2, 1, 4, 59, tzinfo=dt.UTC), attributes={"at": "2025-01-31 23:59"})
    assert means("created_at", "on", "2025-01-31")
    assert means("attributes.at", "before", "2025-02-01T05:00Z")
    assert means("attributes.at", "after", "2025-02-01T04:58Z")


def test_relative_dates_go_by_the_databases_clock() -> None:
    make_lead()
    old = make_lead(email="old@example.com")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE campaigns_lead SET created_at = now() - interval '31 days' WHERE id = %s", [old.pk])
    assert count({"field": "created_at", "op": "in_last_days", "value": 30}) == 1
    assert sample({"field": "created_at", "op": "more_than_days_ago", "value": 30}) == [old]
    assert count({"field": "created_at", "op": "in_next_days", "value": 1}) == 0


def test_addresses_and_domains_are_compared_in_the_stored_form() -> None:
    make_lead(email="anna@xn--exmple-cua.com")
    assert means("email", "is", " Anna@exämple.com ")
    assert means("email_domain", "is", "@EXÄMPLE.com")
    assert means("email_domain", "in", ["example.org", "exämple.com"])
    assert means("email", "starts_with", "ANNA")


def test_lists_by_name_or_id_mean_subscribed_members() -> None:
    news, offers = MailingList.objects.create(name="News"), MailingList.objects.create(name="Offers")
    subscribed, left, outside = (make_lead(email=f"{name}@example.com") for name in ("a", "b", "c"))
    ListMembership.objects.create(lead=subscribed, mailing_list=news)
    ListMembership.objects.create(lead=left, mailing_list=news, status="unsubscribed")
    assert sample({"field": "list", "op": "member_of", "value": "News"}) == [subscribed]
    assert sample({"field": "list", "op": "member_of", "value": [offers.pk, news.pk]}) == [subscribed]
    assert sample({"field": "list", "op": "not_member_of", "value": "News"}) == [outside, left]
    assert sample({"field": "list", "op": "unsubscribed_from", "value": "News"}) == [left]
    assert describe({"field": "list", "op": "in", "value": news.pk}) == (
        "Leads where the lead is subscribed to the list “News”."
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Nevs", "there is no list 'Nevs'; did you mean News?"),
        (77, "there is no list with the id 77; use a list's name in quotes"),
        (2**70, f"there is no list with the id {2**70}; use a list's name in quotes"),
        ("quite different", "there is no list 'quite different'; the lists are News"),
    ],
)
def test_a_list_that_does_not_exist_is_named_with_the_nearest(value: Any, message: str) -> None:
    MailingList.objects.create(name="News")
    with pytest.raises(SegmentInvalid) as caught:
        validate({"all": [{"field": "list", "op": "not_member_of", "value": ["News", value]}]})
    assert str(caught.value) == f"all[0]: {message}"


HOSTILE = [
    "'; DROP TABLE campaigns_lead; --", "x' OR '1'='1", "%s", "%(x)s", "%", "\\'; SELECT pg_sleep(9); --", "{0}", "$1",
    "a'||(SELECT email FROM campaigns_lead LIMIT 1)||'", '"}\'::jsonb OR TRUE --', "\u2019 OR 1=1", "?", "]]", "a.b.c",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_ever_a_value(text: str) -> None:
    make_lead(first_name="Anna", attributes={"x": "y"})
    for op in ("is", "contains", "starts_with", "ends_with", "in"):
        assert not means("first_name", op, text)
        assert not means("attributes.x", op, text)
        assert not means(f"attributes.{text}", op, "y")
    for op in ("has", "has_any", "has_all"):
        assert not means("tags", op, text)
    assert not means(f"attributes.{text}", "<", 5)
    assert not means(f"attributes.{text}", "before", "2030-01-01")
    assert not means(f"attributes.{text}", "is_exactly", text)
    for condition in (
        {"field": text, "op": "is", "value": "x"},
        {"field": "first_name", "op": text, "value": "x"},
        {"field": "status", "op": "is", "value": text},
        {"field": "created_at", "op": "before", "value": text},
        {"field": "list", "op": "in", "value": text},
        {text: []},
    ):
        with pytest.raises(SegmentInvalid):
            count(condition)
    assert Lead.objects.count() == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_found_where_it_stands(text: str) -> None:
    lead = make_lead(first_name=text[:100], attributes={text: text}, tags=[text])
    everything = {
        "all": [
            {"field": "first_name", "op": "is", "value": text},
            {"field": "first_name", "op": "contains", "value": text},
            {"field": f"attributes.{text}", "op": "is", "value": text},
            {"field": f"attributes.{text}", "op": "is_exactly", "value": text},
            {"field": "tags", "op": "has", "value": text},
        ]
    }
    assert sample(everything) == [lead]


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ({"field": "tags", "op": "has", "value": "vip"}, "lead_tags"),
        ({"field": "tags", "op": "has_any", "value": ["vip", "new"]}, "lead_tags"),
        ({"field": "attributes.city", "op": "is_exactly", "value": "Berlin"}, "lead_attributes"),
        ({"field": "email", "op": "is", "value": "anna@example.com"}, "campaigns_lead_email"),
        ({"field": "created_at", "op": "in_last_days", "value": 1}, "lead_created"),
    ],
)
def test_the_planner_can_use_the_index(condition: dict[str, Any], index: str) -> None:
    query = compile_condition(condition)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            f"EXPLAIN (FORMAT JSON) SELECT lead.id FROM campaigns_lead lead WHERE {query.where}", query.params
        )
        assert index in json.dumps(cursor.fetchone()[0])


def test_a_slow_count_is_stopped_with_a_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    make_lead()
    slow = compile_condition({})
    monkeypatch.setattr(
        "campaigns.segments.counting.compile_condition", lambda _: type(slow)("pg_sleep(5) IS NULL", ())
    )
    with pytest.raises(CountTimedOut, match=r"longer than 0\.05 seconds and was stopped"):
        count({}, timeout_seconds=0.05)
    assert Lead.objects.count() == 1, "the outer transaction is still usable"


def test_the_time_limit_ends_with_the_count() -> None:
    with transaction.atomic():
        count({}, timeout_seconds=3)
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("0",)


def test_a_sample_is_the_newest_leads_and_bounded() -> None:
    leads = Lead.objects.bulk_create(Lead(email=f"p{number}@example.com") for number in range(120))
    assert sample({}, 2) == [leads[-1], leads[-2]]
    assert len(sample({}, 1000)) == 100


def test_topics_that_were_declined_and_pauses_choose_leads() -> None:
    topic = Topic.objects.create(name="Offers")
    for name, fields in {
        "ann": {"declined_topics": [topic.pk]},
        "bob": {"declined_topics": [topic.pk + 1], "paused_until": "2099-05-06T00:00Z"},
        "cat": {},
    }.items():
        Lead.objects.create(email=f"{name}@example.com", **fields)

    assert found({"field": "topic", "op": "declined", "value": "Offers"}) == {"ann"}
    assert found({"field": "topic", "op": "not_declined", "value": topic.pk}) == {"bob", "cat"}
    assert found({"field": "paused_until", "op": "after", "value": "2099-01-01"}) == {"bob"}
    assert found({"not": {"field": "paused_until", "op": "after", "value": "2099-01-01"}}) == {"ann", "cat"}
    with pytest.raises(SegmentInvalid, match=r"did you mean|Offers"):
        validate({"field": "topic", "op": "declined", "value": "Ofers"})


def found(condition: object) -> set[str]:
    query = compile_condition(condition)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT email FROM campaigns_lead lead WHERE {query.where}", query.params)
        return {email.partition("@")[0] for (email,) in cursor.fetchall()}
