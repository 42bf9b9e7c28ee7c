"""Leads as CSV, streamed: what `import_leads` takes back with the same values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection
from psycopg import ClientCursor

from campaigns.leads import sql
from campaigns.leads.guard import DANGEROUS
from campaigns.models import MailingList
from campaigns.segments import compile_condition

CHUNK_BYTES = 64 * 1024
# a tag that the reader of a comma-separated cell would cut, trim or take for JSON
_UNSAFE_TAG = r"[][,;|]|^\s|\s$|^$|\s\s|[\x01-\x1f]"


def export_rows(
    *, mailing_list: MailingList | None = None, condition: Any = None, for_spreadsheet: bool = False
) -> Iterator[bytes]:
    """CSV in UTF-8, in chunks of about CHUNK_BYTES, with a header line; flat memory for any number of leads.

    mailing_list: only who is subscribed to it. condition: the JSON condition of a segment.
    for_spreadsheet: begin with a byte order mark, without which Excel takes UTF-8 for something else.
    Raises campaigns.segments.SegmentInvalid for a condition that is none, before the first chunk.
    """
    statement = _statement(mailing_list, condition)
    return chunks_of(statement, b"\xef\xbb\xbf" if for_spreadsheet else b"")


def _statement(mailing_list: MailingList | None, condition: Any) -> str:
    wheres: list[str] = ["TRUE"]
    params: list[object] = []
    if mailing_list is not None:
        wheres.append(sql.MEMBERS_OF)
        params.append(mailing_list.pk)
    if condition is not None:
        query = compile_condition(condition)
        wheres.append(query.where)
        params.extend(query.params)
    select = sql.EXPORT.format(
        email=guarded("lead.email"),
        first_name=guarded("lead.first_name"),
        last_name=guarded("lead.last_name"),
        tags=guarded(_tags()),
        where=" AND ".join(wheres),
    )
    connection.ensure_connection()
    # COPY takes no parameters from the server side: they are quoted here, by psycopg
    return ClientCursor(connection.connection).mogrify(f"COPY ({select}) TO STDOUT WITH (FORMAT csv, HEADER)", params)


def guarded(expression: str) -> str:
    """The SQL expression as it may stand in a file that somebody opens in a spreadsheet; see `guard`."""
    return f"CASE WHEN {expression} ~ E{_literal(DANGEROUS)} THEN '''' || {expression} ELSE {expression} END"


def _tags() -> str:
    unsafe = f"EXISTS (SELECT FROM unnest(lead.tags) tag WHERE tag ~ E{_literal(_UNSAFE_TAG)})"
    return f"(CASE WHEN {unsafe} THEN to_json(lead.tags)::text ELSE array_to_string(lead.tags, ', ') END)"


def _literal(pattern: str) -> str:
    # for E'…': both the backslashes of the pattern and its apostrophes are doubled
    return "'" + pattern.replace("\\", "\\\\").replace("'", "''") + "'"


def chunks_of(statement: str, start: bytes) -> Iterator[bytes]:
    """What a COPY gives, in chunks of about CHUNK_BYTES."""
    gathered = bytearray(start)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for piece in copy:
            gathered += piece
            if len(gathered) >= CHUNK_BYTES:
                yield bytes(gathered)
                gathered.clear()
    if gathered:
        yield bytes(gathered)
