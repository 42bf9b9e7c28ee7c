"""Who a campaign goes to, as one SELECT."""

from __future__ import annotations

from campaigns.models import Campaign
from campaigns.segments import compile_condition


def audience_sql(campaign: Campaign) -> tuple[str, list[object]]:
    """A SELECT of (id, mailbox_group) and its parameters."""
    if campaign.mailing_list_id is not None:
        return (
            "SELECT lead.id, lead.mailbox_group FROM campaigns_lead lead JOIN campaigns_listmembership m"
            " ON m.lead_id = lead.id WHERE m.mailing_list_id = %s AND m.status <> 'unconfirmed'",
            [campaign.mailing_list_id],
        )
    query = compile_condition(campaign.segment.condition)
    return f"SELECT lead.id, lead.mailbox_group FROM campaigns_lead lead WHERE {query.where}", list(query.params)
