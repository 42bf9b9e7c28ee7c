"""The SQL of the API's ground: each statement with its reason and its cost, PostgreSQL 18 on a busy machine."""

from __future__ import annotations

# Once a minute a key. Rows that another request is writing are left to it. 0.2 ms.
NOTE_USE = """
UPDATE campaigns_apikey SET last_used_at = now(), last_used_from = %(address)s
 WHERE id = (SELECT id FROM campaigns_apikey
              WHERE id = %(key)s AND (last_used_at IS NULL OR last_used_at < now() - interval '55 seconds')
                FOR UPDATE SKIP LOCKED)
"""

# One round trip for four statements. A second request with the same key waits here until the first has committed or
# failed, and then sees its answer: each statement has its own snapshot. The lock ends with the transaction. 0.2 ms.
CLAIM_ANSWER = """
SET LOCAL lock_timeout = {wait_milliseconds};
SELECT pg_advisory_xact_lock(%(lock)s);
SET LOCAL lock_timeout TO DEFAULT;
SELECT fingerprint, status, headers, body FROM campaigns_idempotentanswer
 WHERE api_key_id = %(api_key)s AND key = %(key)s AND created_at > now() - interval '24 hours'
"""

# Replaces an answer that is older than a day and not yet pruned. 0.1 ms.
STORE_ANSWER = """
INSERT INTO campaigns_idempotentanswer (api_key_id, key, fingerprint, status, headers, body)
VALUES (%(api_key)s, %(key)s, %(fingerprint)s, %(status)s, %(headers)s, %(body)s)
ON CONFLICT (api_key_id, key) DO UPDATE
   SET fingerprint = excluded.fingerprint, status = excluded.status, headers = excluded.headers,
       body = excluded.body, created_at = now()
"""

# Some at a time, so that no transaction is long; oldest first, by the index on created_at. 12 ms for 10,000.
PRUNE_ANSWERS = """
DELETE FROM campaigns_idempotentanswer
 WHERE ctid = ANY (ARRAY(SELECT ctid FROM campaigns_idempotentanswer
                          WHERE created_at < now() - interval '24 hours' ORDER BY created_at LIMIT %(limit)s))
"""
