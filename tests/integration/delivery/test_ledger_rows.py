"""The ledger stores what the fast road was given, whatever the words from outside hold."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import uuid

import psycopg
import pytest
from django.db import transaction
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.models import Campaign
from delivery import record
from delivery.database import connect
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.retry import DEFAULT
from delivery.models import Batch, Email
from delivery.partitions import ensure_email_partition
from delivery.window import Result

pytestmark = pytest.mark.django_db(transaction=True)
NOW = dt.datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=dt.UTC)
TOKEN = uuid.UUID(int=1)
words = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x00\x1d\x1e\x1f\t\n\r\\N'\"{},"), max_size=30
)
kinds = st.sampled_from(list(Kind))
outcomes = st.builds(
    Outcome,
    kinds,
    st.none() | st.integers(200, 599),
    st.none() | st.from_regex(r"[245]\.\d{1,3}\.\d{1,3}", fullmatch=True),
    words,
    esp_message_id=words,
)
digests = st.none() | st.binary(min_size=8, max_size=8)
results = st.lists(st.tuples(outcomes, st.none() | st.integers(1, 9), digests), max_size=12)


def ref_of(batch: Batch) -> record.BatchRef:
    return record.BatchRef(batch.pk, batch.campaign_id, "first", 1, 0)


def record_all(batch: Batch, found: list[Result]) -> record.Claimed:
    """Record by the fast road and claim five more positions."""

    async def run() -> record.Claimed:
        async with await connect(application_name="test") as line:
            return await record.record_first_and_claim(
                line, ref_of(batch), TOKEN, len(found), 5, found, NOW, random.Random(1)
            )

    return asyncio.run(run())


def claimed_batch(size: int) -> Batch:
    """A batch of a new campaign whose first positions are claimed."""
    campaign = Campaign.objects.create(name="c", subject="s", from_email="a@b.example", body="x", state="sending")
    with transaction.atomic():
        ensure_email_partition(campaign.pk)
    leads = list(range(1, size + 6))
    return Batch.objects.create(
        campaign=campaign, seq=1, lead_ids=leads, size=len(leads), cursor=size, state="leased", lease_token=TOKEN
    )


@settings(max_examples=25, deadline=None)
@given(results)
@example([(Outcome(Kind.ACCEPTED, 250, "2.0.0", "Ok\x1e7\x1f\x1d\\N\x00"), 1, b"\0" * 8)])
@example([(Outcome(Kind.HARD, 550, "5.1.1", "no such user"), 1, None)])
@example([])
def test_what_is_recorded_is_what_is_read(found: list[tuple[Outcome, int | None, bytes | None]]) -> None:
    given_results = [Result(n, outcome, provider, digest) for n, (outcome, provider, digest) in enumerate(found, 1)]
    batch, rng = claimed_batch(len(found)), random.Random(1)
    claimed = record_all(batch, given_results)
    entries = [record.make_entry(ref_of(batch), one, 0, NOW, rng, DEFAULT) for one in given_results]
    rows = Email.objects.filter(campaign_id=batch.campaign_id).order_by("lead_id").values_list(*record.FIELDS)
    assert [record.Entry(*row) for row in rows] == entries
    assert all("\x00" not in (entry.reply or "") for entry in entries)
    batch.refresh_from_db()
    assert (claimed.cursor, batch.cursor, batch.recorded) == (len(found) + 5, len(found) + 5, len(found))
    assert {name: getattr(batch, name) for name in record.COUNTERS} == record.tally(entries)


@pytest.mark.parametrize("fields", [{"lease_token": uuid.UUID(int=2)}, {"cursor": 4}])
def test_who_lost_the_lease_writes_nothing(fields: dict[str, object]) -> None:
    batch = claimed_batch(3)
    Batch.objects.filter(pk=batch.pk).update(**fields)
    with pytest.raises(record.LeaseLost):
        record_all(batch, [Result(n, Outcome(Kind.ACCEPTED, 250)) for n in (1, 2, 3)])
    assert not Email.objects.filter(campaign_id=batch.campaign_id).exists()
    batch.refresh_from_db()
    assert batch.recorded == batch.sent == 0


def test_rows_that_are_there_already_leave_everything_as_it_was() -> None:
    batch = claimed_batch(3)
    accepted = [Result(n, Outcome(Kind.ACCEPTED, 250)) for n in (1, 2, 3)]
    record_all(batch, accepted)
    Batch.objects.filter(pk=batch.pk).update(cursor=3)
    with pytest.raises(psycopg.errors.UniqueViolation):
        record_all(batch, accepted)
    batch.refresh_from_db()
    assert (batch.cursor, batch.recorded, batch.sent) == (3, 3, 3)
