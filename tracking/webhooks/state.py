"""What is remembered of a webhook: its last event, what it refused, and events about no e-mail of ours."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import connection, transaction

from delivery import metrics
from delivery.storable import storable
from tracking.models import StrayEvent, WebhookState
from tracking.returned import DatabaseAway

log = logging.getLogger(__name__)

# kept of events about no e-mail of ours: an account may send other mail than ours, by the million
MAX_STRAYS = 10_000
STRAY_DAYS = 30

# Nobody waits for a row that another request has just written: its time is as good. Most calls write nothing.
NOTE_EVENT = """
INSERT INTO tracking_webhookstate AS s (provider_id, esp, last_event_at) VALUES (%(provider)s, %(esp)s, now())
ON CONFLICT (provider_id, esp) DO UPDATE SET last_event_at = now(), confirm_url = ''
 WHERE s.last_event_at IS NULL OR s.last_event_at < now() - interval '10 seconds' OR s.confirm_url <> ''
"""
NOTE_REFUSAL = """
INSERT INTO tracking_webhookstate AS s (provider_id, esp, last_refused_at, refusal, refused)
VALUES (%(provider)s, %(esp)s, now(), %(reason)s, 1)
ON CONFLICT (provider_id, esp) DO UPDATE
   SET last_refused_at = now(), refusal = excluded.refusal, refused = s.refused + 1
"""
COUNT_STRAYS = """
INSERT INTO tracking_webhookstate AS s (provider_id, esp, strays) VALUES (%(provider)s, %(esp)s, %(count)s)
ON CONFLICT (provider_id, esp) DO UPDATE SET strays = s.strays + excluded.strays
"""
ASK_TO_CONFIRM = """
INSERT INTO tracking_webhookstate AS s (provider_id, esp, confirm_url) VALUES (%(provider)s, 'ses', %(url)s)
ON CONFLICT (provider_id, esp) DO UPDATE SET confirm_url = excluded.confirm_url
"""
PRUNE_STRAYS = """
DELETE FROM tracking_strayevent
 WHERE received_at < now() - %(days)s * interval '1 day'
    OR id <= (SELECT id FROM tracking_strayevent ORDER BY id DESC OFFSET %(most)s LIMIT 1)
"""


def note_event(provider_id: int, esp: str) -> None:
    """Remember that the webhook told something now."""
    _try(NOTE_EVENT, provider=provider_id, esp=esp)


def note_refusal(provider_id: int, esp: str, reason: str) -> None:
    """Remember and count a request that was not proved."""
    metrics.add("webhook_requests_refused_total", esp=esp)
    _try(NOTE_REFUSAL, provider=provider_id, esp=esp, reason=storable(reason)[:300])


def ask_to_confirm(provider_id: int, url: str) -> None:
    """Show on the provider's page the link by which somebody confirms a subscription of Amazon SNS."""
    _try(ASK_TO_CONFIRM, provider=provider_id, url=url)


def keep_strays(provider_id: int, esp: str, strays: Sequence[StrayEvent]) -> None:
    """Keep events aside, and count them. Call inside the transaction of the request."""
    if not strays:
        return
    StrayEvent.objects.bulk_create(strays)
    metrics.add("webhook_events_stray_total", len(strays), esp=esp)
    with connection.cursor() as cursor:
        cursor.execute(COUNT_STRAYS, {"provider": provider_id, "esp": esp, "count": len(strays)})


def prune_strays() -> int:
    """Delete what is old or too many; how many."""
    with connection.cursor() as cursor:
        cursor.execute(PRUNE_STRAYS, {"days": STRAY_DAYS, "most": MAX_STRAYS})
        return int(cursor.rowcount)


def of_provider(provider_id: int) -> dict[str, WebhookState]:
    """What is remembered, by ESP."""
    return {state.esp: state for state in WebhookState.objects.filter(provider_id=provider_id)}


def _try(statement: str, **values: object) -> None:
    """A note that is not worth failing for."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = 1000")
            cursor.execute(statement, values)  # type: ignore[arg-type]  # numbers and texts
    except DatabaseAway as error:
        log.warning("a note about a webhook is lost: %s", error)
