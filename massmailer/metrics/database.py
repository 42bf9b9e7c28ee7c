"""What PostgreSQL is asked for one scrape: sums over campaigns and batches, never over the ledger.

The campaigns table holds one row a campaign; batches one row a thousand e-mails.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from delivery.dead import alert as dead_alert

# a scrape must not add to the trouble of a database that is busy
STATEMENT_TIMEOUT_MS = 3000
SHARES = ("50", "99", "99.9")
STATUSES = ("pending", "deferred", "sent", "bounced", "failed", "dead", "skipped", "unknown")

# the workers count by id, people look for names
PROVIDERS = "SELECT id::text, name FROM delivery_provider"

CAMPAIGNS_BY_STATE = "SELECT state, count(*) FROM campaigns_campaign GROUP BY state"

# the copies that are refreshed each second while a campaign is at work
CAMPAIGN_SUMS = (
    f"SELECT {', '.join(f'coalesce(sum({name}), 0)::bigint' for name in STATUSES)},"  # noqa: S608 (names from above)
    " coalesce(sum(opened), 0)::bigint, coalesce(sum(clicked), 0)::bigint,"
    " coalesce(sum(unsubscribed), 0)::bigint, coalesce(sum(complained), 0)::bigint FROM campaigns_campaign"
)

# acceptances alone: unlike the campaigns' copies this never falls when a bounce comes later (as a counter must not)
BATCH_SUMS = """
SELECT coalesce(sum(sent), 0)::bigint, coalesce(sum(cursor), 0)::bigint, coalesce(sum(recorded), 0)::bigint
  FROM delivery_batch
"""

# served by the partial index on open batches; batches of paused campaigns wait for a person, not for us
OLDEST_DUE_BATCH = """
SELECT coalesce(extract(epoch FROM now() - min(greatest(b.not_before, c.launched_at))), 0)::float
FROM delivery_batch b JOIN campaigns_campaign c ON c.id = b.campaign_id
WHERE b.state = 'ready' AND b.not_before <= now() AND c.state IN ('sending', 'sent', 'cancelled')
"""

# served by the partial index on messages with work left
MESSAGES = """
SELECT count(*) FILTER (WHERE status = 'queued'), count(*) FILTER (WHERE status = 'deferred'),
       coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE status = 'queued' AND due_at <= now())), 0)::float
FROM delivery_message WHERE status IN ('queued', 'deferred', 'sending')
"""


# of the campaigns that a graph is looked at for; the number of time series stays bounded
RECENT_DEPARTURES = """
SELECT c.id, c.launched_at, d.half_at, d.most_at, d.all_at
  FROM delivery_departure d JOIN campaigns_campaign c ON c.id = d.campaign_id
 WHERE c.launched_at > now() - interval '7 days' ORDER BY c.launched_at DESC LIMIT 50
"""


@dataclass(frozen=True)
class Departed:
    """Seconds from the launch until so much of a campaign's audience had had its first try, by share in percent."""

    campaign_id: int
    seconds_by_share: dict[str, float]


@dataclass(frozen=True)
class DatabaseNumbers:
    """Ages in seconds. providers: name by id. claimed, recorded: positions of batches. dead: with transactional ones.

    emails_by_status: leads of all campaigns. events_by_kind: leads, each counted once a campaign.
    """

    providers: dict[str, str]
    campaigns_by_state: dict[str, int]
    emails_by_status: dict[str, int]
    events_by_kind: dict[str, int]
    accepted: int
    claimed: int
    recorded: int
    dead: int
    oldest_due_batch_seconds: float
    messages_queued: int
    messages_deferred: int
    oldest_due_message_seconds: float
    departures: list[Departed]


def read() -> DatabaseNumbers:
    """Ask PostgreSQL nine short questions. Raises django.db.Error, after three seconds each at most."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
        cursor.execute(PROVIDERS)
        providers = dict(cursor.fetchall())
        cursor.execute(CAMPAIGNS_BY_STATE)
        by_state = dict(cursor.fetchall())
        cursor.execute(CAMPAIGN_SUMS)
        sums = cursor.fetchone()
        cursor.execute(BATCH_SUMS)
        accepted, claimed, recorded = cursor.fetchone()
        cursor.execute(OLDEST_DUE_BATCH)
        (oldest_batch,) = cursor.fetchone()
        cursor.execute(MESSAGES)
        queued, deferred, oldest_message = cursor.fetchone()
        cursor.execute(RECENT_DEPARTURES)
        departures = [_departed(*row) for row in cursor.fetchall()]
    return DatabaseNumbers(
        providers=providers,
        campaigns_by_state=by_state,
        emails_by_status=dict(zip(STATUSES, sums, strict=False)),
        events_by_kind=dict(zip(("open", "click", "unsubscribe", "complaint"), sums[len(STATUSES) :], strict=True)),
        accepted=accepted,
        claimed=claimed,
        recorded=recorded,
        dead=dead_alert.waiting().total,
        oldest_due_batch_seconds=oldest_batch,
        messages_queued=queued,
        messages_deferred=deferred,
        oldest_due_message_seconds=oldest_message,
        departures=departures,
    )


def _departed(campaign_id: int, launched_at: datetime, *reached: datetime | None) -> Departed:
    named = zip(SHARES, reached, strict=True)
    return Departed(campaign_id, {share: (at - launched_at).total_seconds() for share, at in named if at})
