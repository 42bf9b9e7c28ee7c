"""The SQL of transactional messages. Parameters are named; values never come into the text.

Every statement that changes a message writes its history line in the same statement.
"""

from __future__ import annotations


def changed(row: str) -> str:
    """What a listener is told of a changed row, in the order of events.Change. row: its alias, after the change."""
    columns = ("id", "created_at", "stream", "to_address", "tags", "metadata", "status AS kind", "provider_id", "code")
    return f"{', '.join(f'{row}.{column}' for column in columns)}, {row}.enhanced, coalesce({row}.reply, '') AS detail"


CHANGED = changed("m")


def noting(change: str) -> str:
    """A statement that changes messages and writes a history line for each; it gives the columns of `changed`.

    change: an UPDATE of delivery_message that ends with RETURNING and those columns.
    """
    return f"""
WITH changed AS ({change}),
     noted AS (INSERT INTO delivery_messageevent (message_id, at, kind, provider_id, code, detail)
               SELECT id, clock_timestamp(), kind, provider_id, code, left(detail, 500) FROM changed)
SELECT * FROM changed ORDER BY id
"""  # noqa: S608 - statements of ours


# Accepted means that this is committed. The ids rise in the order of the recipients.
# One recipient 0.25 ms, a thousand 21 ms.
INSERT = """
WITH changed AS (
    INSERT INTO delivery_message (to_address, to_name, data, stream, sender, sender_name, reply_to, content_digest,
                                  headers, priority, pool_id, due_at, tags, metadata, at_least_once)
    SELECT r.to_address, r.to_name, r.data::jsonb, %(stream)s, %(sender)s, %(sender_name)s, %(reply_to)s, %(content)s,
           %(headers)s::jsonb, %(priority)s, %(pool)s, greatest(%(due_at)s::timestamptz, now()), %(tags)s::text[],
           r.metadata::jsonb, %(at_least_once)s
      FROM unnest(%(to_address)s::text[], %(to_name)s::text[], %(data)s::text[], %(metadata)s::text[])
           WITH ORDINALITY AS r (to_address, to_name, data, metadata, place)
     ORDER BY r.place
    RETURNING id, created_at),
     noted AS (INSERT INTO delivery_messageevent (message_id, at, kind, detail)
               SELECT id, created_at, 'accepted', %(detail)s FROM changed)
SELECT id, created_at FROM changed ORDER BY id
"""

# What a message says, stored once whoever and however many get it. A row that was used in the last minutes is left
# alone: a popular template would be written anew, and locked, for every request.
STORE_CONTENT = """
INSERT INTO delivery_messagecontent AS old (digest, kind, payload, links, files)
VALUES (%(digest)s, %(kind)s, %(payload)s, %(links)s, %(files)s)
ON CONFLICT (digest) DO UPDATE
   SET used_at = now(), payload = excluded.payload, files = excluded.files
 WHERE old.used_at < now() - interval '5 minutes' OR old.payload = ''
"""
CONTENTS = "SELECT digest, kind, payload FROM delivery_messagecontent WHERE digest = ANY(%(digests)s::bytea[])"

# Claimed by row, the most urgent first, committed before a byte is sent. Asked for each priority, so that messages
# for next week are not walked through: 1.1 ms for 50, with 100,000 scheduled ones too.
CLAIM = """
UPDATE delivery_message m
   SET status = 'sending', lease_token = %(token)s, lease_until = now() + %(lease)s * interval '1 second',
       attempt = m.attempt + 1
  FROM (SELECT d.id, d.created_at
          FROM generate_series(9, 0, -1) AS p (priority)
         CROSS JOIN LATERAL (
               SELECT id, created_at FROM delivery_message
                WHERE status IN ('queued', 'deferred') AND priority = p.priority AND due_at <= now()
                ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED) d
         LIMIT %(limit)s) due
 WHERE m.id = due.id AND m.created_at = due.created_at
RETURNING m.id, m.created_at, m.pool_id, m.to_address, m.to_name, m.sender, m.sender_name, m.reply_to, m.content,
          m.data, m.headers, m.tries, m.attempt, m.provider_id, m.at_least_once, m.due_at, m.stream, m.tags,
          m.metadata, m.content_digest
"""

# Is there anything for a transactional worker? The partial index answers without looking at settled rows.
DUE = """
SELECT EXISTS (
    SELECT FROM generate_series(0, 9) AS p (priority)
     CROSS JOIN LATERAL (
           SELECT FROM delivery_message
            WHERE status IN ('queued', 'deferred') AND priority = p.priority AND due_at <= now() LIMIT 1) d)
"""

# Why a message may not be sent any more, read right before it is. Who left the newsletters still gets a receipt: only
# the reasons of Suppression.BINDING hold for transactional mail. Domains are entries of their own kind.
SUPPRESSIONS = """
SELECT encode(digest, 'hex'), reason FROM campaigns_suppression
 WHERE digest = ANY(%(digests)s) AND reason = ANY(%(reasons)s)
"""

# Only the holder of the lease writes the outcome; an expired one has become unknown already. What was merged in goes
# as soon as nothing will be sent any more: a copy, where one is kept, is encrypted. Links of a campaign's test send may
# lead on by it.
RECORD = noting(
    f"""
UPDATE delivery_message m
   SET status = n.status, tries = n.tries, due_at = n.due_at, provider_id = n.provider_id, at = now(), code = n.code,
       enhanced = n.enhanced, reply = n.reply, esp_message_id = n.esp_message_id, lease_token = NULL,
       lease_until = NULL,
       data = CASE WHEN n.status IN ('deferred', 'dead') OR m.metadata ? 'test_of_campaign' THEN m.data ELSE '{{}}' END
  FROM unnest(%(id)s::bigint[], %(created_at)s::timestamptz[], %(status)s::text[], %(tries)s::smallint[],
              %(due_at)s::timestamptz[], %(provider_id)s::int[], %(code)s::smallint[], %(enhanced)s::text[],
              %(reply)s::text[], %(esp_message_id)s::text[])
    AS n (id, created_at, status, tries, due_at, provider_id, code, enhanced, reply, esp_message_id)
 WHERE m.id = n.id AND m.created_at = n.created_at AND m.lease_token = %(token)s
RETURNING {CHANGED}
"""  # noqa: S608 - columns of ours
)

# A claim that nobody answers for: the server may have the message, so a person decides, unless the sender asked for
# "at least once", where the same Message-ID goes out again; not for ever, for it may be what kills the workers.
EXPIRE = noting(
    f"""
UPDATE delivery_message m
   SET status = CASE WHEN m.at_least_once AND m.attempt < 4 THEN 'deferred' ELSE 'unknown' END,
       due_at = CASE WHEN m.at_least_once AND m.attempt < 4 THEN now() END,
       reply = 'the worker that sent it was lost', lease_token = NULL, lease_until = NULL, at = now()
 WHERE m.status = 'sending' AND m.lease_until < now()
RETURNING {CHANGED}
"""  # noqa: S608 - as above
)

# Compare-and-set: what a worker has claimed cannot be called back.
CANCEL = noting(
    f"""
UPDATE delivery_message m
   SET status = 'cancelled', due_at = NULL, at = now(), reply = %(reason)s, data = '{{}}'
 WHERE m.id = ANY(%(ids)s::bigint[]) AND m.status IN ('queued', 'deferred')
RETURNING {CHANGED}
"""  # noqa: S608 - as above
)

# Rendered copies, encrypted. The first attempt that may have reached a server leaves it; later ones say the same.
STORE_COPIES = """
INSERT INTO delivery_messagecopy (message_id, expires_at, sealed)
SELECT id, now() + days * interval '1 day', sealed
  FROM unnest(%(id)s::bigint[], %(days)s::int[], %(sealed)s::bytea[]) AS c (id, days, sealed)
ON CONFLICT (message_id) DO NOTHING
"""
DROP_COPIES = """
DELETE FROM delivery_messagecopy
 WHERE message_id IN (SELECT message_id FROM delivery_messagecopy WHERE expires_at < now()
                       ORDER BY expires_at LIMIT %(limit)s)
"""

# What no message needs any more: no open one names it, and none was accepted with it for an hour. Where links lead is
# kept: people click on old mail. By the index on used_at; open messages are few and have partial indexes.
FORGET_CONTENTS = """
WITH open AS (
    SELECT content_digest AS digest FROM delivery_message WHERE status IN ('queued', 'deferred', 'sending')
    UNION SELECT content_digest FROM delivery_message WHERE status = 'dead'),
     old AS (
    SELECT digest FROM delivery_messagecontent c
     WHERE used_at < now() - interval '1 hour' AND kind <> 'file' AND payload <> ''
       AND NOT EXISTS (SELECT FROM open WHERE open.digest = c.digest)
     LIMIT %(limit)s),
     emptied AS (UPDATE delivery_messagecontent c SET payload = '', files = '{}'
                   FROM old WHERE c.digest = old.digest AND c.links <> '[]' AND used_at < now() - interval '1 hour'
                 RETURNING 1),
     deleted AS (DELETE FROM delivery_messagecontent c
                  USING old WHERE c.digest = old.digest AND c.links = '[]' AND used_at < now() - interval '1 hour'
                 RETURNING 1)
SELECT (SELECT count(*) FROM emptied) + (SELECT count(*) FROM deleted)
"""
FORGET_FILES = """
DELETE FROM delivery_messagecontent f
 WHERE kind = 'file' AND used_at < now() - interval '1 hour'
   AND NOT EXISTS (SELECT FROM delivery_messagecontent c WHERE c.files @> ARRAY[f.digest])
"""
