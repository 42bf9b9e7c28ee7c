"""Leads over HTTP: one, ten thousand, changed, erased."""

from __future__ import annotations

import json
from typing import Any

import pytest

from campaigns.models import Lead, ListMembership, MailDomain, Suppression
from tests.api_client import Program, places
from tests.people import a_lead, a_list

pytestmark = pytest.mark.django_db


def ndjson(*lines: Any) -> bytes:
    return b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in lines)


def bulk(
    program: Program, raw: bytes, query: str = "", content_type: str = "application/x-ndjson", **headers: str
) -> Any:
    return program.post(f"leads/bulk{query}", raw=raw, content_type=content_type, **headers)


def test_a_lead_is_made_and_then_changed_by_its_address() -> None:
    program = Program()
    mailing_list = a_list()

    made = program.post("leads", {"email": " Ada@Example.COM", "tags": ["a"], "attributes": {"city": "London", "n": 1},
                                  "list_ids": [mailing_list.pk]})  # fmt: skip
    again = program.post("leads", {"email": "ada@example.com", "first_name": "Ada", "tags": ["b"],
                                   "attributes": {"city": None, "m": 2}})  # fmt: skip

    assert (made.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == made.json()["id"]
    lead = Lead.objects.get()
    assert (lead.email, lead.first_name, lead.tags) == ("ada@example.com", "Ada", ["a", "b"])
    assert lead.attributes == {"n": 1, "m": 2}
    assert again.json()["lists"][0]["list_id"] == mailing_list.pk
    assert MailDomain.objects.filter(domain="example.com").exists()


def test_an_upsert_never_brings_somebody_back_to_mail() -> None:
    program = Program()
    lead = a_lead(status="unsubscribed")
    mailing_list = a_list("News", lead)
    ListMembership.objects.update(status="unsubscribed")

    program.post("leads", {"email": lead.email, "status": "subscribed", "list_ids": [mailing_list.pk]})
    bulk(program, ndjson({"email": lead.email, "status": "subscribed"}), f"?list_id={mailing_list.pk}")

    lead.refresh_from_db()
    assert lead.status == "unsubscribed"
    assert ListMembership.objects.get().status == "unsubscribed"


def test_every_wrong_field_of_a_lead_is_named() -> None:
    response = Program().post("leads", {"email": "nobody", "language": "Klingon!", "time_zone": "Mars/Olympus"})

    assert response.status_code == 422
    assert set(places(response)) == {"#/email"} or set(places(response)) == {"#/language", "#/time_zone"}
    response = Program().post("leads", {"email": "a@example.com", "language": "Klingon!", "time_zone": "Mars/Olympus"})
    assert set(places(response)) == {"#/language", "#/time_zone"}
    assert set(places(Program().post("leads", {"email": "a@example.com", "list_ids": [7]}))) == {"#/list_ids"}
    assert not Lead.objects.exists()


def test_lines_of_json_have_each_their_result() -> None:
    old = a_lead("old@example.com")
    mailing_list = a_list()
    raw = ndjson(
        {"email": "new@example.com", "tags": ["x", "y, z"], "attributes": {"city": "Oslo"}},
        {"email": "OLD@example.com", "first_name": "=1+1"},
        {"email": "nobody"},
        b"{",
        {"email": "a@example.com", "surname": "x"},
        {"email": "new@example.com", "last_name": "Last", "time_zone": "Mars"},
        b"",
        {"email": "b@example.com", "status": "perhaps"},
    )

    answer = bulk(Program(), raw, f"?list_id={mailing_list.pk}").json()

    assert {key: answer[key] for key in ("created", "updated", "repeated", "rejected")} == {
        "created": 1, "updated": 1, "repeated": 1, "rejected": 4,
    }  # fmt: skip
    lines = {one["line"]: one for one in answer["lines"]}
    assert [lines[n]["result"] for n in (1, 2, 3, 4, 5, 6, 8)] == [
        "repeated", "updated", "rejected", "rejected", "rejected", "created", "rejected",
    ]  # fmt: skip
    assert lines[2]["lead_id"] == old.pk
    assert "surname" in lines[5]["detail"]
    assert "time zone" in lines[6]["detail"]
    new = Lead.objects.get(email="new@example.com")
    assert (new.last_name, new.pk) == ("Last", lines[6]["lead_id"])
    old.refresh_from_db()
    assert old.first_name == "=1+1"
    assert set(mailing_list.leads.values_list("email", flat=True)) == {"new@example.com", "old@example.com"}


def test_a_csv_body_is_read_as_an_import_reads_it() -> None:
    raw = "E-Mail;Vorname;Stadt\nann@example.com;Änne;Köln\nnobody;x;y\n".encode("cp1252")

    answer = bulk(Program(), raw, content_type="text/csv").json()

    assert [(one["line"], one["result"]) for one in answer["lines"]] == [(2, "created"), (3, "rejected")]
    lead = Lead.objects.get()
    assert (lead.first_name, lead.attributes) == ("Änne", {"stadt": "Köln"})


@pytest.mark.parametrize(
    ("raw", "content_type", "status"),
    [(b"", "text/csv", 422), (b"\n", "application/x-ndjson", 422), (b"name\nx\n", "text/csv", 422),
     (b"{}", "application/json", 415), (b"a" * (20 * 1024 * 1024 + 1), "text/csv", 413)],
)  # fmt: skip
def test_a_body_that_is_no_file_of_leads_is_refused(raw: bytes, content_type: str, status: int) -> None:
    assert bulk(Program(), raw, content_type=content_type).status_code == status


def test_ten_thousand_leads_in_one_request_and_not_one_more() -> None:
    program = Program()
    lines = [{"email": f"lead{number}@example.com", "first_name": "L"} for number in range(10_000)]
    raw = ndjson(*lines)

    first = bulk(program, raw, idempotency_key="bulk")
    again = bulk(program, raw, idempotency_key="bulk")
    more = bulk(program, raw + ndjson({"email": "one@example.com"}))

    assert first.json()["created"] == 10_000
    assert again["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    assert more.status_code == 422
    assert Lead.objects.count() == 10_000


def test_a_change_replaces_what_is_sent_and_only_where_nobody_was_faster() -> None:
    program = Program()
    lead, other = a_lead(tags=["a"], attributes={"x": 1}), a_lead("other@example.com")
    tag = program.get(f"leads/{lead.pk}")["ETag"]

    changed = program.patch(f"leads/{lead.pk}", {"tags": ["b"], "attributes": {"y": 2}, "status": "unsubscribed"})

    assert changed.json()["tags"] == ["b"]
    assert changed.json()["attributes"] == {"x": 1, "y": 2}
    assert changed.json()["status"] == "unsubscribed"
    assert program.patch(f"leads/{lead.pk}", {"first_name": "x"}, if_match=tag).status_code == 412
    assert set(places(program.patch(f"leads/{lead.pk}", {"email": other.email}))) == {"#/email"}


def test_leads_are_found_by_address_tag_status_and_list() -> None:
    program = Program()
    ada, bob = a_lead(tags=["vip"]), a_lead("bob@example.com", status="bounced")
    mailing_list = a_list("News", bob)

    def found(query: str) -> list[int]:
        return [one["id"] for one in program.get(f"leads?{query}").json()["items"]]

    assert found("email=ADA@example.com") == [ada.pk]
    assert found("tag=vip") == [ada.pk]
    assert found("status=bounced") == [bob.pk]
    assert found(f"list_id={mailing_list.pk}") == [bob.pk]
    assert found("email=nobody%40example.com") == []


def test_erasing_takes_a_scope_of_its_own_and_leaves_the_hash() -> None:
    lead = a_lead(status="complained")

    assert Program(["leads:write"]).delete(f"leads/{lead.pk}").status_code == 403
    program = Program(["leads:erase"])
    assert program.delete(f"leads/{lead.pk}").status_code == 204
    assert program.delete(f"leads/{lead.pk}").status_code == 404
    assert Suppression.objects.get().value == ""
