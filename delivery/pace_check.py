"""What delivery says about pace, hours and the frequency cap before a campaign is launched."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from campaigns.content import Problem
from campaigns.models import Campaign
from campaigns.segments import CountTimedOut, time_limit
from campaigns.services.audience import audience_count, audience_sql
from campaigns.services.errors import CampaignInvalid
from campaigns.services.pace import Pace, check_pace, duration_words
from delivery.engine.hours import SendingHours
from delivery.frequency import NO_CAP, cap_of
from delivery.limits import Limit, limits_of
from delivery.opening import hours_of

CHECK_SECONDS = 2.0
SAMPLE_LEADS = 10_000
# fewer skipped leads than this are nothing to stop for
WORTH_SAYING_PERCENT = 5
LONG = dt.timedelta(days=1)
WEEK = dt.timedelta(days=7)

# Of the first leads of an audience: how many were looked at, and how many have no room left under the cap.
COUNT_CAPPED = """
SELECT count(*), count(*) FILTER (WHERE %s <= (
       SELECT count(*) FROM unnest(t.campaign_ids, t.times) AS other (campaign_id, at)
        WHERE at > now() - %s * interval '1 day'))
  FROM (SELECT id FROM ({audience}) AS audience LIMIT %s) AS lead
  LEFT JOIN delivery_leadtouch t ON t.lead_id = lead.id
"""


def check_local_time(campaign: Campaign) -> Iterator[Problem]:
    """A warning when leads' time zones are asked for and nothing depends on them."""
    if campaign.by_local_time and hours_of(campaign).is_always:
        message = "it goes by the time zone of each lead but has no hours, so it begins for everybody at once: "
        yield Problem("warning", "no-hours", f"{message}choose hours, or turn it off", "delivery")


def check_duration(campaign: Campaign) -> Iterator[Problem]:
    """A warning when the limits make the campaign take longer than a day."""
    limits = limits_of(campaign)
    if not limits or any(check_pace(Pace.of(campaign))):
        return
    try:
        audience = audience_count(campaign, timeout_seconds=CHECK_SECONDS)
    except (CampaignInvalid, CountTimedOut):
        return  # what is wrong with the audience is said elsewhere
    takes = max(sending_time(audience, limit, hours_of(campaign)) for limit in limits)
    if takes > LONG:
        message = f"at this pace and in these hours it takes about {duration_words(takes)} to reach "
        yield Problem("warning", "slow-pace", f"{message}{audience:,} leads", "delivery")


def sending_time(audience: int, limit: Limit, hours: SendingHours) -> dt.timedelta:
    """How long an audience takes under one limit, closed hours included. A daily quota is used up in any hours."""
    takes = dt.timedelta(seconds=audience / limit.amount * limit.per_seconds)
    return takes if limit.is_quota else takes * (WEEK / hours.open_per_week)


def check_frequency_cap(campaign: Campaign) -> Iterator[Problem]:
    """A warning when the frequency cap would skip many, estimated from the first leads of the audience."""
    cap = cap_of(campaign.pk) if campaign.pk else NO_CAP
    if not cap.amount:
        return
    try:
        select, parameters = audience_sql(campaign)
        with time_limit(CHECK_SECONDS) as cursor:
            values = [cap.amount, cap.days, *parameters, SAMPLE_LEADS]
            cursor.execute(COUNT_CAPPED.format(audience=select), values)
            looked_at, capped = cursor.fetchone()
    except (CampaignInvalid, CountTimedOut):
        return
    if capped * 100 >= looked_at * WORTH_SAYING_PERCENT and capped:
        message = f"about {capped * 100 / looked_at:.0f} % of the audience would be skipped now by the {cap.reason}"
        yield Problem("warning", "frequency-cap", message, "audience")
