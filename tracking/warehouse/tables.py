"""What is exported: each table with the columns of its files, and how a day of it is read.

No file holds an address: leads are numbers, of transactional recipients there is the domain. Replies of mail servers
may quote addresses; they are part of the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

MOMENT = pa.timestamp("us", tz="UTC")
INT, BIG, SMALL, TEXT, BOOL = pa.int32(), pa.int64(), pa.int16(), pa.string(), pa.bool_()


@dataclass(frozen=True, slots=True)
class Table:
    """name: the folder. columns: name to (type, SQL expression). source: FROM and WHERE of one day, %(since)s to
    %(until)s."""

    name: str
    columns: dict[str, tuple[pa.DataType, str]]
    source: str

    @property
    def statement(self) -> str:
        """What one day of it is, as CSV: the fastest way out of PostgreSQL, and rows never become Python objects."""
        selected = ", ".join(f"{_readable(kind, sql)} AS {name}" for name, (kind, sql) in self.columns.items())
        return f"COPY (SELECT {selected} FROM {self.source}) TO STDOUT (FORMAT csv)"  # noqa: S608 (names of ours, no values)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([(name, kind) for name, (kind, _) in self.columns.items()])


def _readable(kind: pa.DataType, sql: str) -> str:
    """Times as pyarrow reads them, in UTC."""
    return f"""to_char({sql} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""" if kind == MOMENT else sql


def _plain(kind: pa.DataType, *names: str) -> dict[str, tuple[pa.DataType, str]]:
    return {name: (kind, name) for name in names}


COUNTS = (
    "sent", "bounced_hard", "bounced_soft", "deferred", "failed", "dead", "skipped", "unknown", "opened", "clicked",
    "unsubscribed", "complained", "open_human", "open_machine", "open_unsure", "click_human", "click_machine",
    "click_unsure", "delivered",
)  # fmt: skip
# roll-ups and campaigns have no time of their own but the campaign's launch
LAUNCHED = "JOIN campaigns_campaign c ON c.id = r.campaign_id WHERE c.launched_at >= %(since)s AND c.launched_at < "
DAY = "{column} >= %(since)s AND {column} < %(until)s"

LEDGER = Table(
    "ledger",
    {
        **_plain(BIG, "campaign_id", "lead_id"),
        **_plain(MOMENT, "at"),
        **_plain(TEXT, "status"),
        **_plain(INT, "attempt", "provider_id"),
        **_plain(SMALL, "tries", "variant", "code"),
        **_plain(TEXT, "enhanced", "reply", "esp_message_id"),
        "address_hash": (TEXT, "encode(address_hash, 'hex')"),
        **_plain(MOMENT, "due_at", "opened_at", "clicked_at", "unsubscribed_at", "complained_at"),
    },
    f"delivery_email WHERE {DAY.format(column='at')}",
)
EVENTS = Table(
    "events",
    {
        **_plain(MOMENT, "at"),
        "id": (TEXT, "id"),
        **_plain(TEXT, "kind", "who", "who_reason"),
        **_plain(BIG, "campaign_id", "message_id", "lead_id"),
        **_plain(INT, "provider_id"),
        **_plain(SMALL, "link_number"),
        **_plain(TEXT, "user_agent", "network"),
        "data": (TEXT, "data::text"),
    },
    f"tracking_event WHERE {DAY.format(column='at')}",
)
MINUTES = Table(
    "rollups_minute",
    {**_plain(BIG, "campaign_id"), **_plain(MOMENT, "minute"), **_plain(TEXT, "kind", "who"), **_plain(BIG, "count")},
    f"tracking_minute WHERE {DAY.format(column='minute')}",
)
LINKS = Table(
    "rollups_link",
    {
        "campaign_id": (BIG, "r.campaign_id"),
        "link_number": (SMALL, "r.link_number"),
        "url": (TEXT, "l.url"),
        "label": (TEXT, "l.label"),
        "who": (TEXT, "r.who"),
        "count": (BIG, "r.count"),
        "leads": (BIG, "r.leads"),
    },
    "tracking_link r LEFT JOIN delivery_link l ON l.campaign_id = r.campaign_id AND l.number = r.link_number "
    f"{LAUNCHED}%(until)s",
)
BREAKDOWNS = Table(
    "rollups_breakdown",
    {
        "campaign_id": (BIG, "r.campaign_id"),
        "dimension": (TEXT, "r.dimension"),
        "value": (TEXT, "r.value"),
        **{name: (BIG, f"r.{name}") for name in COUNTS},
    },
    f"tracking_breakdown r {LAUNCHED}%(until)s",
)
CAMPAIGNS = Table(
    "campaigns",
    {
        **_plain(BIG, "id"),
        **_plain(TEXT, "name", "subject", "from_email", "state"),
        **_plain(BIG, "created_by_id", "segment_id", "mailing_list_id"),
        **_plain(MOMENT, "launched_at", "finished_at"),
        **_plain(
            BIG, "audience", "pending", "deferred", "sent", "bounced", "failed", "dead", "skipped", "unknown", "opened",
            "clicked", "unsubscribed", "complained",
        ),
    },
    f"campaigns_campaign WHERE {DAY.format(column='launched_at')}",
)  # fmt: skip
MESSAGES = Table(
    "messages",
    {
        **_plain(BIG, "id"),
        **_plain(MOMENT, "created_at"),
        **_plain(TEXT, "stream", "status"),
        "to_domain": (TEXT, "split_part(to_address, '@', 2)"),
        "tags": (TEXT, "array_to_string(tags, ',')"),
        **_plain(BIG, "pool_id"),
        **_plain(INT, "provider_id", "attempt"),
        **_plain(SMALL, "priority", "tries", "code"),
        **_plain(TEXT, "enhanced", "reply", "esp_message_id"),
        **_plain(MOMENT, "at", "due_at", "opened_at", "clicked_at"),
    },
    f"delivery_message WHERE {DAY.format(column='created_at')}",
)

# what `--tables` names
GROUPS: dict[str, tuple[Table, ...]] = {
    "ledger": (LEDGER,),
    "events": (EVENTS,),
    "rollups": (MINUTES, LINKS, BREAKDOWNS, CAMPAIGNS),
    "messages": (MESSAGES,),
}
