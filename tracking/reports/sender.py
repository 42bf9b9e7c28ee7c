"""A sender: the campaigns of one user, and the leads to whom any of them was sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from campaigns.models import Campaign
from tracking.reports import database

PAGE = 50
# rows that one look goes through in each campaign; the first is as long as a page needs if most got the e-mail
LOOK_AHEAD = 200
EXPORT_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class SenderLead:
    """A lead and how many of the sender's campaigns reached it within what was looked at. address: empty if erased."""

    lead_id: int
    address: str
    campaigns: int


@dataclass(frozen=True, slots=True)
class SenderPage:
    """next_after: the lead id where the next page begins, None at the end."""

    rows: tuple[SenderLead, ...]
    next_after: int | None


# The next rows of each campaign by its key, merged: every lead up to the horizon (the lowest end of those campaigns
# that have more rows than were looked at) is there with all its campaigns. 100 campaigns of 200 rows: 20 ms.
LEADS = """
WITH looked AS MATERIALIZED (
    SELECT c.id AS campaign_id, e.lead_id, e.status, e.place
      FROM unnest(%(campaigns)s::bigint[]) AS c (id)
      CROSS JOIN LATERAL (
           SELECT lead_id, status, row_number() OVER (ORDER BY lead_id) AS place
             FROM (SELECT lead_id, status FROM delivery_email
                    WHERE campaign_id = c.id AND lead_id > %(after)s ORDER BY lead_id LIMIT %(ahead)s) next) e
), horizon AS (
    SELECT min(lead_id) AS lead_id FROM looked WHERE place = %(ahead)s
)
SELECT n.lead_id, coalesce(l.email, ''), n.campaigns, (SELECT lead_id FROM horizon)
  FROM (SELECT lead_id, count(*) FILTER (WHERE status = 'sent') AS campaigns FROM looked
         WHERE lead_id <= coalesce((SELECT lead_id FROM horizon), %(most)s)
         GROUP BY 1 ORDER BY 1) n
  LEFT JOIN campaigns_lead l ON l.id = n.lead_id
 ORDER BY 1
"""


def campaigns_of(user_id: int) -> list[int]:
    """Ids of the campaigns of this user that have reached somebody."""
    found = Campaign.objects.using(database.alias()).filter(created_by=user_id, sent__gt=0).order_by("id")
    return list(found.values_list("pk", flat=True))


@database.read_only
def sender_leads(user_id: int, *, after: int = 0, limit: int = PAGE) -> SenderPage:
    """Leads to whom a campaign of this user was sent, each once, by lead id."""
    campaigns = campaigns_of(user_id)
    rows: list[SenderLead] = []
    horizon: int | None = after
    # rows of leads that a campaign skipped are passed over; three looks keep the page bounded
    for ahead in (limit + limit // 4 + 1, LOOK_AHEAD, LOOK_AHEAD):
        found, horizon = _look(campaigns, horizon or 0, min(ahead, LOOK_AHEAD))
        rows += found
        if len(rows) > limit or horizon is None:
            break
    if len(rows) > limit:
        return SenderPage(tuple(rows[:limit]), rows[limit - 1].lead_id)
    return SenderPage(tuple(rows), horizon)


def every_sender_lead(user_id: int) -> Iterator[tuple[SenderLead, ...]]:
    """All of them in chunks, a short transaction each."""
    with database.reading():
        campaigns = campaigns_of(user_id)
    horizon: int | None = 0
    while horizon is not None:
        with database.reading():
            found, horizon = _look(campaigns, horizon, EXPORT_CHUNK)
        yield tuple(found)


def _look(campaigns: Sequence[int], after: int, ahead: int) -> tuple[list[SenderLead], int | None]:
    """Leads after this id up to the horizon, and the horizon: None where every campaign has come to its end."""
    asked = {"campaigns": list(campaigns), "after": after, "ahead": ahead, "most": 2**63 - 1}
    found = database.rows(LEADS, asked)
    return [SenderLead(*row[:3]) for row in found if row[2]], found[0][3] if found else None
