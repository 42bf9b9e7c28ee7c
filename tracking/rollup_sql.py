"""The SQL of the breakdowns: every statement with its name, its reason and a measured cost.

Dimensions are text: "variant", "provider", "domain", "group", "reason", and those that come from attributes, whose
names are parameters (%(dimensions)s, with the attribute of each in %(names)s).
"""

from __future__ import annotations

from tracking.models.breakdown import BIG, EVENT_COLUMNS, FIRST_COLUMNS, STATUS_COLUMNS

# One roller at a time: two would take the same batches. Ends with the transaction.
TRY_LOCK = "SELECT pg_try_advisory_xact_lock(7205002)"
LOCK = "SELECT pg_advisory_xact_lock(7205002)"

FLAGS = """(e.opened_at IS NOT NULL)::int + 2 * (e.clicked_at IS NOT NULL)::int
           + 4 * (e.unsubscribed_at IS NOT NULL)::int + 8 * (e.complained_at IS NOT NULL)::int"""
# why an e-mail did not arrive, in few words: what the server's codes say, or the reason of ours; as in the trigger
REASON = """CASE WHEN e.status = 'sent' THEN '' WHEN e.status = 'skipped' THEN left(coalesce(e.reply, ''), 100)
                ELSE concat_ws(' ', e.code, e.enhanced) END"""

# the quarter of an hour that a minute lies in
QUARTER = "date_bin('15 minutes', minute, timestamptz '2000-01-01 00:00+00')"

_LEDGER_COLUMNS = (*STATUS_COLUMNS, *FIRST_COLUMNS)
_STATUS_SUMS = ",\n           ".join(
    f"coalesce(sum(s.sign) FILTER (WHERE s.status = '{status}'), 0) AS {status}" for status in STATUS_COLUMNS
)
_FIRST_SUMS = ",\n           ".join(
    f"coalesce(sum(s.sign) FILTER (WHERE s.flags & {1 << place} > 0), 0) AS {name}"
    for place, name in enumerate(FIRST_COLUMNS)
)


def _spread(source: str, columns: tuple[str, ...], leads: tuple[str, ...] = ()) -> str:
    """The rows of `source` once for each dimension, added up by value, into the table; sorted by key.

    leads: the columns that add up to a value's leads, where they are among `columns`.
    """
    added = " + ".join(f"sum({name}::int)" for name in leads) or "0"
    together = " + ".join(f"old.{name} + excluded.{name}" for name in leads) or "0"
    # of integers: the sum of a bigint is a numeric, and that takes four times as long
    sums = ", ".join(f"sum({name}::int)" for name in columns)
    return f"""
    INSERT INTO tracking_breakdown AS old (campaign_id, dimension, value, {", ".join(columns)}, is_big)
    SELECT campaign_id, d.dimension, left(d.value, 255), {sums}, {added} >= {BIG}
      FROM {source} CROSS JOIN LATERAL (
           SELECT * FROM (VALUES ('variant', variant::text), ('provider', coalesce(provider_id::text, '')),
                                 ('domain', domain), ('group', mailbox_group), ('reason', reason))
                        AS fixed (dimension, value)
             WHERE value IS NOT NULL
            UNION ALL
           SELECT * FROM unnest(%(dimensions)s::text[], attribute_values) AS chosen (dimension, value)) d
     GROUP BY 1, 2, 3 HAVING {" OR ".join(f"sum({name}::int) <> 0" for name in columns)} ORDER BY 1, 2, 3
    ON CONFLICT (campaign_id, dimension, value) DO UPDATE
       SET {", ".join(f"{name} = old.{name} + excluded.{name}" for name in columns)},
           is_big = old.is_big OR {together} >= {BIG}"""  # noqa: S608 (names of ours, no values)


# what `substring(email from '[^@]*$')` gives elsewhere, where an index has it; here it is worked out for each lead, and
# a regular expression is a tenth of the statement
_LEAD_COLUMNS = """coalesce(split_part(l.email, '@', -1), '') AS domain,
           coalesce(l.mailbox_group, '') AS mailbox_group,
           ARRAY(SELECT left(coalesce(l.attributes ->> chosen.name, ''), 100)
                   FROM unnest(%(names)s::text[]) WITH ORDINALITY AS chosen (name, place) ORDER BY place)
               AS attribute_values"""

# Finished first batches that are not counted yet, each once, and everything that changed since in rows that are. One
# statement is one snapshot: a change of a row that is not counted yet is dropped, because the batch will bring the row
# as it is by then. 2.8 ms a batch of 1,000 with 500 domains in it; its rows are asked for by an array, which goes
# through the index once: a join with its elements looks each of them up, 3.7 ms.
ROLL = f"""
WITH batch AS MATERIALIZED (
    SELECT id, campaign_id, lead_ids FROM delivery_batch
     WHERE kind = 'first' AND NOT is_rolled AND state = 'done' ORDER BY campaign_id, id LIMIT %(limit)s
), changed AS (
    DELETE FROM tracking_emailchange RETURNING *
), uncounted AS MATERIALIZED (
    SELECT b.campaign_id, lead_id FROM delivery_batch b CROSS JOIN unnest(b.lead_ids) AS lead_id
     WHERE b.kind = 'first' AND NOT b.is_rolled AND b.cursor > 0
       AND b.campaign_id IN (SELECT campaign_id FROM changed)
), moved AS MATERIALIZED (
    SELECT * FROM changed c
     WHERE NOT EXISTS (SELECT FROM uncounted u WHERE u.campaign_id = c.campaign_id AND u.lead_id = c.lead_id)
), state AS (
    SELECT batch.campaign_id, e.lead_id, 1 AS sign, e.status, e.provider_id, e.variant, e.at, {FLAGS} AS flags,
           {REASON} AS reason
      FROM batch CROSS JOIN LATERAL (
           SELECT * FROM delivery_email one
            WHERE one.campaign_id = batch.campaign_id AND one.lead_id = ANY(batch.lead_ids)) e
     UNION ALL
    SELECT campaign_id, lead_id, -1, old_status, old_provider_id, old_variant, old_at, old_flags, old_reason FROM moved
     UNION ALL
    SELECT campaign_id, lead_id, 1, status, provider_id, variant, at, flags, reason FROM moved
), alike AS MATERIALIZED (
    SELECT s.campaign_id, s.variant, s.provider_id, s.reason, s.status, s.flags, date_trunc('minute', s.at) AS minute,
           {_LEAD_COLUMNS}, sum(s.sign) AS sign
      FROM state s LEFT JOIN campaigns_lead l ON l.id = s.lead_id
     GROUP BY s.campaign_id, s.variant, s.provider_id, s.reason, s.status, s.flags, minute, domain,
              coalesce(l.mailbox_group, ''), attribute_values
), summed AS MATERIALIZED (
    SELECT s.campaign_id, s.variant, s.provider_id, s.reason, s.domain, s.mailbox_group, s.attribute_values,
           {_STATUS_SUMS},
           {_FIRST_SUMS}
      FROM alike s GROUP BY 1, 2, 3, 4, 5, 6, 7
), sent AS MATERIALIZED (
    SELECT campaign_id, minute, sum(sign) AS count FROM alike WHERE status = 'sent'
     GROUP BY 1, 2 HAVING sum(sign) <> 0
), minutes AS (
    INSERT INTO tracking_minute AS old (campaign_id, minute, kind, who, count)
    SELECT campaign_id, minute, 'sent', '', count FROM sent ORDER BY 1, 2
    ON CONFLICT (campaign_id, minute, kind, who) DO UPDATE SET count = old.count + excluded.count
), quarters AS (
    INSERT INTO tracking_quarter AS old (campaign_id, quarter, kind, who, count)
    SELECT campaign_id, {QUARTER}, 'sent', '', sum(count) FROM sent GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (campaign_id, quarter, kind, who) DO UPDATE SET count = old.count + excluded.count
), marked AS (
    UPDATE delivery_batch b SET is_rolled = true FROM batch WHERE b.id = batch.id
), written AS ({_spread("summed", _LEDGER_COLUMNS, STATUS_COLUMNS)}
)
SELECT (SELECT count(*) FROM batch), (SELECT count(*) FROM changed)
"""  # noqa: S608 (columns and sums of ours, no values)

# Is there anything to do? Neither is looked through: both are empty as a rule. 0.2 ms.
ANYTHING = """
SELECT EXISTS (SELECT FROM tracking_emailchange)
    OR EXISTS (SELECT FROM delivery_batch WHERE kind = 'first' AND NOT is_rolled AND state = 'done')
"""

# Count a campaign's ledger anew: its batches come again, what the ledger had said goes.
FORGET = (
    "DELETE FROM tracking_emailchange WHERE campaign_id = ANY(%(campaigns)s)",
    "UPDATE delivery_batch SET is_rolled = false"
    " WHERE campaign_id = ANY(%(campaigns)s) AND kind = 'first' AND is_rolled",
    "DELETE FROM tracking_minute WHERE campaign_id = ANY(%(campaigns)s) AND kind = 'sent'",
    "DELETE FROM tracking_quarter WHERE campaign_id = ANY(%(campaigns)s) AND kind = 'sent'",
    f"UPDATE tracking_breakdown SET {', '.join(f'{name} = 0' for name in _LEDGER_COLUMNS)}"  # noqa: S608
    " WHERE campaign_id = ANY(%(campaigns)s)",
)

# Sums by quarters of an hour from those by minute, with both kinds of writers held off. 0.1 s for 60,000 minutes.
QUARTERS_ANEW = (
    "DELETE FROM tracking_quarter WHERE campaign_id = %(campaign)s",
    f"""
INSERT INTO tracking_quarter (campaign_id, quarter, kind, who, count)
SELECT campaign_id, {QUARTER}, kind, who, sum(count) FROM tracking_minute WHERE campaign_id = %(campaign)s
 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
""",  # noqa: S608
)

# Opens, clicks and deliveries of a round by dimension, with a sign: -1 takes away what was counted as somebody else's.
# One look-up of each lead by primary key. 25 ms for 5,000 events.
ADD_EVENTS = f"""
WITH summed AS MATERIALIZED (
    SELECT n.campaign_id, n.variant, n.provider_id, NULL::text AS reason, {_LEAD_COLUMNS},
           {", ".join(f"coalesce(sum(n.sign) FILTER (WHERE n.what = '{name}'), 0) AS {name}" for name in EVENT_COLUMNS)}
      FROM unnest(%(campaign)s::bigint[], %(lead)s::bigint[], %(variant)s::smallint[], %(provider)s::int[],
                  %(what)s::text[], %(sign)s::int[]) AS n (campaign_id, lead_id, variant, provider_id, what, sign)
      LEFT JOIN campaigns_lead l ON l.id = n.lead_id
     GROUP BY 1, 2, 3, 4, 5, 6, 7
){_spread("summed", EVENT_COLUMNS)}
"""  # noqa: S608

# People who have no click on a link left that counts as a person's, after events were judged anew.
DROP_LINK_CLICKS = """
DELETE FROM tracking_link_click t
 USING unnest(%(campaign)s::bigint[], %(number)s::smallint[], %(lead)s::bigint[]) AS n (campaign_id, number, lead_id)
 WHERE t.campaign_id = n.campaign_id AND t.link_number = n.number AND t.lead_id = n.lead_id
   AND NOT EXISTS (SELECT FROM tracking_event e
                    WHERE e.lead_id = n.lead_id AND e.campaign_id = n.campaign_id AND e.link_number = n.number
                      AND e.kind = 'click' AND e.who = 'human')
RETURNING t.campaign_id, t.link_number
"""
