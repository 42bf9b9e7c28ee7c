"""Thousands of leads in one request: the staging table and the merge of imports, with an answer for every line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import connection, transaction

from campaigns import mail_domains
from campaigns.addresses import AddressInvalid
from campaigns.leads import merging, sql
from campaigns.leads.columns import Column
from campaigns.leads.errors import FileRefused
from campaigns.leads.guard import guard
from campaigns.leads.plan import open_records, plan_source
from campaigns.leads.records import BadLine
from campaigns.leads.rows import RowMaker
from campaigns.leads.source import Source
from campaigns.leads.staging import Progress, Staged, text_of
from campaigns.leads.values import LineRefused

MOST_LINES = 10_000
FIELDS = ("email", "first_name", "last_name", "language", "time_zone", "status", "tags", "attributes")
COLUMNS = tuple(Column(index, name, name) for index, name in enumerate(FIELDS))

# A line as the reader gives it: its number, counted from 1, and its cells, or why it is none
Line = tuple[int, Sequence[str] | BadLine]


@dataclass(slots=True)
class LineResult:
    """What became of one line. result: created, updated, repeated (a later line has the same address), rejected.

    lead_id: None where it was rejected. detail: why it was rejected, or which values of it were left out.
    """

    line: int
    result: str
    email: str = ""
    lead_id: int | None = None
    detail: str = ""


def upsert_csv(body: bytes, *, mailing_list_id: int | None = None) -> list[LineResult]:
    """Merge a CSV file with a header line, in any dialect that imports know. Raises FileRefused."""
    if not body.strip():
        raise FileRefused("The body is empty. Send a header line and one lead a line.")
    source = Source(io.BytesIO(body), len(body))
    plan = plan_source(source, {})
    with open_records(source, plan) as records:
        return _upsert(plan.columns, records, mailing_list_id)


def upsert_ndjson(body: bytes, *, mailing_list_id: int | None = None) -> list[LineResult]:
    """Merge one JSON object a line, its names those of FIELDS. Raises FileRefused."""
    if not body.strip():
        raise FileRefused("The body is empty. Send one JSON object a line.")
    return _upsert(COLUMNS, _read_objects(body), mailing_list_id)


def _read_objects(body: bytes) -> Iterator[Line]:
    for number, raw in enumerate(body.split(b"\n"), start=1):
        if raw.strip():
            yield number, _cells(raw)


def _cells(raw: bytes) -> list[str] | BadLine:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        return BadLine("", f"This line is no JSON object ({error}).")
    if not isinstance(found, dict):
        return BadLine("", 'This line is no JSON object such as {"email": "ann@example.com"}.')
    strange = sorted(set(found) - set(FIELDS))
    if strange:
        return BadLine("", f"There is no field {strange[0]}. Fields: {', '.join(FIELDS)}.")
    try:
        return [_cell(found.get(name)) for name in FIELDS]
    except UnicodeEncodeError:
        return BadLine("", "There is half a character in this line.")


def _cell(value: Any) -> str:
    """As it would stand in a file. Raises UnicodeEncodeError for what cannot be stored."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text.encode()
    return guard(text)


def _upsert(columns: Sequence[Column], lines: Iterable[Line], mailing_list_id: int | None) -> list[LineResult]:
    given = list(islice(lines, MOST_LINES + 1))
    if len(given) > MOST_LINES:
        raise FileRefused(f"There are more than {MOST_LINES:,} leads. Send them in several requests, or import a file.")
    maker, results = RowMaker(columns), {}
    rows: list[str] = []
    for number, record in given:
        made = results[number] = LineResult(number, "rejected")
        if isinstance(record, BadLine):
            made.detail = record.reason
            continue
        try:
            rows.append(maker.line(number, record))
            made.result = ""
        except (AddressInvalid, LineRefused) as error:
            made.detail = str(error)
            maker.warnings.clear()
        if maker.warnings:
            made.detail = " ".join(map(str, maker.warnings))
            maker.warnings.clear()
    if rows:
        _merge(maker, rows, mailing_list_id, results)
    return list(results.values())


def _merge(maker: RowMaker, rows: list[str], mailing_list_id: int | None, results: dict[int, LineResult]) -> None:
    attributes = [(name, found.kind) for name, found in maker.attribute_values.items()]
    staged = Staged(maker.staged_columns, attributes, Progress(lines=len(rows)), None)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.DROP_STAGING)
        cursor.execute(text_of(sql.create_staging(staged.columns)))
        with connection.wrap_database_errors, cursor.copy(text_of(sql.copy_staging(staged.columns))) as copy:
            copy.write("".join(rows).encode())
        cursor.execute(sql.ANALYZE_STAGING)
        cursor.execute(sql.STAGED_LEADS)
        known = {email for _, email, lead_id in cursor.fetchall() if lead_id is not None}
        cursor.execute("SELECT now()")
        since = cursor.fetchone()[0]
        merging.merge(staged, mailing_list_id=mailing_list_id)
        cursor.execute(sql.STAGED_LEADS)
        _tell(cursor.fetchall(), known, results)
        mail_domains.note_staged(since)
        cursor.execute(sql.DROP_STAGING)


def _tell(rows: list[tuple[int, str, int]], known: set[str], results: dict[int, LineResult]) -> None:
    """rows: line, address and lead, in the order of the lines; the last line of an address is the one that counts."""
    seen: set[str] = set()
    for number, email, lead_id in reversed(rows):
        made = results[number]
        made.email, made.lead_id = email, lead_id
        made.result = "repeated" if email in seen else "updated" if email in known else "created"
        seen.add(email)
