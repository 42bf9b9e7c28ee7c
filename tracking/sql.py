"""The SQL of the drain: every statement with its name, its reason and a measured cost.

Costs: the backend's processor time for a round of 5,000 events, most of them first opens, PostgreSQL 18 with fsync,
measured by bench/drain.py while the machine was busy with other work (alone it takes about half).
Parameters are named; values never come into the text.
"""

from __future__ import annotations

from delivery.messages.sql import changed, noting

COLUMNS = """at, id, campaign_id, message_id, lead_id, provider_id, link_number, kind, who, who_reason, user_agent,
    network, data"""

# Which months can take events. 0.5 ms.
MONTHS = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %(parent)s::regclass
"""

# One drainer at a time: what it finds pending in the stream then belongs to nobody alive. Ends with the session.
DRAIN_LOCK = 7205001

# Lives as long as the session, empty between transactions: making it anew each second would churn the catalogue.
STAGE = """
CREATE TEMP TABLE IF NOT EXISTS tracking_stage (
    at timestamptz, id uuid, campaign_id bigint, message_id bigint, lead_id bigint, provider_id integer,
    link_number smallint, kind text, who text, who_reason text, user_agent text, network text, data jsonb
) ON COMMIT DELETE ROWS
"""
EMPTY_STAGE = "DELETE FROM tracking_stage"
COPY_STAGE = f"COPY tracking_stage ({COLUMNS}) FROM STDIN"
# Past the stage, where all are new as a rule. 40 ms.
COPY_EVENTS = f"COPY tracking_event ({COLUMNS}) FROM STDIN"

# What was there before is not returned, so that nothing follows from it twice. 60 ms.
INSERT_EVENTS = f"""
INSERT INTO tracking_event ({COLUMNS})
SELECT {COLUMNS} FROM tracking_stage
ON CONFLICT (at, id) DO NOTHING
RETURNING id
"""  # noqa: S608 (the columns above, no values)

# What the ledger knows about the e-mails of a round, one statement a campaign: one partition, by primary key. The bits
# of the last but one say which fields are still empty. 20 ms.
KNOWN_EMAILS = """
SELECT lead_id, status, date_part('epoch', at), provider_id,
       (opened_at IS NULL)::int + 2 * (clicked_at IS NULL)::int + 4 * (unsubscribed_at IS NULL)::int
           + 8 * (complained_at IS NULL)::int, variant
  FROM delivery_email
 WHERE campaign_id = %(campaign)s AND lead_id = ANY(%(ids)s::bigint[])
"""
KNOWN_MESSAGES = """
SELECT id, status, date_part('epoch', at), provider_id, 3 FROM delivery_message
 WHERE id = ANY(%(ids)s::bigint[])
"""

# Rows that something will change, locked in the order of the key: two writers wait for each other, never in a ring.
# Counted, so that no row travels. 7 ms.
LOCK_EMAILS = """
SELECT count(*) FROM (
    SELECT 1 FROM delivery_email WHERE campaign_id = %(campaign)s AND lead_id = ANY(%(leads)s::bigint[])
     ORDER BY lead_id FOR UPDATE) locked
"""

# First open, first click, …: no index holds these columns, so the update stays on its page (HOT). 18 ms.
FILL = """
UPDATE {table} e SET {field} = n.at
  FROM unnest(%({ids})s::bigint[], %(times)s::timestamptz[]) AS n (id, at)
 WHERE {key} = n.id AND e.{field} IS NULL
"""
FILL_EMAILS = {
    field: FILL.format(
        table="delivery_email", field=field, ids="leads", key="e.campaign_id = %(campaign)s AND e.lead_id"
    )
    for field in ("opened_at", "clicked_at", "unsubscribed_at", "complained_at")
}

# Somebody holds the e-mail in hand, so the server had accepted it. The fence (attempt) stays: a late outcome of the
# same attempt finds a row that is not `unknown` any more and is only logged. Rare.
PROVE_EMAILS = """
UPDATE delivery_email
   SET status = 'sent', reply = left('proved by an event; before: ' || coalesce(reply, ''), 500)
 WHERE campaign_id = %(campaign)s AND lead_id = ANY(%(leads)s::bigint[]) AND status = 'unknown'
"""

# What came back after acceptance is final, whatever its class: nothing is retried. Only of rows that are held by
# LOCK_EMAILS; what they were before is counted from this, under the lock. Rare.
ACCEPTED_EMAILS = """
SELECT lead_id, status FROM delivery_email
 WHERE campaign_id = %(campaign)s AND lead_id = ANY(%(leads)s::bigint[]) AND status IN ('sent', 'unknown')
"""
BOUNCE = """
UPDATE {table} e
   SET status = n.status, enhanced = n.enhanced, reply = left(n.reply, 500), code = NULL, due_at = NULL
  FROM unnest(%({ids})s::bigint[], %(statuses)s::text[], %(enhanced)s::text[], %(replies)s::text[])
    AS n (id, status, enhanced, reply)
 WHERE {key} = n.id AND e.status IN ('sent', 'unknown')
"""
BOUNCE_EMAILS = BOUNCE.format(table="delivery_email", ids="leads", key="e.campaign_id = %(campaign)s AND e.lead_id")

# The other side of PROVE_EMAILS and BOUNCE_EMAILS, in the same transaction: the identity of the numbers holds at every
# instant. From the campaigns' table, because a campaign that was deleted meanwhile must not stop the drain.
ADJUST = """
INSERT INTO delivery_adjustment AS a (campaign_id, sent, unknown, bounced, soft_bounced)
SELECT id, %(sent)s, %(unknown)s, %(bounced)s, %(soft_bounced)s FROM campaigns_campaign WHERE id = %(campaign)s
ON CONFLICT (campaign_id) DO UPDATE
   SET sent = a.sent + excluded.sent, unknown = a.unknown + excluded.unknown, bounced = a.bounced + excluded.bounced,
       soft_bounced = a.soft_bounced + excluded.soft_bounced
"""

# Last of all statements of a round: the row of a campaign is locked for as short as can be. Its copy of the numbers is
# made anew where they changed, however long ago the campaign ended.
COUNT_CAMPAIGN = """
UPDATE campaigns_campaign
   SET opened = opened + %(opened_at)s, clicked = clicked + %(clicked_at)s,
       unsubscribed = unsubscribed + %(unsubscribed_at)s, complained = complained + %(complained_at)s,
       counted_at = CASE WHEN %(adjusted)s THEN NULL ELSE counted_at END
 WHERE id = %(campaign)s
"""

# Transactional mail: few rows, found by id in every month's index. A lost worker's `unknown` is proved wrong here too.
LOCK_MESSAGES = "SELECT id FROM delivery_message WHERE id = ANY(%(messages)s::bigint[]) ORDER BY id FOR UPDATE"
FILL_MESSAGES = {
    field: FILL.format(table="delivery_message", field=field, ids="messages", key="e.id")
    for field in ("opened_at", "clicked_at")
}
BOUNCE_MESSAGES = noting(
    BOUNCE.format(table="delivery_message", ids="messages", key="e.id") + f"RETURNING {changed('e')}"
)
PROVE_MESSAGES = noting(f"""
UPDATE delivery_message e SET status = 'sent' WHERE id = ANY(%(messages)s::bigint[]) AND status = 'unknown'
RETURNING {changed("e")}
""")  # noqa: S608 - columns of ours

# Whom bounces and complaints are about: the lead's address now, and the hash of the one that was written to. A lead may
# be erased, and the ledger of an old campaign dropped.
WRITTEN_TO = """
SELECT n.id, coalesce(l.email, ''), e.address_hash
  FROM unnest(%(ids)s::bigint[]) AS n (id)
  LEFT JOIN campaigns_lead l ON l.id = n.id
  LEFT JOIN delivery_email e ON e.campaign_id = %(campaign)s AND e.lead_id = n.id
"""
MESSAGES_TO = """
SELECT id, to_address, NULL::bytea FROM delivery_message WHERE id = ANY(%(ids)s::bigint[])
"""

# Roll-ups, sorted by key, few rows a round. 0.5 ms each.
ADD_MINUTES = """
INSERT INTO tracking_minute AS old (campaign_id, minute, kind, who, count)
SELECT * FROM unnest(%(campaign)s::bigint[], %(minute)s::timestamptz[], %(kind)s::text[], %(who)s::text[],
                     %(count)s::bigint[])
ON CONFLICT (campaign_id, minute, kind, who) DO UPDATE SET count = old.count + excluded.count
"""
ADD_QUARTERS = ADD_MINUTES.replace("tracking_minute", "tracking_quarter").replace("minute", "quarter")
ADD_LINKS = """
INSERT INTO tracking_link AS old (campaign_id, link_number, who, count, leads)
SELECT * FROM unnest(%(campaign)s::bigint[], %(number)s::smallint[], %(who)s::text[], %(count)s::bigint[],
                     %(leads)s::bigint[])
ON CONFLICT (campaign_id, link_number, who) DO UPDATE
   SET count = old.count + excluded.count, leads = old.leads + excluded.leads
"""
# Which people clicked a link for the first time. 4 ms for 500 clicks.
ADD_LINK_CLICKS = """
INSERT INTO tracking_link_click (campaign_id, link_number, lead_id)
SELECT * FROM unnest(%(campaign)s::bigint[], %(number)s::smallint[], %(lead)s::bigint[])
ON CONFLICT DO NOTHING
RETURNING campaign_id, link_number
"""

# Whoever records events shares this lock until the commit; whoever judges stored events anew has it alone, for a round
# of a tenth of a second: an event that is being recorded could otherwise be somebody's first open behind its back.
SHARE_EVENTS = "SELECT pg_advisory_xact_lock_shared(7205003)"
OWN_EVENTS = "SELECT pg_advisory_xact_lock(7205003)"

# A page of stored events in the order of their key, whatever they are: bounded even where few are meant. 15 ms.
EVENT_PAGE = """
SELECT at, id, kind, campaign_id, message_id, lead_id, link_number, who, who_reason, user_agent, data
  FROM tracking_event
 WHERE (at, id) > (%(at)s, %(id)s::uuid) ORDER BY at, id LIMIT %(limit)s
"""
# Clicks beside a page, which may belong to a burst with those on it.
NEAR_CLICKS = """
SELECT at, id, kind, campaign_id, message_id, lead_id, link_number, who, who_reason, user_agent, data
  FROM tracking_event
 WHERE kind = 'click' AND at BETWEEN %(from)s AND %(until)s AND (%(campaign)s::bigint IS NULL
       OR campaign_id = %(campaign)s)
"""
REJUDGE_EVENTS = """
UPDATE tracking_event e SET who = n.who, who_reason = n.reason
  FROM unnest(%(times)s::timestamptz[], %(ids)s::uuid[], %(who)s::text[], %(reasons)s::text[])
       AS n (at, id, who, reason)
 WHERE e.at = n.at AND e.id = n.id
"""
# The first open or click of people by lead (or message), from the events that are kept.
FIRST_OF_LEADS = """
SELECT lead_id, min(at) FROM tracking_event
 WHERE lead_id = ANY(%(ids)s::bigint[]) AND campaign_id = %(campaign)s AND kind = %(kind)s AND who = 'human' GROUP BY 1
"""
FIRST_OF_MESSAGES = """
SELECT message_id, min(at) FROM tracking_event
 WHERE message_id = ANY(%(ids)s::bigint[]) AND at >= %(since)s AND kind = %(kind)s AND who = 'human' GROUP BY 1
"""
SET_FIRST = "UPDATE {table} e SET {field} = n.at FROM unnest(%(ids)s::bigint[], %(times)s::timestamptz[]) AS n (id, at)"
SET_FIRST_EMAILS = {
    field: SET_FIRST.format(table="delivery_email", field=field)
    + " WHERE e.campaign_id = %(campaign)s AND e.lead_id = n.id"
    for field in ("opened_at", "clicked_at")
}
SET_FIRST_MESSAGES = {
    field: SET_FIRST.format(table="delivery_message", field=field) + " WHERE e.id = n.id"
    for field in ("opened_at", "clicked_at")
}
FIRSTS_OF_EMAILS = """
SELECT lead_id, opened_at, clicked_at FROM delivery_email
 WHERE campaign_id = %(campaign)s AND lead_id = ANY(%(ids)s::bigint[]) ORDER BY lead_id FOR UPDATE
"""
FIRSTS_OF_MESSAGES = """
SELECT id, opened_at, clicked_at FROM delivery_message WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR UPDATE
"""

# An entry that comes twice is parked once.
PARK = """
INSERT INTO tracking_parkedevent (id, payload, due_at)
SELECT id, payload, now() + %(wait)s * interval '1 second' FROM unnest(%(ids)s::uuid[], %(payloads)s::text[])
    AS n (id, payload)
ON CONFLICT (id) DO NOTHING
"""
# Parked events whose time has come; `late` when three days are over.
DUE_PARKED = """
SELECT id, payload, parked_at < now() - %(patience)s * interval '1 second' FROM tracking_parkedevent
 WHERE due_at <= now() ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""
# 2 s, 4 s, 8 s, …, a quarter of an hour: most overtake by less than a second, a few wait for a lost worker's lease.
POSTPONE_PARKED = """
UPDATE tracking_parkedevent
   SET tries = tries + 1, due_at = now() + least(900, 2 ^ least(tries + 1, 12)) * interval '1 second'
 WHERE id = ANY(%(ids)s)
"""
DELETE_PARKED = "DELETE FROM tracking_parkedevent WHERE id = ANY(%(ids)s)"

SET_ASIDE = """
INSERT INTO tracking_asideevent (payload, reason)
SELECT * FROM unnest(%(payloads)s::text[], %(reasons)s::text[])
"""
