"""The events of providers that operators read: adding one; and forgetting old events and old counts."""

from __future__ import annotations

import datetime as dt

from django.db import connection
from django.db.models.functions import Now

from delivery.models import ProviderEvent, ProviderUsage

KEPT_A_PROVIDER = 200
# counts by the hour: thirty idle days begin a warm-up anew, quotas look at a day, people compare with last year's
KEPT_USAGE = dt.timedelta(days=400)

# trim_events: what is older than each provider's newest 200. Cost: 0.2 ms for each provider, by the index on
# (provider, id); a row that goes costs 10 µs.
TRIM = """
DELETE FROM delivery_providerevent WHERE id IN (
    SELECT old.id FROM delivery_provider provider CROSS JOIN LATERAL (
        SELECT id FROM delivery_providerevent event WHERE event.provider_id = provider.id
         ORDER BY id DESC OFFSET %(kept)s
    ) AS old
)
"""


def note(provider_id: int, kind: str, text: str, *, mailbox_group: str = "", code: int | None = None) -> None:
    """Write down what happened to a provider, in words that a person understands."""
    ProviderEvent.objects.create(provider_id=provider_id, kind=kind, text=text, mailbox_group=mailbox_group, code=code)


def trim() -> int:
    """Forget all but the newest events of each provider, and counts of long ago; how many went. Twice is harmless."""
    old, _ = ProviderUsage.objects.filter(hour__lt=Now() - KEPT_USAGE).delete()
    with connection.cursor() as cursor:
        cursor.execute(TRIM, {"kept": KEPT_A_PROVIDER})
        return int(cursor.rowcount) + old
