"""A campaign whose ledger was written by hand: no sink, no worker, fast."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence

from campaigns.models import Campaign, Lead
from delivery import numbers, partitions
from delivery.models import Batch, Email
from delivery.record import COUNTERS, counter_of
from tests.integration.delivery.unknowns import forget_rows
from tests.people import a_campaign


def sent_campaign(statuses: Sequence[str], *, hours_ago: float = 48, state: str = "sent") -> Campaign:
    """A campaign with one lead for each status, reader0@example.com and on; its numbers add up."""
    forget_rows()
    made = a_campaign(state=state, from_email="news@sender.example")
    partitions.ensure_email_partition(made.pk)
    leads = Lead.objects.bulk_create(Lead(email=f"reader{n}@example.com") for n in range(len(statuses)))
    at = dt.datetime.now(dt.UTC) - dt.timedelta(hours=hours_ago)
    Email.objects.bulk_create(
        Email(
            campaign_id=made.pk, lead_id=lead.pk, attempt=1, tries=1, status=status, variant=0, at=at, reply="=lost()",
        )
        for lead, status in zip(leads, statuses, strict=True)
    )  # fmt: skip
    counts = Counter(map(counter_of, statuses))
    size = len(statuses)
    Batch.objects.create(
        campaign=made, seq=1, lead_ids=[lead.pk for lead in leads], size=size, cursor=size, recorded=size,
        state="done", **{name: counts[name] for name in COUNTERS},
    )  # fmt: skip
    numbers.refresh_counters(campaign_ids=[made.pk])
    made.refresh_from_db()
    return made
