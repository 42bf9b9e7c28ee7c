"""Everything that happened to one lead, newest first: campaigns, messages, events, lists, suppressions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from campaigns import addresses
from campaigns.models import Lead, ListMembership, Suppression
from delivery.models import Email, Message
from tracking.models import Event
from tracking.reports import history_sql
from tracking.reports.database import alias, planned_rows, read_only

PAGE = 50
EVENTS = dict(Event.Kind.choices)
WHO = dict(Event.Who.choices)
EMAILS = dict(Email.Status.choices)
MESSAGES = dict(Message.Status.choices)
MEMBERSHIPS = dict(ListMembership.Status.choices)
REASONS = dict(Suppression.Reason.choices)


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened. kind: "email", "message", "open", "click", …, "list", "suppression", "created".

    title: in words. detail: why, or which. who: of events. campaign: its name. The ids say where to read on.
    """

    at: dt.datetime
    kind: str
    title: str
    detail: str = ""
    who: str = ""
    campaign_id: int | None = None
    campaign: str = ""
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """next_before: the time at which the next page begins, None at the end. address: empty where the lead is erased."""

    lead_id: int
    address: str
    moments: tuple[Moment, ...]
    next_before: dt.datetime | None = None


class _Row(NamedTuple):
    """One line of history_sql.TIMELINE."""

    at: dt.datetime
    kind: str
    what: str
    detail: str
    who: str
    campaign_id: int | None
    campaign: str
    message_id: int | None
    link: str
    code: int | None
    enhanced: str | None


@read_only
def timeline(lead_id: int, *, before: dt.datetime, limit: int = PAGE) -> Timeline:
    """What happened before then, newest first. An erased lead keeps its e-mails and events.

    Two statements by index: about 4 ms, whatever the tables hold.
    """
    lead = Lead.objects.using(alias()).filter(pk=lead_id).only("email").first()
    asked = {
        "lead": lead_id,
        "before": before,
        "limit": limit + 1,
        "address": lead.email if lead else None,
        "digests": _digests(lead.email) if lead else [],
    }
    found = [_moment(_Row(*row)) for row in planned_rows(history_sql.TIMELINE, asked)]
    shown, next_before = _page(found, limit)
    return Timeline(lead_id, lead.email if lead else "", tuple(shown), next_before)


def _page(found: list[Moment], limit: int) -> tuple[list[Moment], dt.datetime | None]:
    """What to show, and where the next page begins. What happened at one moment stands on one page."""
    if len(found) <= limit:
        return found, None
    cut = found[limit].at
    later = [moment for moment in found if moment.at > cut]
    if later:
        return later, cut + dt.timedelta(microseconds=1)
    return [moment for moment in found if moment.at == cut], cut


def _digests(address: str) -> list[bytes]:
    return [addresses.digest(address), addresses.digest(addresses.domain_of(address))]


def _moment(row: _Row) -> Moment:
    title = TITLES.get(row.kind, _title_of_event)(row)
    detail = _words(row) if row.kind == "email" else row.link or row.detail
    return Moment(
        row.at, row.kind, title, detail, WHO.get(row.who, row.who), row.campaign_id, row.campaign, row.message_id
    )


def _words(row: _Row) -> str:
    """The server's codes and words; most servers say the second code in their words too."""
    enhanced = "" if row.enhanced and row.enhanced in row.detail else row.enhanced
    return " ".join(str(part) for part in (row.code, enhanced, row.detail) if part)


def _title_of_event(row: _Row) -> str:
    return EVENTS.get(row.kind, row.kind)


TITLES: Mapping[str, Callable[[_Row], str]] = {
    "email": lambda row: EMAILS.get(row.what, row.what),
    "message": lambda row: MESSAGES.get(row.what, row.what),
    "list": lambda row: f"{MEMBERSHIPS.get(row.what, row.what)} on a list",
    "suppression": lambda row: f"Suppressed: {REASONS.get(row.what, row.what).lower()}",
    "release": lambda row: f"Released from suppression by {row.what}",
    "created": lambda _row: "Became a lead",
}
