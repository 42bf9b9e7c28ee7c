"""A provider's log beside our ledger: which unknown e-mails does it say were accepted?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from django.db import connection

from campaigns.addresses import address_hash, domain_of
from campaigns.leads import dialect
from campaigns.leads.errors import FileRefused
from campaigns.leads.records import BadLine, Record, Records
from campaigns.leads.rejects import RejectsFile
from campaigns.leads.source import SAMPLE_BYTES, Source, open_source
from campaigns.models import Campaign
from delivery import decision_sql as sql
from delivery.provider_log_columns import LineRefused, LogColumns, LogLine

MAX_LINES = 1_000_000
CHUNK_LINES = 5_000
# bad lines that are kept for a page; the file of rejects has them all
SHOWN_BAD_LINES = 100
SHOWN_CHARACTERS = 200


class Proof(NamedTuple):
    """This attempt for this lead was accepted. attempt 1 where it is not known which one it was."""

    lead_id: int
    attempt: int


class Verdict(StrEnum):
    """What one line of the log means for this campaign; every line has exactly one."""

    PROVES = "proves"  # an unknown e-mail was accepted
    NOT_ACCEPTED = "not_accepted"
    SETTLED = "settled"  # an e-mail of this campaign that is not unknown
    ELSEWHERE = "elsewhere"  # another campaign's, or nobody whom this campaign was sent to
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class BadLogLine:
    """number: of the line in the file, from 1 with the header."""

    number: int
    text: str
    reason: str


@dataclass
class LogReport:
    """What a log says. leads: unknown e-mails that it says were accepted; by_address: those of them that it names by
    address alone; changed: how many were marked as sent. bad: the first bad lines; bad_count: all of them."""

    lines: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    leads: int = 0
    by_address: int = 0
    changed: int = 0
    bad: list[BadLogLine] = field(default_factory=list)

    @property
    def bad_count(self) -> int:
        return self.verdicts[Verdict.BAD]

    @property
    def settled(self) -> int:
        return self.verdicts[Verdict.SETTLED]

    @property
    def not_accepted(self) -> int:
        return self.verdicts[Verdict.NOT_ACCEPTED]

    @property
    def elsewhere(self) -> int:
        return self.verdicts[Verdict.ELSEWHERE]


class Row(NamedTuple):
    """One row of the ledger, as far as it matters here."""

    lead_id: int
    status: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Numbered:
    """A line with its number. line: None where it could not be read, for `reason`."""

    number: int
    fields: Sequence[str]
    line: LogLine | None
    reason: str = ""


def read(campaign: Campaign, file: Path, rejects: Path | None = None) -> tuple[LogReport, list[Proof]]:
    """What the log says of this campaign, and the proofs in it. Nothing is changed.

    rejects: where bad lines go with number and reason. Raises FileRefused for a file that is no such log.
    """
    with ExitStack() as stack:
        source = stack.enter_context(open_source(file))
        columns, headers, dialect_ = _examine(source)
        rejected = stack.enter_context(RejectsFile(rejects, headers)) if rejects else None
        judge = _Judge(campaign, rejected)
        for chunk in _chunks(source, columns, dialect_, len(headers)):
            judge.take(chunk)
            if judge.report.lines > MAX_LINES:
                raise FileRefused(f"The log has more than {MAX_LINES:,} lines. Keep those of this campaign only.")
    return judge.report, [Proof(lead_id, attempt) for lead_id, attempt in sorted(judge.proved.items())]


def _examine(source: Source) -> tuple[LogColumns, list[str], dialect.Dialect]:
    raw = source.sample()
    sample = dialect.examine(raw, complete=len(raw) < SAMPLE_BYTES)
    if not sample.rows:
        raise FileRefused("The file has no line that can be read. Export the log again as CSV.")
    columns = LogColumns(sample.rows)
    headers = [cell.strip() if columns.has_header else "" for cell in sample.rows[0]]
    return columns, headers, sample.dialect


def _chunks(source: Source, columns: LogColumns, form: dialect.Dialect, width: int) -> Iterator[list[Numbered]]:
    records = Records(source.stream, form)
    if columns.has_header:
        records.header()
    records.width = width
    try:
        chunk: list[Numbered] = []
        for number, record in records:
            chunk.append(_parse(columns, number, record))
            if len(chunk) == CHUNK_LINES:
                yield chunk
                chunk = []
        yield chunk
    finally:
        records.detach()


def _parse(columns: LogColumns, number: int, record: Record) -> Numbered:
    if isinstance(record, BadLine):
        return Numbered(number, [record.text], None, record.reason)
    try:
        return Numbered(number, record, columns.read(record))
    except LineRefused as error:
        return Numbered(number, record, None, str(error))


class _Judge:
    """Holds the lines against the ledger, a chunk at a time."""

    def __init__(self, campaign: Campaign, rejected: RejectsFile | None) -> None:
        self.report = LogReport()
        self.proved: dict[int, int] = {}
        self._named_by_id: set[int] = set()
        self._campaign_id = campaign.pk
        self._domain = domain_of(campaign.from_email).lower()
        self._rejected = rejected

    def take(self, chunk: Sequence[Numbered]) -> None:
        """Judge each line of the chunk."""
        lines = [one.line for one in chunk if one.line is not None]
        by_lead = self._rows_of_leads({line.message_id.lead_id for line in lines if line.message_id})
        by_address = self._rows_of_addresses({line.address for line in lines if line.address})
        for one in chunk:
            verdict, reason = Verdict.BAD, one.reason
            if one.line is not None:
                verdict, reason = self._judge(one.line, by_lead, by_address)
            self.report.verdicts[verdict] += 1
            if verdict is Verdict.BAD:
                self._reject(one, reason)
        self.report.lines += len(chunk)
        self.report.leads = len(self.proved)
        self.report.by_address = len(self.proved.keys() - self._named_by_id)

    def _judge(self, line: LogLine, by_lead: dict[int, Row], by_address: dict[str, list[Row]]) -> tuple[Verdict, str]:
        named = line.message_id
        attempt = 1
        if line.is_other_mail or (named and (named.campaign_id, named.domain) != (self._campaign_id, self._domain)):
            return Verdict.ELSEWHERE, ""
        if named:
            attempt = named.attempt
            rows = [by_lead[named.lead_id]] if named.lead_id in by_lead else []
            if rows and not 1 <= attempt <= rows[0].attempt:
                return Verdict.BAD, f"Attempt {attempt} for lead {named.lead_id} was never made."
        else:
            rows = by_address.get(line.address, [])
        if not rows:
            return Verdict.ELSEWHERE, ""
        unknown = [row for row in rows if row.status == "unknown"]
        if not unknown:
            return Verdict.SETTLED, ""
        if not line.is_accepted:
            return Verdict.NOT_ACCEPTED, ""
        for row in unknown:
            self.proved[row.lead_id] = max(attempt, self.proved.get(row.lead_id, 0))
            if named:
                self._named_by_id.add(row.lead_id)
        return Verdict.PROVES, ""

    def _reject(self, one: Numbered, reason: str) -> None:
        if len(self.report.bad) < SHOWN_BAD_LINES:
            self.report.bad.append(BadLogLine(one.number, ", ".join(one.fields)[:SHOWN_CHARACTERS], reason))
        if self._rejected is not None:
            self._rejected.reject(one.number, reason, one.fields)

    def _rows_of_leads(self, leads: set[int]) -> dict[int, Row]:
        if not leads:
            return {}
        with connection.cursor() as cursor:
            cursor.execute(sql.ROWS_OF_LEADS, {"campaign": self._campaign_id, "leads": list(leads)})
            return {row[0]: Row(*row) for row in cursor.fetchall()}

    def _rows_of_addresses(self, addresses: set[str]) -> dict[str, list[Row]]:
        """Rows by the address that was written to. A lead that has another address today does not count by that one;
        where the ledger has no hash (a worker was lost), today's address has to do."""
        found: dict[str, list[Row]] = defaultdict(list)
        if not addresses:
            return found
        by_hash = {address_hash(address): address for address in addresses}
        with connection.cursor() as cursor:
            cursor.execute(sql.ROWS_OF_HASHES, {"campaign": self._campaign_id, "hashes": list(by_hash)})
            for written_to, *row in cursor.fetchall():
                found[by_hash[bytes(written_to)]].append(Row(*row))
            cursor.execute(sql.ROWS_OF_ADDRESSES, {"campaign": self._campaign_id, "addresses": list(addresses)})
            for address, written_to, *row in cursor.fetchall():
                is_same = written_to is not None and bytes(written_to) == address_hash(address)
                if (is_same and row[1] != "unknown") or (written_to is None and not found[address]):
                    found[address].append(Row(*row))
        return found
