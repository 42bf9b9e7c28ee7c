"""Loading a campaign's feed: one JSON object a lead, computed elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from campaigns.models import Campaign
from campaigns.services.drafts import lock_draft
from campaigns.services.errors import StateConflict
from campaigns.services.feed_lines import BadLine, Entry, FeedInvalid, Format, read_feed

__all__ = ["BadLine", "FeedInvalid", "FeedResult", "clear_feed", "load_feed"]

# how many lines of each kind are named; all of them are counted
LINES_NAMED = 1000
_CREATE = """
CREATE TEMPORARY TABLE feed_staging (line bigint, lead_id bigint, email text, data jsonb) ON COMMIT DROP
"""
_COPY = "COPY feed_staging (line, lead_id, email, data) FROM STDIN"
# two joins and not one with OR: each finds its index
_FOUND = """
SELECT staged.line, staged.data, coalesce(staged.lead_id::text, staged.email) AS written,
       coalesce(by_id.id, by_email.id) AS lead_id
  FROM feed_staging staged
  LEFT JOIN campaigns_lead by_id ON by_id.id = staged.lead_id
  LEFT JOIN campaigns_lead by_email ON by_email.email = staged.email
"""
# the last line of a lead counts, within a file and over several
_MERGE = """
WITH merged AS (
    INSERT INTO campaigns_feedentry (campaign_id, lead_id, data)
    SELECT DISTINCT ON (lead_id) %s, lead_id, data FROM feed_found WHERE lead_id IS NOT NULL
     ORDER BY lead_id, line DESC
    ON CONFLICT (campaign_id, lead_id) DO UPDATE SET data = EXCLUDED.data
    RETURNING 1)
SELECT (SELECT count(*) FROM merged), count(lead_id), count(*) FROM feed_found
"""
_UNKNOWN = "SELECT line, written FROM feed_found WHERE lead_id IS NULL ORDER BY line LIMIT %s"


@dataclass(slots=True)
class FeedResult:
    """What became of a feed's lines.

    loaded: leads with an entry from this file. repeated: lines that a later line for the same lead replaced.
    bad: lines that cannot be read. unknown: lines for leads that do not exist. Both name at most 1,000 lines.
    """

    loaded: int = 0
    repeated: int = 0
    bad_count: int = 0
    unknown_count: int = 0
    bad: list[BadLine] = field(default_factory=list)
    unknown: list[BadLine] = field(default_factory=list)


def load_feed(*, campaign_id: int, lines: Iterable[str], written: Format | None = None) -> FeedResult:
    """Load NDJSON ({"email" or "lead_id": …, and the object's keys}) or CSV with a header, all or nothing.

    lines: with their line ends. written: see read_feed. Good lines are loaded, bad ones reported by number; loading
    again replaces entries of the same leads. Raises FeedInvalid when the whole file cannot be read,
    Campaign.DoesNotExist, or StateConflict once the campaign is launched.
    """
    result = FeedResult()
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
        if campaign.state not in (Campaign.State.DRAFT, Campaign.State.SCHEDULED):
            state = campaign.get_state_display().lower()
            raise StateConflict(f"The campaign “{campaign.name}” is {state}; a feed is loaded before it is launched.")
        with connection.cursor() as cursor:
            _stage(cursor, read_feed(lines, written), result)
            _merge(cursor, campaign_id, result)
    return result


def clear_feed(campaign_id: int) -> int:
    """Take the whole feed of a draft away; how many entries it had. Raises as lock_draft does."""
    with transaction.atomic():
        return lock_draft(campaign_id).feed_entries.all().delete()[0]


def _stage(cursor: Any, found: Iterator[Entry | BadLine], result: FeedResult) -> None:
    cursor.execute("DROP TABLE IF EXISTS pg_temp.feed_staging, pg_temp.feed_found")
    cursor.execute(_CREATE)
    with cursor.copy(_COPY) as copy:
        for entry in _good(found, result):
            copy.write_row((entry.line, entry.lead_id, entry.email, entry.data))
    cursor.execute("ANALYZE feed_staging")


def _good(found: Iterator[Entry | BadLine], result: FeedResult) -> Iterator[Entry]:
    for one in found:
        if isinstance(one, Entry):
            yield one
            continue
        result.bad_count += 1
        if len(result.bad) < LINES_NAMED:
            result.bad.append(one)


def _merge(cursor: Any, campaign_id: int, result: FeedResult) -> None:
    cursor.execute(f"CREATE TEMPORARY TABLE feed_found ON COMMIT DROP AS {_FOUND}")
    cursor.execute(_MERGE, [campaign_id])
    result.loaded, known, staged = cursor.fetchone()
    result.repeated, result.unknown_count = known - result.loaded, staged - known
    cursor.execute(_UNKNOWN, [LINES_NAMED])
    result.unknown = [BadLine(line, f"there is no lead {written}") for line, written in cursor.fetchall()]
    cursor.execute("DROP TABLE feed_staging, feed_found")
