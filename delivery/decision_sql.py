"""The SQL of people's decisions about unknown e-mails.

Rows of the ledger are always locked first and in the order of their key, the adjustment after them: the drain of
events does the same, so none waits for another in a ring. Parameters are named; values never come into the text.
The partial index on rows that need attention finds all of these, however long the ledger is.
"""

from __future__ import annotations

# Unknown rows of a campaign, all or some. ~1 ms a thousand.
FIND_UNKNOWN = """
SELECT lead_id FROM delivery_email
 WHERE campaign_id = %(campaign)s AND status = 'unknown'
   AND (%(leads)s::bigint[] IS NULL OR lead_id = ANY(%(leads)s::bigint[]))
 ORDER BY lead_id
"""

# How many there are, and how many of them are old enough to be sent again.
COUNT_UNKNOWN = """
SELECT count(*), count(*) FILTER (WHERE at <= now() - %(hours)s * interval '1 hour')
  FROM delivery_email
 WHERE campaign_id = %(campaign)s AND status = 'unknown'
   AND (%(leads)s::bigint[] IS NULL OR lead_id = ANY(%(leads)s::bigint[]))
"""

# Rows that a proof speaks of: it says that some attempt was accepted, and a row whose attempts are all older was
# never handed over at that one. A row that was put into a resend since is proved by the earlier attempt too.
LOCK_PROVED = """
SELECT e.lead_id
  FROM unnest(%(leads)s::bigint[], %(attempts)s::int[]) AS proof (lead_id, attempt)
  JOIN delivery_email e ON e.campaign_id = %(campaign)s AND e.lead_id = proof.lead_id
 WHERE e.status = 'unknown' AND e.attempt >= proof.attempt
 ORDER BY e.lead_id FOR UPDATE OF e
"""

# The fence (attempt) stays: a late outcome of the same attempt finds a row that is not `unknown` any more and is only
# logged, and a resend that waits in a batch leaves the row alone.
MARK_SENT = """
UPDATE delivery_email
   SET status = 'sent', reply = left('marked as sent by a person; before: ' || coalesce(reply, ''), 500)
 WHERE campaign_id = %(campaign)s AND lead_id = ANY(%(leads)s::bigint[]) AND status = 'unknown'
"""

# What may be sent again: unknown for long enough, and not in a resend that is still under way. Two people at once:
# the second waits for the first one's locks and then finds rows that have just become young.
LOCK_RESENDABLE = """
SELECT e.lead_id, e.attempt, e.variant, coalesce(l.mailbox_group, 'other'), coalesce(l.time_zone, '')
  FROM delivery_email e
  LEFT JOIN campaigns_lead l ON l.id = e.lead_id
 WHERE e.campaign_id = %(campaign)s AND e.status = 'unknown' AND e.at <= now() - %(hours)s * interval '1 hour'
   AND (%(leads)s::bigint[] IS NULL OR e.lead_id = ANY(%(leads)s::bigint[]))
   AND NOT EXISTS (SELECT FROM delivery_batch b
                    WHERE b.campaign_id = e.campaign_id AND b.state <> 'done' AND b.kind = 'resend'
                      AND b.attempt = e.attempt AND e.lead_id = ANY(b.lead_ids))
 ORDER BY e.lead_id FOR UPDATE OF e
"""

# The row takes the attempt of its batch before the batch exists for anybody else, and begins to age anew. It stays
# unknown: whether the first copy arrived is as unknown as it was.
FENCE_RESEND = """
UPDATE delivery_email SET attempt = attempt + 1, at = now()
 WHERE campaign_id = %(campaign)s AND lead_id = ANY(%(leads)s::bigint[]) AND status = 'unknown'
"""

# A resend that was not attempted changes no status and no number; why it was not stands in the row.
NOTE_NOT_RESENT = """
UPDATE delivery_email e SET reply = left('not sent again: ' || n.reason, 500)
  FROM unnest(%(leads)s::bigint[], %(reasons)s::text[]) AS n (lead_id, reason)
 WHERE e.campaign_id = %(campaign)s AND e.lead_id = n.lead_id AND e.status = 'unknown' AND e.attempt = %(attempt)s
"""

# The other side of every change of status outside a batch, in the same transaction: the identity of the numbers
# holds at every instant.
ADJUST = """
INSERT INTO delivery_adjustment AS a (campaign_id, sent, deferred, failed, dead, unknown)
VALUES (%(campaign)s, %(sent)s, %(deferred)s, %(failed)s, %(dead)s, %(unknown)s)
ON CONFLICT (campaign_id) DO UPDATE
   SET sent = a.sent + excluded.sent, deferred = a.deferred + excluded.deferred, failed = a.failed + excluded.failed,
       dead = a.dead + excluded.dead, unknown = a.unknown + excluded.unknown
"""

# Lines of a provider's log, 5,000 at a time: the rows of these leads …
ROWS_OF_LEADS = """
SELECT lead_id, status, attempt FROM delivery_email
 WHERE campaign_id = %(campaign)s AND lead_id = ANY(%(leads)s::bigint[])
"""
# … the rows of the leads that have these addresses now, with the hash of the address that was written to …
ROWS_OF_ADDRESSES = """
SELECT l.email, e.address_hash, e.lead_id, e.status, e.attempt
  FROM campaigns_lead l JOIN delivery_email e ON e.campaign_id = %(campaign)s AND e.lead_id = l.id
 WHERE l.email = ANY(%(addresses)s)
"""
# … and unknown rows that were written to one of these addresses, whatever the lead's address is today.
ROWS_OF_HASHES = """
SELECT address_hash, lead_id, status, attempt FROM delivery_email
 WHERE campaign_id = %(campaign)s AND status = 'unknown' AND address_hash = ANY(%(hashes)s::bytea[])
"""

# The newest decision about each lead of a page.
LAST_DECISIONS = """
SELECT DISTINCT ON (lead_id) lead_id, d.action, d.by_name, d.at
  FROM delivery_unknowndecision d CROSS JOIN unnest(d.lead_ids) AS lead_id
 WHERE d.campaign_id = %(campaign)s AND lead_id = ANY(%(leads)s::bigint[])
 ORDER BY lead_id, d.id DESC
"""
