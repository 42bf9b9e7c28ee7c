"""Dead letters: tried again from the start, or closed for good."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.sink import Rule, Sink
from campaigns.models import Campaign, Lead
from delivery import collect, dead_letters, launch, sweep, unknown
from delivery.dead_letters import DeadFilter
from delivery.models import Batch, Email
from tests.integration.delivery.unknowns import checked, row_of, send_ready

MakeCampaign = Callable[..., Campaign]
RULES = [
    Rule("RCPT", "lead1@*", text="451 4.3.0 Out of Luck"),
    Rule("RCPT", "lead2@*", text="450 4.4.1 no answer from host"),
]


@pytest.fixture
def campaign(make_campaign: MakeCampaign, sink: Sink) -> Campaign:
    """Six leads, of whom two are dead letters with different replies."""
    sink.behave(RULES)
    made = make_campaign(leads=6)
    launch.launch_campaign(campaign_id=made.pk)
    send_ready(made)
    # one more failure and the retries are used up
    Email.objects.filter(status="deferred").update(tries=3)
    retry(made)
    assert checked(made).dead == 2
    return made


def retry(campaign: Campaign) -> int:
    Email.objects.filter(status="deferred").update(due_at="2020-01-01T00:00:00Z")
    collected = collect.collect_retries()
    send_ready(campaign)
    return collected


def lead_id(number: int) -> int:
    return Lead.objects.get(email=f"lead{number}@example.com").pk


def test_a_requeued_letter_is_due_now_with_all_its_tries(campaign: Campaign, sink: Sink) -> None:
    sink.behave([])
    assert dead_letters.requeue(campaign_id=campaign.pk) == 2
    found = checked(campaign)
    assert (found.dead, found.deferred) == (0, 2)
    row = row_of(campaign, lead_id(1))
    assert (row.status, row.tries, row.attempt) == ("deferred", 0, 2)
    assert collect.collect_retries() == 2
    send_ready(campaign)
    found = checked(campaign)
    assert (found.dead, found.deferred, found.sent) == (0, 0, 6)
    assert len(sink.accepted()) == 6
    assert row_of(campaign, lead_id(1)).attempt == 3


def test_a_requeued_letter_that_fails_again_has_its_retries_before_it(campaign: Campaign) -> None:
    dead_letters.requeue(campaign_id=campaign.pk, lead_ids=[lead_id(1)])
    assert retry(campaign) == 1
    row = row_of(campaign, lead_id(1))
    assert (row.status, row.tries) == ("deferred", 1)
    assert (checked(campaign).dead, checked(campaign).deferred) == (1, 1)


def test_a_discarded_letter_has_failed_for_good(campaign: Campaign) -> None:
    assert dead_letters.discard(campaign_id=campaign.pk, lead_ids=[lead_id(1)]) == 1
    found = checked(campaign)
    assert (found.dead, found.failed) == (1, 1)
    row = row_of(campaign, lead_id(1))
    assert row.status == "failed"
    assert row.reply.startswith("discarded; before: ")
    assert "Out of Luck" in row.reply
    assert dead_letters.requeue(campaign_id=campaign.pk, lead_ids=[lead_id(1)]) == 0
    assert checked(campaign) == found


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        (DeadFilter(reply="out of luck"), [1]),
        (DeadFilter(code=450), [2]),
        (DeadFilter(reply="%"), []),
        (DeadFilter(provider_id=-1), []),
        (DeadFilter(), [1, 2]),
    ],
)
def test_a_filter_chooses_by_reply_code_and_provider(campaign: Campaign, where: DeadFilter, numbers: list[int]) -> None:
    assert dead_letters.discard(campaign_id=campaign.pk, where=where) == len(numbers)
    discarded = Email.objects.filter(status="failed").values_list("lead_id", flat=True)
    assert sorted(discarded) == sorted(map(lead_id, numbers))
    assert checked(campaign).failed == len(numbers)


def test_only_dead_letters_are_touched(campaign: Campaign) -> None:
    before = checked(campaign)
    others = list(Email.objects.exclude(status="dead").values_list("lead_id", flat=True))
    assert dead_letters.requeue(campaign_id=campaign.pk, lead_ids=others) == 0
    assert dead_letters.discard(campaign_id=campaign.pk, lead_ids=others) == 0
    assert checked(campaign) == before


def test_many_letters_are_changed_in_chunks(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "CHUNK", 1)
    assert dead_letters.requeue(campaign_id=campaign.pk) == 2
    assert checked(campaign).deferred == 2


def test_a_cancelled_campaign_requeues_nothing_and_may_still_discard(campaign: Campaign) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.CANCELLED)
    with pytest.raises(unknown.DecisionRefused):
        dead_letters.requeue(campaign_id=campaign.pk)
    assert dead_letters.discard(campaign_id=campaign.pk) == 2
    assert checked(campaign).failed == 2


def test_what_was_requeued_before_a_cancel_is_skipped(campaign: Campaign) -> None:
    dead_letters.requeue(campaign_id=campaign.pk)
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.CANCELLED)
    assert sweep.settle_cancelled() == 1
    found = checked(campaign)
    assert (found.skipped, found.deferred, found.dead) == (2, 0, 0)
    assert not Batch.objects.filter(campaign=campaign, state="ready").exists()
