"""All raw SQL of leads in and out. Users' text is only ever a parameter or a psycopg literal.

Costs are CPU time of the server's process for 100,000 lines of eight columns, PostgreSQL 18 with fsync.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import sql

STAGING = sql.Identifier("import_staging")
# jsonb_build_object takes at most 100 arguments
ATTRIBUTES_A_CALL = 50

# advisory_lock: one runner per import, in all processes; it goes with the session, so a killed runner frees it.
# The high half of the key keeps clear of other users of advisory locks. Cost: 0.1 ms.
IMPORT_LOCK = 7204812

# drop_staging: a run always begins with an empty table, whatever an earlier one in this session left. Cost: 1 ms.
DROP_STAGING = "DROP TABLE IF EXISTS pg_temp.import_staging"

# analyze_staging: autovacuum does not look into temporary tables, and the merge is planned on its size.
# One column is enough for that. Cost: 80 ms.
ANALYZE_STAGING = "ANALYZE pg_temp.import_staging (email)"

# count_preview: what a merge would do, for --dry-run. Cost: 80 ms.
COUNT_PREVIEW = """
SELECT count(*), count(*) FILTER (WHERE lead.id IS NULL)
FROM (SELECT DISTINCT email FROM pg_temp.import_staging) staged
LEFT JOIN campaigns_lead lead USING (email)
"""

# staged_leads: which lead each line of a request is about, NULL for one that is new.
STAGED_LEADS = """
SELECT staged.line, staged.email, lead.id
  FROM pg_temp.import_staging staged LEFT JOIN campaigns_lead lead USING (email) ORDER BY staged.line
"""

# count_people: distinct addresses of the file, from which repeated lines follow. Cost: 0.1 s.
COUNT_PEOPLE = "SELECT count(DISTINCT email) FROM pg_temp.import_staging"

# merge_memory: the sort by address stays in memory up to about half a million lines. Cost: none.
MERGE_MEMORY = "SET LOCAL work_mem = '256MB'"

# merge_indexes: the indexes on tags and attributes take new rows in larger helpings, sorted. With the usual 4 MB the
# merge costs 2.4 s instead of 2.0 s, and writes more WAL. Cost: settle_indexes.
MERGE_INDEXES = "SET LOCAL gin_pending_list_limit = '64MB'"

# settle_indexes: works in what the merge left pending, which every search would have to read. Cost: 0.3 s.
SETTLE_INDEXES = "SELECT gin_clean_pending_list('lead_tags'), gin_clean_pending_list('lead_attributes')"

# lock_list: the list cannot be deleted between here and the memberships. Cost: 0.1 ms.
LOCK_LIST = "SELECT id FROM campaigns_mailinglist WHERE id = %s FOR KEY SHARE"

# add_memberships: everybody of the file stands on the list afterwards, but for those who stood there already: a
# person who left a list does not come back by an import. In order of address, as the merge, so that two imports
# never wait for each other in a circle. Cost: 2.4 s, 1.4 s of it the foreign keys; 0.5 s where all stood there.
ADD_MEMBERSHIPS = """
INSERT INTO campaigns_listmembership (mailing_list_id, lead_id)
SELECT DISTINCT %s::bigint, lead.id
FROM pg_temp.import_staging staged
JOIN campaigns_lead lead USING (email)
ORDER BY lead.id
ON CONFLICT (mailing_list_id, lead_id) DO NOTHING
"""

_SIMPLE = ("first_name", "last_name", "language", "time_zone")
_TYPES = {"line": "bigint", "tags": "text[]", "attributes": "jsonb"}
_CASTS = {"number": sql.SQL("::numeric"), "boolean": sql.SQL("::boolean"), "text": sql.SQL("")}


def create_staging(columns: Sequence[str]) -> sql.Composable:
    """create_staging: a temporary table writes no WAL, and a killed process leaves none behind. Cost: 5 ms."""
    typed = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(_TYPES.get(name, "text"))) for name in columns
    )
    return sql.SQL("CREATE TEMPORARY TABLE {} ({})").format(STAGING, typed)


def copy_staging(columns: Sequence[str]) -> sql.Composable:
    """copy_staging: an empty cell is NULL, which says nothing. Cost: 0.2 s, beside the parsing on another core."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT text, NULL '')").format(STAGING, names)


def merge(columns: Sequence[str], attributes: Sequence[tuple[str, str]]) -> sql.Composable:
    """merge: one statement from the staging table to leads; returns the number of leads that are new.

    columns: those of the staging table. attributes: name and kind ("text", "number", "boolean") of a1, a2, ….
    The last line of an address wins. In order of address, so that two imports lock the leads that they share in the
    same order. A lead that would not change is not written again: the same file a second time costs half. New leads
    of a domain whose MX records were looked up come in with the group that was found.
    Cost: 2.1 s for new leads, most of it seven indexes; 1.1 s where nothing changes.
    """
    values = _merged_columns(columns, attributes)
    kept = [name for name in values if name not in ("email", "mailbox_group")]
    return sql.SQL(
        """
        WITH merged AS (
            INSERT INTO campaigns_lead AS lead ({names})
            SELECT {values}
            FROM (SELECT DISTINCT ON (email) * FROM pg_temp.import_staging ORDER BY email, line DESC) staged
            LEFT JOIN campaigns_maildomain known
                   ON staged.mailbox_group = 'other' AND known.domain = substring(staged.email FROM '[^@]*$')
            ORDER BY staged.email
            ON CONFLICT (email) DO UPDATE SET updated_at = now(){changes}
            WHERE {differs}
            RETURNING xmax
        )
        SELECT count(*) FROM merged WHERE xmax = 0
        """
    ).format(
        names=sql.SQL(", ").join(map(sql.Identifier, values)),
        values=sql.SQL(", ").join(values.values()),
        changes=sql.SQL("").join(sql.SQL(", {} = {}").format(sql.Identifier(name), _CHANGES[name][0]) for name in kept),
        differs=sql.SQL(" OR ").join([_CHANGES[name][1] for name in kept] or [sql.SQL("FALSE")]),
    )


def _merged_columns(columns: Sequence[str], attributes: Sequence[tuple[str, str]]) -> Mapping[str, sql.Composable]:
    """Columns of campaigns_lead that the file speaks of, with the expression over `staged`."""
    values: dict[str, sql.Composable] = {
        "email": sql.SQL("email"),
        "mailbox_group": sql.SQL("COALESCE(known.mailbox_group, staged.mailbox_group)"),
    }
    for name in _SIMPLE:
        if name in columns:
            values[name] = sql.SQL("COALESCE({}, '')").format(sql.Identifier(name))
    if "status" in columns:
        values["status"] = sql.SQL("COALESCE(status, 'subscribed')")
    if "tags" in columns:
        values["tags"] = sql.SQL("COALESCE(tags, '{{}}')").format()
    if attributes or "attributes" in columns:
        values["attributes"] = _attributes("attributes" in columns, attributes)
    return values


def _attributes(with_object: bool, attributes: Sequence[tuple[str, str]]) -> sql.Composable:
    parts: list[sql.Composable] = [sql.SQL("COALESCE(attributes, '{{}}')").format()] if with_object else []
    pairs = [
        sql.SQL("{}::text, a{}{}").format(sql.Literal(name), sql.SQL(str(number)), _CASTS[kind])
        for number, (name, kind) in enumerate(attributes, start=1)
    ]
    for start in range(0, len(pairs), ATTRIBUTES_A_CALL):
        call = sql.SQL(", ").join(pairs[start : start + ATTRIBUTES_A_CALL])
        # an empty cell is no attribute, rather than one that is null
        parts.append(sql.SQL("jsonb_strip_nulls(jsonb_build_object({}))").format(call))
    return sql.SQL(" || ").join(parts)


def _simple_change(name: str) -> tuple[sql.Composable, sql.Composable]:
    column = sql.Identifier(name)
    new = sql.SQL("COALESCE(NULLIF(excluded.{0}, ''), lead.{0})").format(column)
    return new, sql.SQL("(excluded.{0} <> '' AND excluded.{0} <> lead.{0})").format(column)


# what becomes of a column of a lead that is there already, and when that is a change
_CHANGES: dict[str, tuple[sql.Composable, sql.Composable]] = {
    **{name: _simple_change(name) for name in _SIMPLE},
    # towards less mail only: no file brings back somebody who unsubscribed, bounced or complained
    "status": (
        # who has confirmed since the file was written stays subscribed
        sql.SQL(
            "CASE WHEN lead.status = 'subscribed' AND excluded.status <> 'pending' THEN excluded.status "
            "ELSE lead.status END"
        ),
        sql.SQL("(lead.status = 'subscribed' AND excluded.status NOT IN ('subscribed', 'pending'))"),
    ),
    "tags": (
        sql.SQL("lead.tags || ARRAY(SELECT tag FROM unnest(excluded.tags) tag WHERE tag <> ALL (lead.tags))"),
        sql.SQL("NOT excluded.tags <@ lead.tags"),
    ),
    "attributes": (
        sql.SQL("lead.attributes || excluded.attributes"),
        sql.SQL("lead.attributes || excluded.attributes <> lead.attributes"),
    ),
}

# export_leads: COPY TO streams in flat memory on both sides. A cell that a spreadsheet would take for a formula gets
# an apostrophe, as in guard.py; tags that a comma-separated cell could not give back are written as JSON.
# Cost: 0.5 s.
EXPORT = """
SELECT {email} AS email, {first_name} AS first_name, {last_name} AS last_name, lead.language, lead.time_zone,
       lead.status,
       {tags} AS tags,
       CASE WHEN lead.attributes = '{{}}' THEN '' ELSE lead.attributes::text END AS attributes
FROM campaigns_lead lead
WHERE {where}
ORDER BY lead.id
"""
# members_of: who is subscribed to a list; those who left it stay out
MEMBERS_OF = (
    "EXISTS (SELECT FROM campaigns_listmembership membership WHERE membership.lead_id = lead.id "
    "AND membership.mailing_list_id = %s AND membership.status = 'subscribed')"
)
