"""Random conditions on random leads: the SQL on a real PostgreSQL must mean what plain Python says."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from campaigns.models import Lead, ListMembership, MailingList
from campaigns.segments import compile_condition, describe
from tests.integration.campaigns.oracle import Person, holds

NOW = dt.datetime(2025, 3, 1, 12, tzinfo=dt.UTC)
LISTS = ("News", "Offers")
TAGS = ("vip", "VIP", "new", "it's", 'quo"te', "{x}")
NAMES = ("city", "it's 'a\"b %s {0}.y")
LETTERS = st.text(alphabet="aAbBeEzZäÄßéİıΣσ%_\\'\"(; -0159.@日", max_size=6)  # noqa: RUF001  (hard to fold)
WORDS = st.one_of(
    st.sampled_from(["Berlin", "berlin", "BER", "er", "5", "5.0", "true", "de", "100%", "1000", "a_b", "axb"]), LETTERS
)
FILLED = WORDS.filter(bool)
NUMBERS = st.one_of(st.sampled_from([0, 5, 5.0, 5.5, -3, 7, 1e22, 0.1]), st.integers(-9, 9))
TIMES = st.sampled_from(
    ["2025-01-31", "2025-03-01", "2025-02-28T10:00", "2025-01-31T23:30:00+02:00", "2025-03-01T12:00:00Z",
     "2025-01-31 00:00", "2025-02-22T12:00:00.000001+00:00"]
)  # fmt: skip
DAYS = st.sampled_from([0, 1, 7, 29, 400])
JSON_VALUES = st.one_of(
    WORDS, NUMBERS, TIMES, st.booleans(), st.none(),
    st.sampled_from([" 7 ", "+5", "5,5", "1e3", "TRUE", "False", "2025-02-30", "2025-01-31T24:00", "", [], {},
                     ["Berlin"], {"city": "Berlin"}, [True], "nan"]),
)  # fmt: skip


def leaf(field: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "op": op} if value is None else {"field": field, "op": op, "value": value}


def text_leaves(fields: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    one = st.sampled_from(["is", "is_not", "contains", "not_contains", "starts_with", "not_starts_with", "ends_with"])
    return st.one_of(
        st.builds(leaf, fields, one, FILLED),
        st.builds(leaf, fields, st.sampled_from(["in", "not_in"]), st.lists(FILLED, min_size=1, max_size=3)),
        st.builds(leaf, fields, st.sampled_from(["is_set", "is_empty"])),
    )


def time_leaves(fields: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    absolute = st.sampled_from(["before", "after", "on", "not_on", "on_or_after", "on_or_before"])
    relative = st.sampled_from(["in_last_days", "more_than_days_ago", "in_next_days"])
    pairs = st.tuples(TIMES, TIMES).map(lambda pair: sorted(pair, key=lambda text: text[:10])).filter(ordered)
    return st.one_of(
        st.builds(leaf, fields, absolute, TIMES),
        st.builds(leaf, fields, relative, DAYS),
        st.builds(leaf, fields, st.just("between"), pairs),
    )


def ordered(pair: list[str]) -> bool:
    return pair[0][:10] < pair[1][:10] or pair[0] == pair[1]


COLUMNS = st.sampled_from(["first_name", "last_name", "language", "time_zone"])
ATTRIBUTES = st.sampled_from([f"attributes.{name}" for name in NAMES])
LEAVES = st.one_of(
    text_leaves(COLUMNS),
    text_leaves(ATTRIBUTES),
    time_leaves(st.just("created_at")),
    time_leaves(ATTRIBUTES),
    st.builds(leaf, ATTRIBUTES, st.sampled_from(["is", "is_not", "<", "<=", ">", ">="]), NUMBERS),
    st.builds(leaf, ATTRIBUTES, st.sampled_from(["in", "not_in"]), st.lists(NUMBERS, min_size=1, max_size=3)),
    st.builds(leaf, ATTRIBUTES, st.just("between"), st.tuples(NUMBERS, NUMBERS).map(sorted)),
    st.builds(leaf, ATTRIBUTES, st.sampled_from(["is", "is_not"]), st.booleans()),
    st.builds(leaf, ATTRIBUTES, st.just("is_exactly"), FILLED),
    st.builds(leaf, st.just("tags"), st.just("has"), st.sampled_from(TAGS)),
    st.builds(leaf, st.just("tags"), st.sampled_from(["has_any", "has_all", "has_none"]),
              st.lists(st.sampled_from(TAGS), min_size=1, max_size=3)),
    st.builds(leaf, st.just("tags"), st.sampled_from(["is_set", "is_empty"])),
    st.builds(leaf, st.just("list"),
              st.sampled_from(["member_of", "not_member_of", "unsubscribed_from", "unconfirmed_on"]),
              st.sampled_from(LISTS)),
    st.builds(leaf, st.just("status"), st.sampled_from(["is", "is_not"]), st.sampled_from(Lead.Status.values)),
    st.builds(leaf, st.just("email_domain"), st.sampled_from(["is", "is_not"]),
              st.sampled_from(["example.com", "Example.org"])),
    st.builds(leaf, st.just("email"), st.sampled_from(["contains", "ends_with"]), FILLED),
)  # fmt: skip


def trees(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    if depth == 0:
        return LEAVES
    children = st.lists(trees(depth - 1), max_size=3)
    return st.one_of(
        LEAVES,
        st.builds(lambda nodes: {"all": nodes}, children),
        st.builds(lambda nodes: {"any": nodes}, children),
        st.builds(lambda node: {"not": node}, trees(depth - 1)),
    )


COLUMN_VALUES = st.one_of(st.just(""), WORDS)
PEOPLE = st.lists(
    st.builds(
        Person,
        columns=st.fixed_dictionaries({
            "first_name": COLUMN_VALUES, "last_name": COLUMN_VALUES, "time_zone": COLUMN_VALUES,
            "language": st.sampled_from(["", "de", "DE", "pt-br"]), "status": st.sampled_from(Lead.Status.values),
            "domain": st.sampled_from(["example.com", "example.org", "sub.example.com"]),
        }),
        created_at=st.sampled_from([
            NOW, NOW - dt.timedelta(days=7), NOW - dt.timedelta(days=7, microseconds=1), NOW + dt.timedelta(days=1),
            dt.datetime(2025, 1, 31, tzinfo=dt.UTC), dt.datetime(2025, 2, 1, tzinfo=dt.UTC),
            dt.datetime(2025, 1, 31, 21, 30, tzinfo=dt.UTC),
        ]),
        attributes=st.dictionaries(st.sampled_from(NAMES), JSON_VALUES, min_size=1),
        tags=st.lists(st.sampled_from(TAGS), max_size=3, unique=True),
        lists=st.dictionaries(st.sampled_from(LISTS), st.sampled_from(ListMembership.Status.values)),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


@pytest.fixture
def lists(db: None) -> dict[str, int]:
    return {name: MailingList.objects.create(name=name).pk for name in LISTS}


def store(people: list[Person], lists: dict[str, int]) -> None:
    """Replace all leads by `people`; number n becomes person<n>@… ."""
    Lead.objects.all().delete()
    leads = []
    for number, person in enumerate(people):
        domain = person.columns.pop("domain", None)
        if domain:
            person.columns["email"] = f"person{number}@{domain}"
        leads.append(
            Lead(created_at=person.created_at, attributes=person.attributes, tags=person.tags, **person.columns)
        )
    Lead.objects.bulk_create(leads)
    ListMembership.objects.bulk_create(
        ListMembership(lead=lead, mailing_list_id=lists[name], status=status)
        for lead, person in zip(leads, people, strict=True)
        for name, status in person.lists.items()
    )


def matching(condition: dict[str, Any]) -> set[str]:
    """Addresses of the leads that the SQL means, with the database's clock at NOW."""
    query = compile_condition(condition)
    where = query.where.replace("statement_timestamp()", "'2025-03-01T12:00:00Z'::timestamptz")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT lead.email, {where} FROM campaigns_lead lead", query.params)
        rows = cursor.fetchall()
    assert all(verdict is not None for _, verdict in rows), "an expression must never be NULL"
    return {email for email, verdict in rows if verdict}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(condition=trees(4), people=PEOPLE)
def test_sql_and_python_mean_the_same_leads(
    lists: dict[str, int], condition: dict[str, Any], people: list[Person]
) -> None:
    store(people, lists)
    expected = {person.columns["email"] for person in people if holds(condition, person, NOW)}
    event(f"matched {'none' if not expected else 'all' if len(expected) == len(people) else 'some'}")
    assert matching(condition) == expected
    assert describe(condition)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(condition=LEAVES, people=PEOPLE)
def test_every_single_comparison_and_its_complement(
    lists: dict[str, int], condition: dict[str, Any], people: list[Person]
) -> None:
    store(people, lists)
    everybody = {person.columns["email"] for person in people}
    expected = {person.columns["email"] for person in people if holds(condition, person, NOW)}
    assert matching(condition) == expected
    assert matching({"not": condition}) == everybody - expected
