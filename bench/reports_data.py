"""Millions of ledger rows and events with their roll-ups, made inside PostgreSQL: no row passes through Python."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

NAME = "bench report"

# Six in ten have a mailbox at one of eight big houses, the others are spread over 20,000 domains.
LEADS = """
INSERT INTO campaigns_lead (email, mailbox_group, first_name, last_name, language, attributes, created_at)
SELECT 'reader' || n || '@' || CASE WHEN n %% 10 < 6
           THEN (ARRAY['gmail.com', 'yahoo.com', 'outlook.com', 'hotmail.com', 'icloud.com', 'gmx.de', 'web.de',
                       'orange.fr'])[1 + n %% 8]
           ELSE 'd' || (n * 7919 %% 20000) || '.example' END,
       CASE WHEN n %% 10 < 6
           THEN (ARRAY['gmail', 'yahoo', 'microsoft', 'microsoft', 'apple', 'gmx', 'gmx', 'orange'])[1 + n %% 8]
           ELSE 'other' END,
       'Ada', 'Lovelace', 'en',
       jsonb_build_object('country', (ARRAY['DE', 'FR', 'GB', 'US', 'ES', 'IT', 'PL', 'NL'])[1 + n %% 8]),
       now() - interval '1 year'
  FROM generate_series(1, %(leads)s::bigint) AS n
"""
# Of a hundred: 93 sent, 2 hard and 1 soft bounces, 1 failed, 2 skipped, and one of deferred, dead and unknown. Of those
# sent 28 opened and 5 clicked.
LEDGER = """
INSERT INTO delivery_email (campaign_id, lead_id, at, attempt, provider_id, tries, variant, code, status, enhanced,
                            address_hash, reply, opened_at, clicked_at)
SELECT %(campaign)s, id, at, 1, 1 + id %% 3, 1, dice %% 2, code, status, enhanced, decode('0011223344556677', 'hex'),
       CASE status WHEN 'sent' THEN '2.0.0 Ok: queued as 4F2A1B3C' WHEN 'skipped' THEN 'unsubscribed'
                   ELSE 'The mailbox does not want this' END,
       CASE WHEN status = 'sent' AND dice %% 100 < 28 THEN at + dice %% 86400 * interval '1 second' END,
       CASE WHEN status = 'sent' AND dice %% 100 < 5 THEN at + dice %% 90000 * interval '1 second' END
  FROM (SELECT id, dice, %(launched)s + (row_number() OVER (ORDER BY id)) * interval '0.1 ms' AS at,
               CASE WHEN mix < 930 THEN 'sent' WHEN mix < 950 THEN 'bounced_hard' WHEN mix < 960 THEN 'bounced_soft'
                    WHEN mix < 970 THEN 'failed' WHEN mix < 990 THEN 'skipped' WHEN mix < 995 THEN 'deferred'
                    WHEN mix < 998 THEN 'dead' ELSE 'unknown' END AS status,
               CASE WHEN mix < 930 THEN 250 WHEN mix < 970 THEN 550 WHEN mix < 990 THEN NULL ELSE 451 END AS code,
               CASE WHEN mix < 930 THEN '2.0.0' WHEN mix < 970 THEN '5.1.1' WHEN mix < 990 THEN NULL
                    ELSE '4.7.1' END AS enhanced
          FROM (SELECT id, abs(hashint8(id * 31 + %(campaign)s)) AS dice,
                       abs(hashint8(id * 17 + %(campaign)s)) %% 1000 AS mix
                  FROM campaigns_lead WHERE id > %(after)s ORDER BY id LIMIT %(leads)s) l) m
 ORDER BY id
"""
BATCHES = """
INSERT INTO delivery_batch (campaign_id, kind, attempt, variant, mailbox_group, seq, lead_ids, size, cursor, recorded,
                            state, sent, deferred, bounced, failed, dead, skipped, unknown)
SELECT %(campaign)s, 'first', 1, 0, 'other', chunk + 1, array_agg(lead_id ORDER BY lead_id), count(*), count(*),
       count(*), 'done', count(*) FILTER (WHERE status = 'sent'), count(*) FILTER (WHERE status = 'deferred'),
       count(*) FILTER (WHERE status LIKE 'bounced%%'), count(*) FILTER (WHERE status = 'failed'),
       count(*) FILTER (WHERE status = 'dead'), count(*) FILTER (WHERE status = 'skipped'),
       count(*) FILTER (WHERE status = 'unknown')
  FROM (SELECT lead_id, status, (row_number() OVER (ORDER BY lead_id) - 1) / 1000 AS chunk FROM delivery_email
         WHERE campaign_id = %(campaign)s) e
 GROUP BY chunk ORDER BY chunk
"""
# Opens and clicks of the campaign's leads in the days after the launch, most of them early.
EVENTS = """
INSERT INTO tracking_event (at, id, campaign_id, lead_id, provider_id, link_number, kind, who, who_reason, user_agent,
                            network)
SELECT least(%(launched)s + power(random(), 4) * interval '10 days', now()), gen_random_uuid(), %(campaign)s,
       %(after)s + 1 + floor(random() * %(leads)s)::bigint, 1 + n %% 3,
       CASE WHEN n %% 8 = 0 THEN 1 + n / 8 %% 12 END, CASE WHEN n %% 8 = 0 THEN 'click' ELSE 'open' END,
       CASE WHEN n %% 10 < 6 THEN 'human' WHEN n %% 10 < 9 THEN 'machine' ELSE 'unsure' END, '',
       'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)', '203.0.113.0/24'
  FROM generate_series(1, %(events)s::bigint) AS n
"""
# One walk over the events for all campaigns: their table is not sorted by campaign. Written in order of time, as by
# the drain.
MINUTES = """
INSERT INTO tracking_minute (campaign_id, minute, kind, who, count)
SELECT campaign_id, date_trunc('minute', at), kind, who, count(*) FROM tracking_event
 WHERE campaign_id = ANY(%(campaigns)s) AND at >= %(since)s GROUP BY 1, 2, 3, 4 ORDER BY 2, 1
"""
QUARTERS = """
INSERT INTO tracking_quarter (campaign_id, quarter, kind, who, count)
SELECT campaign_id, date_bin('15 minutes', minute, '2000-01-01 00:00+00'), kind, who, sum(count) FROM tracking_minute
 WHERE campaign_id = ANY(%(campaigns)s) AND minute >= %(since)s GROUP BY 1, 2, 3, 4 ORDER BY 2, 1
"""
LINKS = """
INSERT INTO tracking_link (campaign_id, link_number, who, count, leads)
SELECT campaign_id, link_number, who, count(*), count(DISTINCT lead_id) FROM tracking_event
 WHERE campaign_id = ANY(%(campaigns)s) AND kind = 'click' AND at >= %(since)s
 GROUP BY 1, 2, 3
"""
COUNTERS = """
UPDATE campaigns_campaign SET (opened, clicked) =
       (SELECT count(opened_at), count(clicked_at) FROM delivery_email WHERE campaign_id = %(campaign)s)
 WHERE id = %(campaign)s
"""
MESSAGES = """
INSERT INTO delivery_message (to_address, sender, status)
SELECT email, 'shop@example.com', 'sent' FROM campaigns_lead WHERE id > %(after)s ORDER BY id LIMIT 100000
"""


@dataclass(frozen=True, slots=True)
class Size:
    """rows: of the ledger. events: all together. Both are spread over the campaigns evenly."""

    rows: int = 10_000_000
    events: int = 20_000_000
    campaigns: int = 20


@dataclass(frozen=True, slots=True)
class Made:
    """What the pages are asked about."""

    campaign_ids: tuple[int, ...]
    lead_ids: range
    user_id: int


def make(size: Size) -> Made:
    """The data set, or the one that stands there already in this size; prints how long each part took."""
    from django.contrib.auth.models import User

    from campaigns.models import Campaign, Lead

    leads = size.rows // size.campaigns
    user, _ = User.objects.get_or_create(username="bench", is_staff=True, is_superuser=True)
    found = Campaign.objects.filter(name__startswith=f"{NAME} {size.rows}/{size.events} ").order_by("id")
    ids = tuple(found.values_list("pk", flat=True))
    if len(ids) != size.campaigns:
        first = _fill(size, leads, user.pk)
        ids = tuple(found.values_list("pk", flat=True))
    else:
        first = Lead.objects.order_by("id").values_list("pk", flat=True)[0]
    return Made(ids, range(first, first + leads), user.pk)


def _fill(size: Size, leads: int, user_id: int) -> int:
    from django.db import connection, transaction

    from campaigns.models import Campaign, Lead
    from delivery import numbers, partitions
    from delivery.models import Link
    from delivery.providers import add_provider

    for name in ("Relay", "Second", "Third"):
        add_provider(name=f"bench {name}", url="smtp://127.0.0.1:1")
    last = Lead.objects.order_by("-id").values_list("pk", flat=True).first() or 0
    with connection.cursor() as cursor:
        with took(f"{leads:,} leads"):
            cursor.execute(LEADS, {"leads": leads})
            cursor.execute("VACUUM ANALYZE campaigns_lead")
        now = dt.datetime.now(dt.UTC)
        made = []
        for number in range(size.campaigns):
            # two a day backwards: most of the events lie in two months
            launched = now - dt.timedelta(hours=12 * number + 26)
            campaign = Campaign.objects.create(
                name=f"{NAME} {size.rows}/{size.events} {number}", subject="s", from_email="a@sender.example", body="",
                state="sent", launched_at=launched, created_by_id=user_id,
            )  # fmt: skip
            with transaction.atomic():
                partitions.ensure_email_partition(campaign.pk)
                for month in {launched.date(), (launched + dt.timedelta(days=11)).date()}:
                    partitions.ensure_month("tracking_event", "at", month)
            Link.objects.bulk_create(
                Link(campaign=campaign, number=n, url=f"https://shop.example/{n}") for n in range(1, 13)
            )
            made.append((campaign.pk, launched))
        for name, statement in (
            ("ledger", LEDGER), ("batches", BATCHES), ("events", EVENTS), ("counters", COUNTERS),
        ):  # fmt: skip
            with took(name):
                for campaign_id, launched in made:
                    cursor.execute(
                        statement,
                        {
                            "campaign": campaign_id, "launched": launched, "after": last, "leads": leads,
                            "events": size.events // size.campaigns,
                        },
                    )  # fmt: skip
        whole = {"campaigns": [pk for pk, _ in made], "since": min(launched for _, launched in made)}
        for name, statement in (("minutes", MINUTES), ("quarters", QUARTERS), ("links", LINKS)):
            with took(name):
                cursor.execute(statement, whole)
        cursor.execute(MESSAGES, {"after": last})
        with took("VACUUM ANALYZE"):
            cursor.execute(
                "VACUUM ANALYZE delivery_email, tracking_event, delivery_batch, tracking_minute, tracking_quarter"
            )
    _roll(leads * size.campaigns)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE tracking_breakdown")
    numbers.refresh_counters(campaign_ids=[pk for pk, _ in made])
    return Lead.objects.filter(pk__gt=last).order_by("id").values_list("pk", flat=True)[0]


def _roll(rows: int) -> None:
    """The product's own roll-up over all batches."""
    from bench.drain import processor_seconds
    from tracking.roll import roll_up

    started, _processor, batches = time.perf_counter(), processor_seconds(), 0
    while (rolled := roll_up(seconds=5)).batches:
        batches += rolled.batches
    seconds = time.perf_counter() - started
    print(
        f"{'roll-up':28} {seconds:8.1f} s   {seconds / max(batches, 1) * 1000:.1f} ms a batch, {rows:,} rows",
        flush=True,
    )


@contextmanager
def took(what: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    print(f"{what:28} {time.perf_counter() - started:8.1f} s", flush=True)
