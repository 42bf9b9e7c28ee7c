"""Bounces, complaints and proofs that come after the ledger said "sent" or "unknown"."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.db import connection

from campaigns import addresses
from campaigns.models import Campaign, Lead, Suppression
from delivery import numbers, partitions
from delivery.models import Batch, Email, Message, SendingPolicy, SoftBounce
from delivery.transactional import queue_message
from tests.integration.tracking.conftest import MakeSent, PostgresAway, Sent
from tracking import returned, stream
from tracking.consume import drain
from tracking.models import AsideEvent, Event, ParkedEvent
from tracking.occurrence import Occurrence, decode, happened

pytestmark = pytest.mark.django_db


def of(sent: Sent, kind: str, n: int = 0, refusal: str = "hard", **data: Any) -> Occurrence:
    said = {"class": refusal, "status": "5.1.1", "reply": "no such user", **data}
    return happened(kind, campaign_id=sent.campaign.pk, lead_id=sent.leads[n].pk, data=said)


def add_batch(of_campaign: Sent, **counts: int) -> None:
    """The batch that would have sent this campaign, with its counts."""
    ids = [lead.pk for lead in of_campaign.leads]
    settled = sum(counts.values())
    Batch.objects.create(
        campaign=of_campaign.campaign, seq=1, lead_ids=ids, size=len(ids), cursor=settled, recorded=settled, **counts
    )


def assert_adds_up(sent: Sent) -> numbers.Numbers:
    found = numbers.campaign_numbers(sent.campaign.pk)
    assert found.adds_up
    assert found == numbers.recount(sent.campaign.pk)
    return found


def suppressed() -> dict[str, str]:
    return dict(Suppression.objects.values_list("value", "reason"))


@pytest.mark.parametrize("before", ["sent", "unknown"])
@pytest.mark.parametrize(
    ("refusal", "status"),
    [("hard", "bounced_hard"), *((name, "bounced_soft") for name in ("soft", "transient", "block", "undetermined"))],
)
def test_a_bounce_after_acceptance_is_final_whatever_its_class(
    make_sent: MakeSent, before: str, refusal: str, status: str
) -> None:
    sent = make_sent(delivered=False)
    sent.deliver(status=before)
    add_batch(sent, **{before: 1})
    assert returned.take([of(sent, "bounce", refusal=refusal)])
    row = sent.row()
    assert (row.status, row.enhanced, row.reply, row.due_at) == (status, "5.1.1", "no such user", None)
    found = assert_adds_up(sent)
    assert (found.bounced, found.sent, found.unknown) == (1, 0, 0)
    assert found.soft_bounced == (status == "bounced_soft")
    # a second bounce of the same e-mail changes nothing
    returned.take([of(sent, "bounce", refusal="soft")])
    assert sent.row().status == status
    found = assert_adds_up(sent)
    assert (found.bounced, found.soft_bounced) == (1, status == "bounced_soft")


@pytest.mark.parametrize("kind", ["delivered", "deferred", "complaint", "open"])
def test_whatever_shows_that_an_unknown_was_accepted_makes_it_sent(make_sent: MakeSent, kind: str) -> None:
    sent = make_sent(delivered=False)
    sent.deliver(status="unknown")
    add_batch(sent, unknown=1)
    returned.take([happened(kind, campaign_id=sent.campaign.pk, lead_id=sent.leads[0].pk)])
    assert sent.row().status == "sent"
    found = assert_adds_up(sent)
    assert (found.sent, found.unknown) == (1, 0)


def test_the_numbers_add_up_after_any_mixture_of_events(make_sent: MakeSent) -> None:
    rng = random.Random(5)
    sent = make_sent(leads=60, delivered=False)
    statuses = ["sent", "unknown", "bounced_hard", "failed", "skipped", "deferred"]
    for status, first in zip(statuses, range(0, 60, 10), strict=True):
        sent.deliver(*range(first, first + 10), status=status)
    add_batch(sent, sent=10, unknown=10, bounced=10, failed=10, skipped=10, deferred=10)
    # ended and counted long ago
    Campaign.objects.update(finished_at="2020-01-01T00:00Z", counted_at="2020-01-02T00:00Z")
    kinds = ["bounce", "rejected", "delivered", "complaint", "open", "deferred"]
    events = [of(sent, rng.choice(kinds), rng.randrange(60), rng.choice(["hard", "soft", "block"])) for _ in range(300)]
    for start in range(0, 300, 60):
        returned.take(events[start : start + 60])
        assert_adds_up(sent)
    returned.take(events)
    assert_adds_up(sent)
    assert ParkedEvent.objects.exists()
    # the row of the campaign shows what has changed, however long ago it ended
    numbers.refresh_counters()
    assert sent.refreshed().bounced == numbers.campaign_numbers(sent.campaign.pk).bounced


def test_a_bounce_that_comes_while_numbers_are_copied_is_copied_next(
    make_sent: MakeSent, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = make_sent(leads=2)
    add_batch(sent, sent=2)
    Campaign.objects.update(state="sent", finished_at="2020-01-01T00:00Z", counted_at="2020-01-02T00:00Z")
    returned.take([of(sent, "bounce", 0)])
    read, late = numbers.numbers_of, [of(sent, "bounce", 1)]

    def then_another(campaign_ids: Any) -> dict[int, numbers.Numbers]:
        found = read(campaign_ids)
        while late:
            returned.take([late.pop()])
        return found

    monkeypatch.setattr(numbers, "numbers_of", then_another)
    for _ in range(2):
        numbers.refresh_counters()
    assert (sent.refreshed().bounced, sent.campaign.sent) == (2, 0)


def test_a_hard_bounce_suppresses_the_address_that_was_written_to(make_sent: MakeSent) -> None:
    sent = make_sent(leads=3)
    returned.take([
        of(sent, "bounce", 0, address="Ada0@EXAMPLE.com"),
        of(sent, "bounce", 1, address="elsewhere@forwarded.example"),
        of(sent, "bounce", 2),
    ])  # fmt: skip
    assert suppressed() == {"ada0@example.com": "hard_bounce", "ada2@example.com": "hard_bounce"}
    assert [Lead.objects.get(pk=lead.pk).status for lead in sent.leads] == ["bounced", "subscribed", "bounced"]
    # the address is where it must be, not in the event
    assert "address" not in (Event.objects.filter(lead_id=sent.leads[0].pk).get().data or {})


def test_the_old_address_is_suppressed_where_the_lead_has_a_new_one(make_sent: MakeSent) -> None:
    sent = make_sent()
    Lead.objects.filter(pk=sent.leads[0].pk).update(email="new@example.com")
    returned.take([of(sent, "bounce")])
    assert suppressed() == {}
    returned.take([of(sent, "bounce", address="ada0@example.com")])
    assert suppressed() == {"ada0@example.com": "hard_bounce"}
    assert Lead.objects.get(pk=sent.leads[0].pk).status == "subscribed"


def test_a_complaint_suppresses_and_takes_the_place_of_an_unsubscribe(make_sent: MakeSent) -> None:
    sent = make_sent()
    digest = addresses.digest("ada0@example.com")
    Suppression.objects.create(kind="address", digest=digest, value="ada0@example.com", reason="unsubscribe")
    returned.take([happened("complaint", campaign_id=sent.campaign.pk, lead_id=sent.leads[0].pk)])
    assert suppressed() == {"ada0@example.com": "complaint"}
    assert Lead.objects.get(pk=sent.leads[0].pk).status == "complained"
    assert sent.row().complained_at is not None
    assert (sent.refreshed().complained, sent.row().status) == (1, "sent")


@pytest.mark.parametrize("refusal", ["block", "throttle", "transient", "content", "undetermined"])
def test_other_refusals_never_suppress(make_sent: MakeSent, refusal: str) -> None:
    sent = make_sent()
    for _ in range(7):
        returned.take([of(sent, "bounce", refusal=refusal)])
    assert suppressed() == {}
    assert not SoftBounce.objects.exists()


def test_soft_bounces_suppress_over_the_threshold_and_each_email_counts_once(make_sent: MakeSent) -> None:
    first = make_sent()
    for number in range(4):
        returned.take([of_campaign(first, number), of_campaign(first, number)])
    assert suppressed() == {}
    # four e-mails, and one of them long ago
    SoftBounce.objects.filter(source=f"campaign {first.campaign.pk}").update(at="2020-01-01T00:00Z")
    returned.take([of_campaign(first, 4)])
    assert suppressed() == {}
    SendingPolicy.objects.update_or_create(pk=1, defaults={"soft_bounce_limit": 4})
    returned.take([of_campaign(first, 4)])
    assert suppressed() == {"ada0@example.com": "soft_bounces"}
    assert Lead.objects.get(pk=first.leads[0].pk).status == "bounced"


def of_campaign(sent: Sent, number: int) -> Occurrence:
    """A soft bounce of the same lead in another campaign."""
    campaign_id = sent.campaign.pk + number
    partitions.ensure_email_partition(campaign_id)
    key = {"campaign_id": campaign_id, "lead_id": sent.leads[0].pk}
    if not Email.objects.filter(**key).exists():
        digest = addresses.address_hash(sent.leads[0].email)
        at = Email.objects.get(campaign_id=sent.campaign.pk, lead_id=sent.leads[0].pk).at
        Email.objects.create(**key, attempt=1, tries=1, status="sent", variant=0, at=at, address_hash=digest)
    return happened("bounce", **key, data={"class": "soft"})


def test_a_transactional_message_bounces_likewise() -> None:
    content = {"subject": "Your order", "html": "<p>Hello</p>"}
    one, other = (queue_message(to="Bob@Example.com", **content) for _ in range(2))
    Message.objects.filter(id=one).update(status="sent")
    Message.objects.filter(id=other).update(status="unknown")
    returned.take([
        happened("bounce", message_id=one, data={"class": "hard", "status": "5.1.1"}),
        happened("delivered", message_id=other),
    ])  # fmt: skip
    found = Message.objects.filter(id__in=(one, other)).values_list("id", "status")
    assert dict(found) == {one: "bounced_hard", other: "sent"}
    assert suppressed() == {"bob@example.com": "hard_bounce"}


def test_a_bounce_that_overtakes_its_record_waits_for_it(make_sent: MakeSent) -> None:
    sent = make_sent(delivered=False)
    returned.take([of(sent, "bounce")])
    assert ParkedEvent.objects.count() == 1
    assert suppressed() == {}
    sent.deliver()
    ParkedEvent.objects.update(due_at="2020-01-01T00:00Z")
    drain()
    assert sent.row().status == "bounced_hard"
    assert suppressed() == {"ada0@example.com": "hard_bounce"}


def test_an_event_that_no_table_takes_is_set_aside_alone(make_sent: MakeSent) -> None:
    sent = make_sent(leads=3)
    events = [of(sent, "bounce", n) for n in range(3)]
    events[1] = events[1]._replace(data={"class": "hard", "reply": "a\0b"})
    assert returned.take(events)
    assert [sent.row(n).status for n in range(3)] == ["bounced_hard", "sent", "bounced_hard"]


def test_a_parked_event_that_no_table_takes_holds_no_other_up(make_sent: MakeSent) -> None:
    sent = make_sent(leads=3, delivered=False)
    events = [of(sent, "bounce", n) for n in range(3)]
    events[1] = events[1]._replace(data={"class": "hard", "reply": "a\0b"})
    assert returned.take(events)
    sent.deliver()
    ParkedEvent.objects.update(due_at="2020-01-01T00:00Z")
    assert drain().new == 2
    assert [sent.row(n).status for n in range(3)] == ["bounced_hard", "sent", "bounced_hard"]
    assert not ParkedEvent.objects.exists()
    assert AsideEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_while_postgresql_is_away_bounces_wait_on_the_priority_stream(make_sent: MakeSent, redis_client: Any) -> None:
    sent = make_sent(leads=2)
    events = [of(sent, "bounce", n) for n in range(2)]
    with PostgresAway():
        assert returned.take(events) is False
    waiting = [fields[stream.FIELD] for _, fields in redis_client.xrange(stream.PRIORITY)]
    assert [decode(text) for text in waiting] == events
    drain()
    assert [sent.row(n).status for n in range(2)] == ["bounced_hard", "bounced_hard"]
    assert len(suppressed()) == 2
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_with_both_engines_away_it_says_so(make_sent: MakeSent, settings: Any) -> None:
    sent = make_sent()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with PostgresAway(), pytest.raises(stream.StreamAway):
        returned.take([of(sent, "bounce")])
