"""The SQL of dead letters. Parameters are named; values never come into the text.

Every statement begins at the partial indexes on dead rows, so that it costs what the dead letters cost and not what the
ledger costs. They are read from high keys to low ones, newest campaigns first; a key is (campaign, lead) in the ledger
and (0, id) among messages.
"""

from __future__ import annotations

from delivery.messages.sql import CHANGED, noting

# The next %(limit)s dead letters below a key, each with whether it passes the filter: the stretch is bounded whatever
# the filter leaves. 24 ms for 1,000, wherever it begins (286,000 dead letters in a ledger of two million): a walk along
# the index, whose length the ledger does not change.
EMAILS = """
SELECT e.campaign_id, e.lead_id, e.at, e.tries, e.provider_id, e.code, e.enhanced, e.reply, coalesce(l.email, ''),
       coalesce(l.mailbox_group, 'other'), coalesce(c.name, ''), coalesce(c.state, ''),
       c.id IS NOT NULL
       AND (%(code)s::int IS NULL OR e.code = %(code)s::int)
       AND (%(provider)s::int IS NULL OR e.provider_id = %(provider)s::int)
       AND strpos(lower(coalesce(e.reply, '')), lower(%(reply)s)) > 0
       AND (%(group)s = '' OR coalesce(l.mailbox_group, 'other') = %(group)s)
       AND (%(domain)s = '' OR split_part(l.email, '@', 2) = %(domain)s)
       AND (%(since)s::timestamptz IS NULL OR e.at >= %(since)s::timestamptz)
       AND (%(until)s::timestamptz IS NULL OR e.at < %(until)s::timestamptz) AS passes
  FROM (SELECT campaign_id, lead_id, at, tries, provider_id, code, enhanced, reply FROM delivery_email
         WHERE status = 'dead' AND campaign_id BETWEEN %(low)s AND %(high)s
           AND (campaign_id, lead_id) < (%(before_campaign)s, %(before_id)s)
         ORDER BY campaign_id DESC, lead_id DESC LIMIT %(limit)s) e
  LEFT JOIN campaigns_campaign c ON c.id = e.campaign_id
  LEFT JOIN campaigns_lead l ON l.id = e.lead_id
 ORDER BY e.campaign_id DESC, e.lead_id DESC
"""

# The same of transactional messages. They have no campaign; their mailbox group is told from the address.
MESSAGES = """
SELECT 0, m.id, coalesce(m.at, m.created_at), m.tries, m.provider_id, m.code, m.enhanced, m.reply, m.to_address,
       '', '', '',
       (%(code)s::int IS NULL OR m.code = %(code)s::int)
       AND (%(provider)s::int IS NULL OR m.provider_id = %(provider)s::int)
       AND strpos(lower(coalesce(m.reply, '')), lower(%(reply)s)) > 0
       AND (%(domain)s = '' OR split_part(m.to_address, '@', 2) = %(domain)s)
       AND (%(since)s::timestamptz IS NULL OR coalesce(m.at, m.created_at) >= %(since)s::timestamptz)
       AND (%(until)s::timestamptz IS NULL OR coalesce(m.at, m.created_at) < %(until)s::timestamptz) AS passes
  FROM (SELECT id, created_at, at, tries, provider_id, code, enhanced, reply, to_address FROM delivery_message
         WHERE status = 'dead' AND id < %(before_id)s ORDER BY id DESC LIMIT %(limit)s) m
 ORDER BY m.id DESC
"""

# Those of the chosen letters that are still dead, held in the order of their key: whoever changes rows of the ledger
# locks them so. Nothing of a cancelled campaign is tried again.
LOCK_EMAILS = """
SELECT e.campaign_id, e.lead_id
  FROM unnest(%(campaigns)s::bigint[], %(ids)s::bigint[]) AS k (campaign_id, lead_id)
  JOIN delivery_email e ON e.campaign_id = k.campaign_id AND e.lead_id = k.lead_id
  JOIN campaigns_campaign c ON c.id = e.campaign_id
 WHERE e.status = 'dead' AND (NOT %(is_requeue)s OR c.state <> 'cancelled')
 ORDER BY e.campaign_id, e.lead_id FOR UPDATE OF e
"""
LOCK_MESSAGES = """
SELECT 0, id FROM delivery_message WHERE status = 'dead' AND id = ANY(%(ids)s::bigint[]) ORDER BY id FOR UPDATE
"""

# Compare-and-set: a letter that is not dead any more is left alone.
REQUEUE_EMAILS = """
UPDATE delivery_email SET status = 'deferred', tries = 0, due_at = now()
 WHERE campaign_id = %(campaign)s AND lead_id = ANY(%(ids)s::bigint[]) AND status = 'dead'
"""
DISCARD_EMAILS = """
UPDATE delivery_email
   SET status = 'failed', due_at = NULL, reply = left('discarded; before: ' || coalesce(reply, ''), 500)
 WHERE campaign_id = %(campaign)s AND lead_id = ANY(%(ids)s::bigint[]) AND status = 'dead'
"""
REQUEUE_MESSAGES = noting(
    f"""
UPDATE delivery_message m
   SET status = 'deferred', tries = 0, due_at = now(), lease_token = NULL, lease_until = NULL
 WHERE m.id = ANY(%(ids)s::bigint[]) AND m.status = 'dead'
RETURNING {CHANGED}
"""  # noqa: S608 - columns of ours
)
DISCARD_MESSAGES = noting(
    f"""
UPDATE delivery_message m
   SET status = 'failed', due_at = NULL, data = '{{}}',
       reply = left('discarded; before: ' || coalesce(m.reply, ''), 500)
 WHERE m.id = ANY(%(ids)s::bigint[]) AND m.status = 'dead'
RETURNING {CHANGED}
"""  # noqa: S608 - columns of ours
)
