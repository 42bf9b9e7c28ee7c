"""The SQL of outgoing webhooks: every statement with its name and its reason. Parameters are named."""

from __future__ import annotations

# Which events anybody wants at all: asked once a round of thousands, so that nothing is built for nobody. 0.1 ms.
WANTED = "SELECT DISTINCT unnest(kinds) FROM tracking_webhookendpoint WHERE is_active AND disabled_at IS NULL"

# One delivery for each endpoint that wants the event. Executed by whoever changes something, in its transaction, also
# on the connections of workers inside a running loop: one statement that asks nothing before. 0.15 ms for no endpoint.
# A message names an address: the lead who has it is looked up for what is written alone, so that erasing finds it.
ENQUEUE = """
INSERT INTO tracking_webhookdelivery (endpoint_id, event_id, kind, body, lead_id, due_at, give_up_at)
SELECT e.id, n.event_id, n.kind, n.body,
       coalesce(n.lead_id, (SELECT l.id FROM campaigns_lead l WHERE l.email = n.address)),
       now(), now() + %(hours)s * interval '1 hour'
  FROM unnest(%(event_ids)s::text[], %(kinds)s::text[], %(bodies)s::text[], %(lead_ids)s::bigint[],
              %(streams)s::text[], %(tags)s::text[], %(people)s::boolean[],
              %(addresses)s::text[])
       WITH ORDINALITY AS n (event_id, kind, body, lead_id, stream, tags, is_person, address, place)
  JOIN tracking_webhookendpoint e ON e.is_active AND e.disabled_at IS NULL AND n.kind = ANY(e.kinds)
   AND (e.stream = '' OR e.stream = n.stream) AND (n.is_person OR NOT e.people_only)
   AND (e.tags = '{}' OR EXISTS (SELECT FROM jsonb_array_elements_text(n.tags::jsonb) tag WHERE tag = ANY(e.tags)))
 ORDER BY n.place
"""

# Deliveries that are due, of each endpoint a few: whoever fails gets one at a time, so that the dead never take the
# places of the living. Put off before they are posted: nobody else takes them meanwhile, and a worker that dies gives
# them back.
CLAIM = """
WITH ready AS (
    SELECT id, CASE WHEN failures > 0 THEN 1 ELSE %(each)s END AS places FROM tracking_webhookendpoint
     WHERE is_active AND disabled_at IS NULL AND (hold_until IS NULL OR hold_until <= statement_timestamp())
       AND id <> ALL(%(busy)s::bigint[])
), picked AS (
    SELECT d.id FROM ready CROSS JOIN LATERAL (
        SELECT id, due_at FROM tracking_webhookdelivery
         WHERE endpoint_id = ready.id AND due_at <= statement_timestamp()
         ORDER BY due_at LIMIT ready.places FOR UPDATE SKIP LOCKED) d
     ORDER BY d.due_at LIMIT %(limit)s
)
UPDATE tracking_webhookdelivery d
   SET tried = tried + 1, tried_at = statement_timestamp(),
       due_at = statement_timestamp() + %(lease)s * interval '1 second'
  FROM picked WHERE d.id = picked.id
RETURNING d.id, d.endpoint_id, d.tried, d.event_id, d.body, d.give_up_at
"""

# Only the claim that made the post writes its outcome: `tried` is the fence.
SETTLE = """
UPDATE tracking_webhookdelivery
   SET state = %(state)s, due_at = statement_timestamp() + %(wait)s * interval '1 second', status = %(status)s,
       answer = %(answer)s, error = %(error)s, seconds = %(seconds)s
 WHERE id = %(id)s AND tried = %(tried)s
"""

# Success costs a write only where something had failed before.
ARRIVED = """
UPDATE tracking_webhookendpoint SET failures = 0, failing_since = NULL, hold_until = NULL
 WHERE id = %(id)s AND failures > 0
"""
NOT_ARRIVED = """
UPDATE tracking_webhookendpoint
   SET failures = failures + 1, failing_since = coalesce(failing_since, statement_timestamp()),
       hold_until = statement_timestamp() + least(%(most)s, %(first)s * 2 ^ least(failures, 16)) * interval '1 second'
 WHERE id = %(id)s
RETURNING extract(epoch FROM statement_timestamp() - failing_since) / 3600
"""
DISABLE = """
UPDATE tracking_webhookendpoint SET disabled_at = now(), disabled_because = %(because)s
 WHERE id = %(id)s AND disabled_at IS NULL
RETURNING name, url
"""

# What waited too long while its endpoint was disabled or held; and what is old, in pieces.
EXPIRE = """
UPDATE tracking_webhookdelivery SET state = 'failed', due_at = NULL,
       error = CASE WHEN error = '' THEN 'It could not be posted in time.' ELSE error END
 WHERE due_at IS NOT NULL AND give_up_at < now() AND due_at <= now()
"""
PRUNE = """
DELETE FROM tracking_webhookdelivery WHERE id IN (
    SELECT id FROM tracking_webhookdelivery WHERE created_at < now() - %(days)s * interval '1 day' AND due_at IS NULL
     ORDER BY created_at LIMIT %(limit)s)
"""

RUN_LOCK = 7205004
