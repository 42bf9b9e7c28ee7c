"""`manage.py campaign_status`: the numbers as programs read them."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from bench.sink import Rule, Sink
from campaigns.models import Campaign
from delivery import unknown
from delivery.provider_log import Proof
from tests.integration.delivery.unknowns import leave_unknown

KEYS = ["state", "audience", "pending", "deferred", "sent", "bounced", "failed", "dead", "skipped", "unknown"]


def status(campaign_id: int, *options: str) -> str:
    out = StringIO()
    call_command("campaign_status", str(campaign_id), *options, stdout=out)
    return out.getvalue()


def test_json_is_one_object_that_adds_up(make_campaign: Callable[..., Campaign], sink: Sink) -> None:
    sink.behave([Rule("RCPT", "lead8@*", text="451 4.3.0 later"), Rule("RCPT", "lead9@*", text="550 5.1.1 nobody")])
    campaign = make_campaign(leads=10)
    before = json.loads(status(campaign.pk, "--json"))
    assert before == {**dict.fromkeys(KEYS, 0), "state": "launching"}

    ids = leave_unknown(campaign, 3)

    line = status(campaign.pk, "--json")
    assert line.count("\n") == 1
    found = json.loads(line)
    assert list(found) == KEYS
    assert found == {
        **dict.fromkeys(KEYS, 0), "state": "sent", "audience": 10, "sent": 5, "deferred": 1, "bounced": 1, "unknown": 3,
    }  # fmt: skip
    assert found["audience"] == sum(found[key] for key in KEYS[2:])
    assert json.loads(status(campaign.pk, "--json", "--recount")) == found
    # a decision shows at once
    unknown.mark_sent(campaign_id=campaign.pk, rows=[Proof(ids[0], 1)], by=None)
    after = json.loads(status(campaign.pk, "--json"))
    assert (after["unknown"], after["sent"]) == (2, 6)
    assert json.loads(status(campaign.pk, "--json", "--recount")) == after


def test_people_get_a_table_with_the_reason(make_campaign: Callable[..., Campaign]) -> None:
    campaign = make_campaign(leads=1)
    Campaign.objects.filter(pk=campaign.pk).update(state="draft", state_reason="No audience is chosen.")
    lines = [line.split(maxsplit=1) for line in status(campaign.pk).splitlines()]
    assert [name for name, _ in lines] == [*KEYS, "reason"]
    assert lines[-1][1] == "No audience is chosen."


@pytest.mark.django_db
def test_a_campaign_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match="no campaign 987654"):
        status(987654, "--json")
