"""Suppressions, events and providers over HTTP."""

from __future__ import annotations

import datetime as dt
import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Signal
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from campaigns.models import Lead, Suppression, SuppressionRelease
from delivery.models import Provider
from tests.api_client import Program, places
from tests.people import a_lead


@pytest.fixture(autouse=True)
def no_events(db: None) -> None:
    """Tests of other modules commit some, and flushing does not know the table."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE tracking_event")


def an_event(recorded_at: dt.datetime | None = None, *, kind: str = "open", **fields: Any) -> uuid.UUID:
    """A row as the drain writes it; recorded a while ago unless said otherwise."""
    event_id = uuid.uuid4()
    values = {"campaign_id": 1, "lead_id": 2, "at": timezone.now(), **fields}
    recorded_at = recorded_at or timezone.now() - dt.timedelta(seconds=30)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tracking_event (at, id, kind, who, campaign_id, lead_id, recorded_at, data) "
            "VALUES (%s, %s, %s, 'human', %s, %s, %s, %s)",
            [values["at"], event_id, kind, values["campaign_id"], values["lead_id"], recorded_at, values.get("data")],
        )
    return event_id


def ids(page: Any) -> list[str]:
    return [one["id"] for one in page.json()["items"]]


@pytest.mark.django_db
def test_addresses_and_domains_are_suppressed_with_their_leads() -> None:
    program = Program()
    lead = a_lead()

    made = program.post("suppressions", {"values": ["ADA@example.com", "Example.ORG"], "reason": "complaint"})
    again = program.post("suppressions", {"values": ["ada@example.com"]})

    assert (made.status_code, made.json()["new"]) == (201, 2)
    assert again.json()["new"] == 0
    assert again.json()["items"][0]["reason"] == "complaint"  # the stronger reason stays
    lead.refresh_from_db()
    assert lead.status == Lead.Status.COMPLAINED
    assert {(one.kind, one.value) for one in Suppression.objects.all()} == {
        ("address", "ada@example.com"), ("domain", "example.org"),
    }  # fmt: skip


@pytest.mark.django_db
def test_a_value_that_is_neither_is_named_by_its_place_and_nothing_is_done() -> None:
    response = Program().post("suppressions", {"values": ["a@example.com", "???", "b@"]})

    assert set(places(response)) == {"#/values/1"}
    assert not Suppression.objects.exists()


@pytest.mark.django_db
def test_whether_an_address_may_be_mailed_is_told_with_the_reason() -> None:
    program = Program()
    program.post("suppressions", {"values": ["example.org", "ada@example.com"]})
    Suppression.objects.filter(kind="address").update(value="")

    assert program.get("suppressions/check?address=bob@example.org").json()["items"][0]["kind"] == "domain"
    assert program.get("suppressions/check?address=Ada@example.com").json()["suppressed"] is True
    assert program.get("suppressions/check?address=eve@example.com").json() == {"suppressed": False, "items": []}
    assert set(places(program.get("suppressions/check?address=nobody"))) == {"address"}
    listed = program.get("suppressions?kind=domain").json()["items"]
    assert [one["value"] for one in listed] == ["example.org"]
    assert program.get(f"suppressions/{listed[0]['id']}").json()["reason"] == "manual"


@pytest.mark.django_db
def test_a_release_is_kept_with_its_key_and_reason() -> None:
    program = Program()
    lead = a_lead()
    made = program.post("suppressions", {"values": [lead.email]}).json()["items"][0]
    path = f"suppressions/{made['id']}/release"

    assert set(places(program.post(path, {}))) == {"#/why"}
    assert program.post(path, {"why": "Asked by telephone."}).status_code == 204
    assert program.post(path, {"why": "Asked by telephone."}).status_code == 404
    released = SuppressionRelease.objects.get()
    assert (released.why, released.released_by) == ("Asked by telephone.", str(program.key))
    lead.refresh_from_db()
    assert lead.status == "subscribed"


@pytest.mark.django_db
def test_events_are_followed_from_page_to_page() -> None:
    program = Program()
    now = timezone.now()
    made = [str(an_event(now - dt.timedelta(seconds=60 - number))) for number in range(5)]

    first = program.get("events?limit=3")
    second = program.get(f"events?limit=3&cursor={first.json()['next']}")
    nothing = program.get(f"events?cursor={second.json()['next']}")
    later = str(an_event(now - dt.timedelta(seconds=10), at=now - dt.timedelta(days=20)))  # came late
    third = program.get(f"events?cursor={nothing.json()['next']}")

    assert ids(first) + ids(second) == made
    assert ids(nothing) == []
    assert ids(third) == [later]


@pytest.mark.django_db
def test_events_are_filtered() -> None:
    program = Program()
    click = str(an_event(kind="click", campaign_id=7, data='{"via": "postmark"}'))
    an_event(kind="open")
    since = (timezone.now() - dt.timedelta(seconds=5)).isoformat().replace("+00:00", "Z")

    found = program.get("events?kind=click")
    assert ids(found) == [click]
    assert found.json()["items"][0]["data"] == {"via": "postmark"}
    assert ids(program.get("events?campaign_id=7")) == [click]
    assert ids(program.get("events?lead_id=99")) == []
    assert ids(program.get(f"events?since={since}")) == []


@pytest.mark.django_db(transaction=True)
def test_an_event_that_is_committed_late_is_not_passed_over() -> None:
    program = Program()
    written, done = Signal(), Signal()

    def slow_drain() -> None:
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT now()")
                    (begun,) = cursor.fetchone()
                an_event(begun)
                written.set()
                done.wait(20)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(slow_drain)
        assert written.wait(20)
        # recorded after the slow one began, and committed before it
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp() - interval '0.5 second', pg_sleep(1.1)")
        quick = str(an_event(timezone.now() - dt.timedelta(seconds=1.05)))
        meanwhile = program.get("events")
        done.set()
        work.result()
    after = program.get(f"events?cursor={meanwhile.json()['next'] or ''}")

    assert quick not in ids(meanwhile)
    assert len(ids(after)) == 2
    assert ids(after)[-1] == quick
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE tracking_event")


@pytest.mark.django_db
def test_providers_are_read_without_their_secrets() -> None:
    provider = Provider(name="Relay", host="smtp.example.com", username="hidden-user", rate_per_second=5)
    provider.credentials = {"password": "hidden-word"}
    provider.save()
    program = Program()

    listed = program.get("providers")
    one = program.get(f"providers/{provider.pk}")
    health = program.get(f"providers/{provider.pk}/health")

    assert listed.json()["items"] == [one.json()]
    assert (one.json()["rate_per_second"], one.json()["health"]) == (5, "Well")
    assert (health.json()["circuit"], health.json()["groups"]) == ("closed", [])
    assert b"hidden" not in listed.content + one.content + health.content
