"""What may be changed of a campaign that is being sent: pace, pool and guardrails."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.models import Campaign
from delivery import guardrails, pools
from delivery.models import CampaignGuardrail, Pool
from tests.api_client import Program, places
from tests.people import a_campaign

pytestmark = pytest.mark.django_db


@pytest.fixture
def program() -> Program:
    return Program(["campaigns:read", "campaigns:launch"])


def test_the_pace_of_a_campaign_under_way_is_changed_and_taken_away(program: Program) -> None:
    campaign = a_campaign(state="sending", max_per_hour=10, send_from="09:00", send_until="17:00", send_weekdays=[1])
    path = f"campaigns/{campaign.pk}"
    before = program.get(path)

    faster = program.patch(f"{path}/pace", {"max_per_hour": 900}, if_match=before["ETag"]).json()
    free = program.patch(f"{path}/pace", {"max_per_hour": None, "send_from": None, "send_until": None}).json()

    assert (faster["max_per_hour"], faster["send_from"], faster["send_weekdays"]) == (900, "09:00:00", [1])
    assert (free["max_per_hour"], free["send_from"], free["send_until"], free["send_weekdays"]) == (
        None,
        None,
        None,
        [1],
    )
    assert program.patch(f"{path}/pace", {"max_per_hour": 1}, if_match=before["ETag"]).status_code == 412


@pytest.mark.parametrize(
    ("fields", "place"),
    [({"send_until": "09:00"}, "#/send_from"), ({"max_per_hour": 0}, "#/max_per_hour"), ({"name": "x"}, "#/name")],
)
def test_a_pace_that_cannot_be_is_refused_at_its_place(fields: dict[str, Any], place: str, program: Program) -> None:
    campaign = a_campaign(state="paused", send_from="09:00", send_until="17:00")

    answer = program.patch(f"campaigns/{campaign.pk}/pace", fields)

    assert answer.status_code == 422
    assert place in places(answer)


def test_the_pool_is_read_and_changed_while_it_is_sent(program: Program) -> None:
    campaign, pool = a_campaign(state="sending"), Pool.objects.create(name="Own")
    path = f"campaigns/{campaign.pk}/pool"

    assert program.get(path).json()["why"] == "the default pool"
    chosen = program.call("PUT", path, {"pool_id": pool.pk})
    assert chosen.json() == {"pool_id": pool.pk, "name": "Own", "why": "chosen for this campaign"}
    assert pools.chosen_pool(campaign).pool == pool
    assert "#/pool_id" in places(program.call("PUT", path, {"pool_id": 2**40}))
    assert program.call("PUT", path, {"pool_id": None}).json()["why"] == "the default pool"
    assert program.call("PUT", path, {}).status_code == 422


def test_guardrails_of_one_campaign_are_read_and_changed(program: Program) -> None:
    campaign, everywhere = a_campaign(), guardrails.policy()
    path = f"campaigns/{campaign.pk}/guardrails"
    CampaignGuardrail.objects.create(campaign=campaign, bounces=2, tripped=3)

    changed = program.patch(path, {"complaints": 0.1, "bounces": None}).json()
    off = program.patch(path, {"is_on": False})

    assert changed["limits"]["complaints"] == changed["complaints"] == 0.1
    assert (changed["bounces"], changed["limits"]["bounces"]) == (None, everywhere.bounces)
    assert off.json() == program.get(path).json()
    assert (off.json()["is_on"], off.json()["limits"], off.json()["complaints"]) == (False, None, 0.1)
    assert CampaignGuardrail.objects.get().tripped == 3
    assert set(places(program.patch(path, {"unknowns": 101}))) == {"#/unknowns"}


@pytest.mark.parametrize(("method", "part", "body"), [
    ("PATCH", "pace", {"max_per_hour": 5}), ("PUT", "pool", {"pool_id": None}),
    ("PATCH", "guardrails", {"is_on": True}),
])  # fmt: skip
def test_what_was_cancelled_is_not_changed_any_more(method: str, part: str, body: Any, program: Program) -> None:
    campaign = a_campaign(state="cancelled")

    answer = program.call(method, f"campaigns/{campaign.pk}/{part}", body)

    assert answer.status_code == 409
    assert "cancelled" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "part"), [("PATCH", "pace"), ("PUT", "pool"), ("PATCH", "guardrails")])
def test_it_takes_the_scope_of_those_who_launch(method: str, part: str) -> None:
    campaign = a_campaign(state="sending")

    assert Program(["campaigns:write"]).call(method, f"campaigns/{campaign.pk}/{part}", {}).status_code == 403
    assert (
        Program().call(method, f"campaigns/77/{part}", {"pool_id": None} if part == "pool" else {}).status_code == 404
    )
    assert Campaign.objects.get().state == "sending"
