"""One campaign through the hot path: launch, lease, claim, send, record."""

from __future__ import annotations

import email
import email.policy
import uuid
from collections.abc import Callable

import pytest
from django.db import connection

from bench.sink import Rule, Sink
from campaigns.models import Campaign, Lead, ListMembership, Suppression, Topic
from delivery import launch, numbers, retry_policies, send
from delivery.models import Batch, Email, RetryPolicy

MakeCampaign = Callable[..., Campaign]


def launched(campaign: Campaign) -> list[int]:
    """Launch it; the ids of its batches."""
    assert launch.launch_campaign(campaign_id=campaign.pk)
    return list(Batch.objects.filter(campaign=campaign).order_by("seq").values_list("pk", flat=True))


def send_all(campaign: Campaign) -> numbers.Numbers:
    for batch_id in launched(campaign):
        send.send_batch(batch_id)
    numbers.refresh_counters()
    return checked(campaign)


def checked(campaign: Campaign) -> numbers.Numbers:
    """The numbers, after they were found to add up and to be what the ledger itself says."""
    found = numbers.campaign_numbers(campaign.pk)
    assert found.adds_up
    assert found == numbers.recount(campaign.pk)
    return found


def test_every_lead_gets_one_personal_message(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = make_campaign(leads=130)
    found = send_all(campaign)
    assert (found.state, found.audience, found.sent, found.pending) == ("sent", 130, 130, 0)
    recipients = [address for address, _ in sink.accepted()]
    assert sorted(recipients) == sorted(Lead.objects.values_list("email", flat=True))
    message = email.message_from_bytes(sink.messages()[0].content, policy=email.policy.default)
    lead = Lead.objects.get(email=message["To"].addresses[0].addr_spec)
    assert message["Subject"] == f"News for {lead.first_name}"
    assert f"Dear {lead.first_name} of Zürich" in message.get_body(("html",)).get_content()
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Unsubscribe"].startswith("<http")
    assert "/c/" in message.get_body(("html",)).get_content()


def test_a_second_task_for_the_same_batch_sends_nothing(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = make_campaign()
    (batch_id,) = launched(campaign)
    assert send.send_batch(batch_id) == 30
    assert send.send_batch(batch_id) == 0
    assert len(sink.accepted()) == 30


def test_two_launches_make_one_audience(make_campaign: MakeCampaign) -> None:
    campaign = make_campaign()
    assert launch.launch_campaign(campaign_id=campaign.pk)
    assert not launch.launch_campaign(campaign_id=campaign.pk)
    assert sum(Batch.objects.values_list("size", flat=True)) == 30


def test_those_who_may_not_be_mailed_are_skipped_with_a_reason(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = make_campaign(leads=8)
    ids = list(Lead.objects.order_by("pk").values_list("pk", flat=True))
    batches = launched(campaign)
    Lead.objects.filter(pk=ids[0]).update(status=Lead.Status.UNSUBSCRIBED)
    ListMembership.objects.filter(lead_id=ids[1]).update(status="unsubscribed")
    ListMembership.objects.filter(lead_id=ids[2]).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO campaigns_suppression (kind, digest, value, reason, source) "
            "VALUES ('hash', sha256('lead3@example.com'), '', 'complaint', 'test')"
        )
    Lead.objects.filter(pk=ids[4]).delete()
    for batch_id in batches:
        send.send_batch(batch_id)
    assert checked(campaign).skipped == 5
    reasons = dict(Email.objects.filter(status="skipped").values_list("lead_id", "reply"))
    assert reasons == {
        ids[0]: "unsubscribed",
        ids[1]: "unsubscribed from the list",
        ids[2]: "no longer on the list",
        ids[3]: "suppressed: complaint",
        ids[4]: "erased",
    }
    assert sorted(address for address, _ in sink.accepted()) == [f"lead{n}@example.com" for n in (5, 6, 7)]


def test_what_people_wished_for_is_a_reason_to_skip_them(make_campaign: MakeCampaign, sink: Sink) -> None:
    topic, other = (Topic.objects.create(name=name) for name in ("Offers", "Events"))
    campaign = make_campaign(leads=6, topic=topic)
    ids = list(Lead.objects.order_by("pk").values_list("pk", flat=True))
    batches = launched(campaign)
    Lead.objects.filter(pk=ids[0]).update(paused_until="2099-05-06T00:00Z")
    Lead.objects.filter(pk=ids[1]).update(paused_until="2020-05-06T00:00Z", declined_topics=[other.pk])
    Lead.objects.filter(pk=ids[2]).update(declined_topics=[other.pk, topic.pk])
    Lead.objects.filter(pk=ids[3]).update(status=Lead.Status.PENDING)
    ListMembership.objects.filter(lead_id=ids[4]).update(status="unconfirmed")
    for batch_id in batches:
        send.send_batch(batch_id)
    reasons = dict(Email.objects.filter(status="skipped").values_list("lead_id", "reply"))
    assert reasons == {
        ids[0]: "paused until 2099-05-06",
        ids[2]: "topic declined: Offers",
        ids[3]: "not confirmed yet",
        ids[4]: "not confirmed yet",
    }
    assert checked(campaign).sent == 2


def test_who_wants_one_campaign_a_week_gets_one_and_a_notice(make_campaign: MakeCampaign, sink: Sink) -> None:
    first = make_campaign(leads=3)
    wanting = Lead.objects.order_by("pk").first()
    Lead.objects.filter(pk=wanting.pk).update(frequency_days=7)
    assert send_all(first).sent == 3
    second, notice = (copy_of(first, ignores_frequency_cap=ignores) for ignores in (False, True))
    found = send_all(second)
    assert (found.sent, found.skipped) == (2, 1)
    assert Email.objects.get(status="skipped").reply == "wants at most one in 7 days"
    assert send_all(notice).sent == 3


def test_a_place_that_no_letter_took_is_free_again(make_campaign: MakeCampaign, sink: Sink) -> None:
    sink.behave([Rule("RCPT", "lead0@*", text="554 5.3.4 message too big")])
    first = make_campaign(leads=1)
    Lead.objects.update(frequency_days=7)
    assert send_all(first).failed == 1
    sink.behave([])
    assert send_all(copy_of(first)).sent == 1


def copy_of(campaign: Campaign, **fields: object) -> Campaign:
    """The same campaign once more, ready to be launched."""
    copy = Campaign.objects.get(pk=campaign.pk)
    copy.pk, copy.state = None, Campaign.State.LAUNCHING
    for name, value in fields.items():
        setattr(copy, name, value)
    copy.save()
    return copy


def test_refusals_are_recorded_by_their_class(make_campaign: MakeCampaign, sink: Sink) -> None:
    sink.behave(
        [
            Rule("RCPT", "lead1@*", text="550 5.1.1 no such user"),
            Rule("RCPT", "lead2@*", text="452 4.2.2 mailbox full"),
            Rule("RCPT", "lead3@*", text="451 4.3.0 try again"),
            Rule("DOT", "lead4@*", text="554 5.3.4 message too big"),
            Rule("DOT", "lead5@*", action="close"),
        ]
    )
    campaign = make_campaign(leads=8)
    found = send_all(campaign)
    statuses = {
        Lead.objects.get(pk=lead_id).email.split("@")[0]: status
        for lead_id, status in Email.objects.values_list("lead_id", "status")
    }
    assert statuses == {
        "lead0": "sent",
        "lead1": "bounced_hard",
        "lead2": "deferred",
        "lead3": "deferred",
        "lead4": "failed",
        "lead5": "unknown",
        "lead6": "sent",
        "lead7": "sent",
    }
    assert (found.state, found.bounced, found.deferred, found.failed, found.unknown) == ("sent", 1, 2, 1, 1)
    assert Suppression.objects.get().value == "lead1@example.com"
    assert Lead.objects.get(email="lead1@example.com").status == "bounced"
    assert "no such user" in (Email.objects.get(status="bounced_hard").reply or "")


def test_a_mailbox_that_stays_full_is_told_from_one_that_is_not_there(
    make_campaign: MakeCampaign, sink: Sink, request: pytest.FixtureRequest
) -> None:
    RetryPolicy.objects.create(stream="marketing", soft_retries=0)
    retry_policies.forget()
    request.addfinalizer(retry_policies.forget)
    sink.behave(
        [
            Rule("RCPT", "lead1@*", text="550 5.1.1 no such user"),
            Rule("RCPT", "lead2@*", text="452 4.2.2 mailbox full"),
        ]
    )
    campaign = make_campaign(leads=4)
    found = send_all(campaign)
    assert (found.sent, found.bounced, found.soft_bounced) == (2, 2, 1)
    assert Campaign.objects.get(pk=campaign.pk).soft_bounced == 1


def test_a_cancelled_campaign_drains_as_skipped(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = make_campaign()
    batches = launched(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.CANCELLED)
    for batch_id in batches:
        send.send_batch(batch_id)
    found = checked(campaign)
    assert (found.state, found.skipped, found.pending) == ("cancelled", 30, 0)
    assert set(Email.objects.values_list("reply", flat=True)) == {"cancelled"}
    assert not sink.accepted()


def test_a_paused_campaign_claims_nothing(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = make_campaign()
    (batch_id,) = launched(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.PAUSED)
    assert send.send_batch(batch_id) == 0
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.SENDING)
    assert send.send_batch(batch_id) == 30


def test_a_taken_over_batch_marks_what_was_claimed_as_unknown(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = make_campaign()
    (batch_id,) = launched(campaign)
    # a worker leased it, claimed ten positions, and was lost
    Batch.objects.filter(pk=batch_id).update(
        state="leased", lease_token=uuid.uuid4(), lease_until="2020-01-01T00:00:00Z", cursor=10
    )
    send.send_batch(batch_id)
    found = checked(campaign)
    assert (found.unknown, found.sent, found.pending) == (10, 20, 0)
    assert len(sink.accepted()) == 20


def test_nothing_goes_out_while_the_relay_is_away_and_all_of_it_later(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = make_campaign()
    (batch_id,) = launched(campaign)
    sink.behave([Rule("CONNECT", action="close")])
    send.send_batch(batch_id)
    found = checked(campaign)
    assert found.sent == 0
    assert found.deferred + found.pending == 30
    assert set(Email.objects.values_list("tries", flat=True)) <= {0}
