"""Campaigns over HTTP: drafts, verbs, progress, report, and what is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from campaigns.models import Campaign
from tests.api_client import Program, places
from tests.people import a_campaign, a_lead, a_list, a_template

pytestmark = pytest.mark.django_db


def draft(**fields: Any) -> dict[str, Any]:
    body = '<p>Hello {{ lead.first_name }}. <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'
    return {"name": "Spring", "subject": "Hello", "from_email": "news@example.com", "body_format": "html", "body": body,
            **fields}  # fmt: skip


def test_a_campaign_goes_through_its_life() -> None:
    boss = User.objects.create(username="boss")
    program = Program(created_by=boss)
    mailing_list = a_list("News", a_lead())

    made = program.post("campaigns", draft(list_id=mailing_list.pk, send_from="09:00", send_until="17:00", priority=7))
    path = f"campaigns/{made.json()['id']}"
    changed = program.patch(path, {"subject": "Good morning"}, if_match=made["ETag"])
    checked = program.get(f"{path}/preflight").json()
    at = timezone.now() + dt.timedelta(days=1)
    states = [
        program.post(f"{path}/schedule", {"at": at.isoformat()}).json()["state"],
        program.post(f"{path}/unschedule").json()["state"],
        program.post(f"{path}/launch").json()["state"],
        program.post(f"{path}/cancel").json()["state"],
    ]

    assert made.status_code == 201
    assert changed.json()["subject"] == "Good morning"
    assert checked["can_be_sent"] is True
    assert states == ["scheduled", "draft", "scheduled", "cancelled"]
    campaign = Campaign.objects.get()
    assert campaign.created_by == boss
    assert (campaign.mailing_list_id, campaign.send_from) == (mailing_list.pk, dt.time(9))


def test_a_template_fills_what_is_left_out() -> None:
    template = a_template(subject="From the template")
    fields = {"name": "x", "from_email": "a@example.com", "template_id": template.pk, "list_id": a_list().pk}

    made = Program().post("campaigns", fields).json()

    assert (made["subject"], made["body"], made["body_format"]) == (template.subject, template.body, "mjml")


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"body": "<p>No way out</p>"}, "#/body"),
        ({"subject": "{{ lead.frist_name }}"}, "#/subject"),
        ({"from_email": "nobody"}, "#/from_email"),
        ({"reply_to": "nobody"}, "#/reply_to"),
        ({"list_id": None}, "#/segment_id"),
        ({"list_id": 2**40}, "#/list_id"),
        ({"segment_id": 1}, "#/list_id"),
        ({"template_id": 2**40}, "#/template_id"),
        ({"priority": 10}, "#/priority"),
        ({"send_from": "09:00", "send_until": "09:00"}, "#/send_from"),
        ({"from_name": "a\nb"}, "#/from_email"),
        ({"body": None}, "#/body"),
    ],
)
def test_what_could_not_be_sent_is_refused_at_its_place(fields: dict[str, Any], place: str) -> None:
    response = Program().post("campaigns", draft(**{"list_id": a_list().pk, **fields}))

    assert response.status_code == 422
    assert place in places(response)
    assert not Campaign.objects.exists()


def test_launching_is_refused_while_preflight_finds_an_error() -> None:
    campaign = a_campaign(body_format="html", body="<p>No way out</p>")

    response = Program().post(f"campaigns/{campaign.pk}/launch")

    assert response.status_code == 422
    assert response.json()["errors"]
    assert Program().get(f"campaigns/{campaign.pk}/preflight").json()["can_be_sent"] is False


def test_what_the_state_does_not_allow_is_a_conflict_that_says_what_is_possible() -> None:
    program = Program()
    campaign = a_campaign(state="sent")

    for verb in ("launch", "pause", "resume", "cancel", "unschedule"):
        response = program.post(f"campaigns/{campaign.pk}/{verb}")
        assert response.status_code == 409, verb
        assert response.json()["type"] == "urn:massmailer:problem:state-conflict"
    assert "sent" in program.patch(f"campaigns/{campaign.pk}", {"name": "x"}).json()["detail"]
    assert program.delete(f"campaigns/{campaign.pk}").status_code == 409


def test_a_past_time_and_one_without_a_zone_are_refused() -> None:
    path = f"campaigns/{a_campaign().pk}/schedule"

    assert set(places(Program().post(path, {"at": "2020-01-01T00:00:00Z"}))) == {"#/at"}
    assert set(places(Program().post(path, {"at": "2099-01-01T00:00:00"}))) == {"#/at"}


def test_a_campaign_under_way_is_paused_and_resumed_and_watched() -> None:
    program = Program()
    path = f"campaigns/{a_campaign(state='sending').pk}"

    assert program.post(f"{path}/pause").json()["state"] == "paused"
    assert program.post(f"{path}/resume").json()["state"] == "sending"
    progress = program.get(f"{path}/progress")
    assert progress.json()["audience"] == progress.json()["pending"] == 0
    assert program.get(f"{path}/progress", if_none_match=progress["ETag"]).status_code == 304
    report = program.get(f"{path}/report").json()
    assert (report["sent"], report["links"], report["opens"]) == (0, [], {"human": 0, "machine": 0, "unsure": 0})


@pytest.mark.parametrize("part", ["", "/progress", "/report", "/preflight"])
def test_a_campaign_that_is_not_there_is_not_found(part: str) -> None:
    assert Program().get(f"campaigns/77{part}").status_code == 404


def test_writing_drafts_does_not_let_anybody_launch() -> None:
    campaign = a_campaign()

    assert Program(["campaigns:write", "campaigns:read"]).post(f"campaigns/{campaign.pk}/launch").status_code == 403
    campaign.refresh_from_db()
    assert campaign.state == "draft"
