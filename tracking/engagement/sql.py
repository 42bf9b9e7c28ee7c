"""The SQL of engagement: every statement with its name, its reason and a measured cost.

Costs: wall time for 5,000 leads, the least of eight calls on a machine that was busy with other work, PostgreSQL 18.
"""

from __future__ import annotations

COLUMNS = ("opened_at", "opened_any_at", "clicked_at", "clicked_any_at", "unsubscribed_at")
_NAMES = ", ".join(COLUMNS)
_LATER = ", ".join(f"{name} = greatest(old.{name}, excluded.{name})" for name in COLUMNS)
_ARRAYS = ", ".join(f"%({name})s::timestamptz[]" for name in COLUMNS)

# Who opens an e-mail often opens it twice: a time that is only minutes later is not worth a new version of a row, and
# segments count in days.
_WORTH = " OR ".join(f"new.{name} > coalesce(old.{name} + interval '10 minutes', '-infinity')" for name in COLUMNS)

# greatest() leaves NULL out, and makes a second call, a late event and two writers at once harmless. Sorted by key:
# two writers wait for each other, never in a ring; what changes rows in a WITH runs after the statement's own part, so
# campaigns come before leads, as everywhere. One statement: to read the arrays takes a third of it. 55 ms where most
# rows are new.
ADD = f"""
WITH event AS MATERIALIZED (
    SELECT * FROM unnest(%(campaigns)s::bigint[], %(leads)s::bigint[], {_ARRAYS})
        AS event (campaign_id, lead_id, {_NAMES})
), of_leads AS (
    INSERT INTO tracking_leadengagement AS old (lead_id, {_NAMES})
    SELECT new.*
      FROM (SELECT lead_id, {", ".join(f"max({name}) AS {name}" for name in COLUMNS)} FROM event GROUP BY lead_id) new
      LEFT JOIN tracking_leadengagement old USING (lead_id)
     WHERE {_WORTH} ORDER BY new.lead_id
    ON CONFLICT (lead_id) DO UPDATE SET {_LATER}
)
INSERT INTO tracking_campaignengagement AS old (campaign_id, lead_id, {_NAMES})
SELECT new.* FROM event new LEFT JOIN tracking_campaignengagement old USING (campaign_id, lead_id)
 WHERE {_WORTH} ORDER BY new.campaign_id, new.lead_id
ON CONFLICT (campaign_id, lead_id) DO UPDATE SET {_LATER}
"""  # noqa: S608 (the columns above, no values)

# What is kept about an erased lead. The ledger's index on leads names the campaigns: this table has none.
FORGET_CAMPAIGNS = """
DELETE FROM tracking_campaignengagement
 WHERE lead_id = %(lead)s AND campaign_id IN (SELECT campaign_id FROM delivery_email WHERE lead_id = %(lead)s)
"""
FORGET_LEAD = "DELETE FROM tracking_leadengagement WHERE lead_id = %(lead)s"

# The last times of leads as the stored events tell them, by the index on (lead_id, at).
_TOLD = """
SELECT {key}, max(at) FILTER (WHERE kind = 'open' AND who = 'human') AS opened_at,
       max(at) FILTER (WHERE kind = 'open') AS opened_any_at,
       max(at) FILTER (WHERE kind = 'click' AND who = 'human') AS clicked_at,
       max(at) FILTER (WHERE kind = 'click') AS clicked_any_at,
       max(at) FILTER (WHERE kind = 'unsubscribe') AS unsubscribed_at
  FROM tracking_event
 WHERE {where} AND campaign_id IS NOT NULL AND kind IN ('open', 'click', 'unsubscribe')
 GROUP BY {key}
"""
# Everything that stored events tell about a range of leads.
FILL_CAMPAIGNS = f"""
INSERT INTO tracking_campaignengagement AS old (campaign_id, lead_id, {_NAMES})
{_TOLD.format(key="campaign_id, lead_id", where="lead_id >= %(low)s AND lead_id < %(high)s")} ORDER BY 1, 2
ON CONFLICT (campaign_id, lead_id) DO UPDATE SET {_LATER}
"""
FILL_LEADS = f"""
INSERT INTO tracking_leadengagement AS old (lead_id, {_NAMES})
{_TOLD.format(key="lead_id", where="lead_id >= %(low)s AND lead_id < %(high)s")} ORDER BY 1
ON CONFLICT (lead_id) DO UPDATE SET {_LATER}
"""

# Somebody judged stored events anew: what they tell replaces what is kept, but for times older than the oldest event
# that is still there, which nothing can tell any more.
_REPLACED = ", ".join(
    f"{name} = coalesce(told.{name}, CASE WHEN old.{name} < %(oldest)s THEN old.{name} END)" for name in COLUMNS
)
LOCK_CAMPAIGNS = """
SELECT 1 FROM tracking_campaignengagement WHERE campaign_id = %(campaign)s AND lead_id = ANY(%(leads)s::bigint[])
 ORDER BY lead_id FOR UPDATE
"""
REPLACE_CAMPAIGNS = f"""
UPDATE tracking_campaignengagement old SET {_REPLACED}
  FROM unnest(%(leads)s::bigint[]) AS wanted (lead_id)
  LEFT JOIN ({_TOLD.format(key="lead_id", where="lead_id = ANY(%(leads)s::bigint[]) AND campaign_id = %(campaign)s")})
       told USING (lead_id)
 WHERE old.campaign_id = %(campaign)s AND old.lead_id = wanted.lead_id
"""  # noqa: S608
LOCK_LEADS = """
SELECT 1 FROM tracking_leadengagement WHERE lead_id = ANY(%(leads)s::bigint[]) ORDER BY lead_id FOR UPDATE
"""
REPLACE_LEADS = f"""
UPDATE tracking_leadengagement old SET {_REPLACED}
  FROM unnest(%(leads)s::bigint[]) AS wanted (lead_id)
  LEFT JOIN ({_TOLD.format(key="lead_id", where="lead_id = ANY(%(leads)s::bigint[])")}) told USING (lead_id)
 WHERE old.lead_id = wanted.lead_id
"""  # noqa: S608

LEAD_RANGE = "SELECT coalesce(min(lead_id), 0), coalesce(max(lead_id), -1) FROM tracking_event"
