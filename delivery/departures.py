"""How long a campaign takes to leave: when half, 99 % and 99.9 % of its audience had had their first try."""

from __future__ import annotations

from django.db import connection
from django.urls import reverse

from delivery import alerts, guardrails
from delivery.models import Departure

# From the numbers that were just refreshed; campaigns that were through an hour ago have all that they will have.
# A pause of a person is part of the time: people got it later. 1 ms.
NOTE = """
INSERT INTO delivery_departure AS old (campaign_id, half_at, most_at, all_at)
SELECT id, now(), CASE WHEN gone * 100 >= audience * 99 THEN now() END,
       CASE WHEN gone * 1000 >= audience * 999 THEN now() END
  FROM (SELECT id, audience, audience - pending AS gone FROM campaigns_campaign
         WHERE audience > 0 AND launched_at IS NOT NULL
           AND (state IN ('sending', 'paused') OR (state = 'sent' AND finished_at > now() - interval '1 hour'))) c
 WHERE gone * 2 >= audience
ON CONFLICT (campaign_id) DO UPDATE
   SET half_at = coalesce(old.half_at, excluded.half_at), most_at = coalesce(old.most_at, excluded.most_at),
       all_at = coalesce(old.all_at, excluded.all_at)
 WHERE old.half_at IS NULL OR (old.most_at IS NULL AND excluded.most_at IS NOT NULL)
    OR (old.all_at IS NULL AND excluded.all_at IS NOT NULL)
"""

# Campaigns that should have left by now, each once; what its own pace or hours hold back is no trouble.
TELL_SLOW = """
INSERT INTO delivery_departure AS old (campaign_id, told_at)
SELECT id, now() FROM campaigns_campaign
 WHERE state = 'sending' AND launched_at < now() - %(minutes)s * interval '1 minute'
   AND (audience - pending) * 1000 < audience * 999
   AND max_per_hour IS NULL AND send_from IS NULL AND send_weekdays = '{}'
ON CONFLICT (campaign_id) DO UPDATE SET told_at = now() WHERE old.told_at IS NULL
RETURNING campaign_id
"""


def note() -> None:
    """Write down what has been reached since the last call, and tell operators of campaigns that take too long."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE)
    minutes = guardrails.policy().slow_minutes
    if minutes:
        _tell_slow(minutes)


def _tell_slow(minutes: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(TELL_SLOW, {"minutes": minutes})
        ids = [campaign_id for (campaign_id,) in cursor.fetchall()]
    for departure in Departure.objects.filter(pk__in=ids).select_related("campaign"):
        campaign = departure.campaign
        alerts.raise_alert(
            key=f"slow:{campaign.pk}",
            subject=f"The campaign “{campaign.name}” takes longer than {minutes} minutes to leave",
            text=f"{campaign.pending:,} of {campaign.audience:,} leads are still pending. Look at the limits of the "
            "providers, at circuits that are open, and at how many workers run.",
            link=reverse("admin:campaigns_campaign_change", args=[campaign.pk]),
        )


def seconds_of(departure: Departure) -> dict[str, float]:
    """Seconds from the launch, by share ("50", "99", "99.9"); only those that were reached."""
    launched_at = departure.campaign.launched_at
    reached = {"50": departure.half_at, "99": departure.most_at, "99.9": departure.all_at}
    if launched_at is None:
        return {}
    return {share: (at - launched_at).total_seconds() for share, at in reached.items() if at is not None}
