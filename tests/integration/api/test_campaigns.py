"""Campaigns over HTTP: drafts, verbs, progress, report, and what is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from campaigns.admin.campaign_form import CampaignForm
from campaigns.models import Campaign, Topic
from delivery import pools
from delivery.models import CampaignGuardrail, CampaignPool, Pool, PoolMember, Provider
from tests.api_client import Program, places
from tests.people import a_campaign, a_lead, a_list, a_template, boss

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


def test_a_copy_takes_the_choices_and_nothing_of_what_became_of_it() -> None:
    boss, topic = User.objects.create(username="boss"), Topic.objects.create(name="Offers")
    pool = Pool.objects.create(name="Warm", stream="marketing")
    campaign = a_campaign(state="cancelled", topic=topic, max_per_hour=500)
    CampaignPool.objects.create(campaign=campaign, pool=pool)
    counted = {"tripped": 3, "is_tripped": True, "samples": [[1, 1, 0, 0, 0]]}
    CampaignGuardrail.objects.create(campaign=campaign, is_on=False, bounces=2.5, **counted)
    program = Program(created_by=boss)

    made = program.post(f"campaigns/{campaign.pk}/duplicate", {"name": "Again"})
    unnamed = program.post(f"campaigns/{campaign.pk}/duplicate", {})

    assert (made.status_code, unnamed.status_code) == (201, 201)
    copy = Campaign.objects.get(pk=made.json()["id"])
    assert (copy.name, copy.state, copy.created_by) == ("Again", "draft", boss)
    assert unnamed.json()["name"] == f"Copy of {campaign.name}"
    assert (copy.body, copy.topic, copy.max_per_hour) == (campaign.body, topic, 500)
    assert made.json()["pool_id"] == pool.pk
    assert program.get(f"campaigns/{copy.pk}/guardrails").json()["bounces"] == 2.5
    kept = CampaignGuardrail.objects.get(campaign=copy)
    assert (kept.is_on, kept.tripped, kept.is_tripped, kept.samples) == (True, 0, False, [])


def test_a_copy_of_nothing_and_a_name_too_long_are_refused() -> None:
    assert Program().post("campaigns/999/duplicate", {}).status_code == 404
    refused = Program().post(f"campaigns/{a_campaign().pk}/duplicate", {"name": "x" * 201})
    assert refused.status_code == 422
    assert "name" in str(places(refused))
    assert Campaign.objects.count() == 1


def test_what_a_program_did_stands_in_the_history_of_the_campaign() -> None:
    client = boss()
    program, nobody = Program(created_by=User.objects.get()), Program()
    pool = Pool.objects.create(name="Warm", stream="marketing")
    made = program.post("campaigns", draft(list_id=a_list("News", a_lead()).pk))
    path = f"campaigns/{made.json()['id']}"

    program.patch(path, {"subject": "Good morning", "priority": 7})
    program.call("PUT", f"{path}/pool", {"pool_id": pool.pk})
    program.patch(f"{path}/guardrails", {"is_on": False})
    copy = program.post(f"{path}/duplicate", {"name": "Again"}).json()["id"]
    gone = nobody.post(f"{path}/duplicate", {"name": "Of nobody's"}).json()["id"]
    program.delete(f"campaigns/{copy}")
    program.post(f"{path}/launch")
    assert program.patch(f"{path}/pace", {"max_per_hour": 5}).status_code == 409
    Campaign.objects.update(state="sending")
    program.patch(f"{path}/pace", {"max_per_hour": 6})

    page = client.get(reverse("admin:campaigns_campaign_history", args=[made.json()["id"]])).content.decode()
    told = [
        "The draft was made.", "The draft was changed (priority, subject).", "The campaign leaves by the pool Warm",
        "Its guardrails are off.", "The campaign is launched.", "The pace was changed.",
    ]  # fmt: skip
    assert [words for words in told if f"By the API key “Test”: {words}" not in page] == []
    # what was refused did not happen
    assert page.count("The pace was changed.") == 1
    others = LogEntry.objects.exclude(object_id=made.json()["id"]).order_by("pk")
    assert [(one.object_id, one.object_repr, one.is_deletion()) for one in others] == [
        (str(copy), "Again", False), (str(copy), "Again", True),
    ]  # fmt: skip
    assert Campaign.objects.filter(pk=gone).exists()


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
        ({"topic_id": 2**40}, "#/topic_id"),
        ({"pool_id": 2**40}, "#/pool_id"),
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


def test_all_that_the_form_of_the_admin_sets_is_set_and_taken_away_here() -> None:
    program, mailing_list = Program(), a_list()
    topic, pool = Topic.objects.create(name="Offers"), Pool.objects.create(name="Own", is_shared=False)
    fields = {
        "topic_id": topic.pk, "pool_id": pool.pk, "priority": 9, "max_per_hour": 500, "send_from": "09:00:00",
        "send_until": "17:00:00", "send_weekdays": [1, 2], "by_local_time": True, "ignores_frequency_cap": True,
        "preheader": "p", "from_name": "Acme", "reply_to": "help@example.com", "text": "Leave: {{ unsubscribe_url }}",
    }  # fmt: skip

    made = program.post("campaigns", draft(list_id=mailing_list.pk, **fields))
    path = f"campaigns/{made.json()['id']}"
    nothing = dict.fromkeys(("topic_id", "pool_id", "max_per_hour", "send_from", "send_until"))
    kept = program.patch(path, {"name": "Summer"}).json()
    changed = program.patch(path, nothing)

    # the template fills what is written, the rest is said in other words: segment_id, list_id
    assert {*fields, *draft(), "segment_id", "list_id"} >= {
        {"topic": "topic_id", "segment": "segment_id", "mailing_list": "list_id"}.get(name, name)
        for name in CampaignForm.base_fields
        if name != "template"
    }
    assert made.status_code == 201, made.json()
    assert fields.items() <= made.json().items()
    assert fields.items() <= kept.items()
    assert changed.status_code == 200
    assert (nothing | {"priority": 9, "send_weekdays": [1, 2]}).items() <= changed.json().items()
    assert changed["ETag"] == program.get(path)["ETag"] != made["ETag"]


def test_the_pool_is_the_one_that_batches_leave_by_and_the_page_names() -> None:
    program, campaign = Program(), a_campaign()
    pool, relay = Pool.objects.create(name="Own"), Provider.objects.create(name="Relay", host="127.0.0.1", port=9)
    PoolMember.objects.create(pool=pool, provider=relay, weight=3)
    before = program.get(f"campaigns/{campaign.pk}")

    answer = program.patch(f"campaigns/{campaign.pk}", {"pool_id": pool.pk}, if_match=before["ETag"])

    assert answer.json()["pool_id"] == pool.pk
    assert pools.chosen_pool(campaign) == pools.Chosen(pool, "chosen for this campaign")
    pools.set_campaign_pool(campaign_id=campaign.pk, pool_id=None)
    assert program.get(f"campaigns/{campaign.pk}").json()["pool_id"] is None
    shown = {one["name"]: one for one in program.get("pools").json()["items"]}
    assert shown["Own"]["members"] == [{"provider_id": relay.pk, "weight": 3, "tier": 1}]
    assert program.patch(f"campaigns/{campaign.pk}", {"name": "x"}, if_match=answer["ETag"]).status_code == 412


def test_a_refused_pool_leaves_nothing_of_the_change() -> None:
    campaign, other = a_campaign(), Pool.objects.create(name="Orders", stream="transactional")

    refused = Program().patch(f"campaigns/{campaign.pk}", {"name": "Summer", "pool_id": other.pk})

    assert refused.status_code == 422
    assert "marketing" in places(refused)["#/pool_id"]
    campaign.refresh_from_db()
    assert campaign.name == "Spring"


def test_a_pool_is_chosen_by_those_who_may_launch() -> None:
    campaign, pool = a_campaign(), Pool.objects.create(name="Own")
    writer = Program(["campaigns:write", "campaigns:read"])

    for refused in (
        writer.patch(f"campaigns/{campaign.pk}", {"pool_id": pool.pk}),
        writer.post("campaigns", draft(list_id=a_list("More").pk, pool_id=pool.pk)),
    ):
        assert refused.status_code == 403
        assert refused.json()["type"] == "urn:massmailer:problem:scope-missing"
        assert "campaigns:launch" in places(refused)["#/pool_id"]
    assert Campaign.objects.count() == 1
    # what somebody else chose may be sent back as it was read
    pools.set_campaign_pool(campaign_id=campaign.pk, pool_id=pool.pk)
    same = writer.patch(f"campaigns/{campaign.pk}", {"name": "Summer", "pool_id": pool.pk})
    assert (same.status_code, same.json()["pool_id"]) == (200, pool.pk)


def test_topics_are_listed() -> None:
    Topic.objects.create(name="Offers", description="Twice a month")

    (shown,) = Program(["campaigns:read"]).get("topics").json()["items"]

    assert (shown["name"], shown["description"]) == ("Offers", "Twice a month")


def test_a_campaign_and_its_pool_are_read_by_one_query(django_assert_num_queries: Any) -> None:
    campaign, program = a_campaign(), Program()
    program.get(f"campaigns/{campaign.pk}")

    with django_assert_num_queries(1):
        assert program.get(f"campaigns/{campaign.pk}").status_code == 200
