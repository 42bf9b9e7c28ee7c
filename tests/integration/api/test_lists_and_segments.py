"""Lists, their members, and segments over HTTP."""

from __future__ import annotations

import pytest

from campaigns.models import ListMembership
from tests.api_client import Program, places
from tests.people import a_campaign, a_lead, a_list

pytestmark = pytest.mark.django_db


def test_a_list_is_made_changed_and_deleted() -> None:
    program = Program()

    made = program.post("lists", {"name": "News", "is_public": True})
    path = f"lists/{made.json()['id']}"

    assert (made.status_code, made.json()["members"]) == (201, 0)
    assert program.post("lists", {"name": "News"}).status_code == 409
    assert program.patch(path, {"title": "Our news"}, if_match=made["ETag"]).json()["title"] == "Our news"
    assert program.delete(path).status_code == 204
    assert program.get(path).status_code == 404


def test_a_list_that_a_campaign_goes_to_stays() -> None:
    mailing_list = a_list()
    a_campaign(mailing_list=mailing_list)

    response = Program().delete(f"lists/{mailing_list.pk}")

    assert response.status_code == 409
    assert response.json()["type"] == "urn:massmailer:problem:in-use"


def test_members_come_and_go_and_who_left_stays_away() -> None:
    program = Program()
    ada, bob = a_lead(), a_lead("bob@example.com")
    mailing_list = a_list("News", bob)
    path = f"lists/{mailing_list.pk}/members"

    def results(answer: dict[str, list[dict[str, object]]]) -> list[object]:
        return [one["result"] for one in answer["results"]]

    added = program.post(path, {"people": ["ADA@example.com", bob.pk, "nobody@example.com", "no address", 2**40]})
    assert results(added.json()) == ["added", "already", "unknown", "unknown", "unknown"]
    removed = program.post(f"{path}/remove", {"people": [ada.pk, "stranger@example.com"]})
    assert results(removed.json()) == ["removed", "unknown"]
    assert results(program.post(path, {"people": [ada.pk]}).json()) == ["left"]
    assert ListMembership.objects.get(lead=ada).status == "unsubscribed"
    members = program.get(f"{path}?limit=1").json()
    assert [one["email"] for one in members["items"]] == [ada.email]
    assert [one["lead_id"] for one in program.get(f"{path}?cursor={members['next']}").json()["items"]] == [bob.pk]
    program.post(f"{path}/remove", {"people": [ada.pk], "forget": True})
    assert results(program.post(path, {"people": [ada.pk]}).json()) == ["added"]


def test_a_segment_is_checked_said_in_words_and_counted() -> None:
    program = Program()
    a_lead(language="en")
    a_lead("eva@example.com", language="de")
    condition = {"field": "language", "op": "is", "value": "en"}

    made = program.post("segments", {"name": "English", "condition": condition})
    counted = program.get(f"segments/{made.json()['id']}/count").json()

    assert made.status_code == 201
    assert "language" in made.json()["words"]
    assert counted == {"count": 1, "words": made.json()["words"]}
    assert program.post("segments/count", {"condition": {}}).json()["count"] == 2


def test_every_mistake_of_a_condition_is_named_with_its_place() -> None:
    condition = {"all": [{"field": "langauge", "op": "is", "value": "en"}, {"not": {"field": "email", "op": "like"}}]}

    for path, body in (
        ("segments", {"name": "x", "condition": condition}),
        ("segments/count", {"condition": condition}),
    ):
        response = Program().post(path, body)
        assert response.status_code == 422
        found = places(response)
        assert "did you mean language?" in found["#/condition/all/0"]
        assert any(one.startswith("#/condition/all/1/not") for one in found)


def test_a_segment_that_a_campaign_goes_to_stays() -> None:
    program = Program()
    made = program.post("segments", {"name": "All", "condition": {}}).json()
    a_campaign(segment_id=made["id"], segment=None)
    path = f"segments/{made['id']}"

    assert program.delete(path).status_code == 409
    assert program.patch(path, {"name": "Everybody"}).json()["name"] == "Everybody"
