"""Who a campaign goes to, as one SELECT.

Suppressed, bounced and unsubscribed leads are in it: they are skipped at send time, each with its reason.
"""

from __future__ import annotations

from campaigns.content import Problem
from campaigns.models import Campaign, ListMembership
from campaigns.segments import Query, SegmentInvalid, compile_condition, time_limit
from campaigns.services.errors import CampaignInvalid

COUNT_SECONDS = 5.0


def audience_sql(campaign: Campaign) -> tuple[str, list[object]]:
    """A SELECT of (id, mailbox_group, time_zone) of the leads, and its parameters.

    Raises CampaignInvalid where neither a segment nor a list is chosen or the segment's condition is invalid.
    """
    source, query = _audience(campaign)
    columns = "lead.id, lead.mailbox_group, lead.time_zone"
    return f"SELECT {columns} FROM {source} WHERE {query.where}", list(query.params)  # noqa: S608


def audience_count(campaign: Campaign, *, timeout_seconds: float = COUNT_SECONDS) -> int:
    """How many leads the audience has now. Raises CampaignInvalid as audience_sql does, or segments.CountTimedOut."""
    source, query = _audience(campaign)
    with time_limit(timeout_seconds) as cursor:
        cursor.execute(f"SELECT count(*) FROM {source} WHERE {query.where}", query.params)  # noqa: S608
        return int(cursor.fetchone()[0])


def audience_is_empty(campaign: Campaign, *, timeout_seconds: float = COUNT_SECONDS) -> bool:
    """True when nobody is in the audience; quicker than counting. Raises as audience_count does."""
    source, query = _audience(campaign)
    with time_limit(timeout_seconds) as cursor:
        cursor.execute(f"SELECT NOT EXISTS (SELECT 1 FROM {source} WHERE {query.where})", query.params)  # noqa: S608
        return bool(cursor.fetchone()[0])


def _audience(campaign: Campaign) -> tuple[str, Query]:
    """What stands after FROM, and after WHERE."""
    if campaign.mailing_list_id is not None:
        source = "campaigns_lead lead JOIN campaigns_listmembership member ON member.lead_id = lead.id"
        where = "member.mailing_list_id = %s AND member.status <> %s::varchar"
        return source, Query(where, (campaign.mailing_list_id, ListMembership.Status.UNCONFIRMED))
    if campaign.segment is None:
        raise CampaignInvalid(
            [Problem("error", "no-audience", "nobody is chosen to send to: choose a segment or a list", "audience")]
        )
    try:
        return "campaigns_lead lead", compile_condition(campaign.segment.condition)
    except SegmentInvalid as error:
        raise CampaignInvalid(
            Problem("error", "segment-invalid", str(node), "audience") for node in error.errors
        ) from error
