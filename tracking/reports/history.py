"""Everything that happened to one lead, newest first: campaigns, messages, events, lists, suppressions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace

from campaigns import addresses
from campaigns.models import Campaign, Lead, ListMembership, Suppression, SuppressionRelease
from delivery.models import Email, Link, Message
from tracking.models import Event
from tracking.reports.database import alias, read_only

PAGE = 50


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


Source = Callable[[int, "Lead | None", dt.datetime, int], list[Moment]]


@read_only
def timeline(lead_id: int, *, before: dt.datetime, limit: int = PAGE) -> Timeline:
    """What happened before then, newest first. An erased lead keeps its e-mails and events.

    Nine look-ups by index: about 10 ms, whatever the tables hold.
    """
    lead = Lead.objects.using(alias()).filter(pk=lead_id).first()
    found: list[Moment] = []
    for source in (_emails, _messages, _events, _lists, _suppressions, _releases, _created):
        found += source(lead_id, lead, before, limit + 1)
    found.sort(key=lambda moment: moment.at, reverse=True)
    shown, next_before = _page(found, limit)
    return Timeline(lead_id, lead.email if lead else "", tuple(_named(shown)), next_before)


def _page(found: list[Moment], limit: int) -> tuple[list[Moment], dt.datetime | None]:
    """What to show, and where the next page begins. What happened at one moment stands on one page."""
    if len(found) <= limit:
        return found, None
    cut = found[limit].at
    later = [moment for moment in found if moment.at > cut]
    if later:
        return later, cut + dt.timedelta(microseconds=1)
    return [moment for moment in found if moment.at == cut], cut


def _emails(lead_id: int, _lead: Lead | None, before: dt.datetime, limit: int) -> list[Moment]:
    rows = Email.objects.using(alias()).filter(lead_id=lead_id, at__lt=before).order_by("-at")
    return [
        Moment(
            row.at,
            "email",
            row.get_status_display(),
            _words(row),
            campaign_id=row.campaign_id,
        )
        for row in rows.only("campaign_id", "lead_id", "at", "status", "code", "enhanced", "reply")[:limit]
    ]


def _words(row: Email) -> str:
    """The server's codes and words; most servers say the second code in their words too."""
    reply = row.reply or ""
    enhanced = "" if row.enhanced and row.enhanced in reply else row.enhanced
    return " ".join(str(part) for part in (row.code, enhanced, reply) if part)


def _messages(_lead_id: int, lead: Lead | None, before: dt.datetime, limit: int) -> list[Moment]:
    if lead is None:
        return []
    rows = Message.objects.using(alias()).filter(to_address=lead.email, created_at__lt=before).order_by("-created_at")
    return [
        Moment(row.created_at, "message", row.get_status_display(), row.reply or "", message_id=row.id)
        for row in rows.only("id", "created_at", "status", "reply")[:limit]
    ]


def _events(lead_id: int, _lead: Lead | None, before: dt.datetime, limit: int) -> list[Moment]:
    rows = list(Event.objects.using(alias()).filter(lead_id=lead_id, at__lt=before).order_by("-at")[:limit])
    links = _links(rows)
    return [
        Moment(
            row.at,
            row.kind,
            row.get_kind_display(),
            links.get((row.campaign_id, row.link_number), ""),
            row.get_who_display(),
            campaign_id=row.campaign_id,
            message_id=row.message_id,
        )
        for row in rows
    ]


def _links(events: list[Event]) -> dict[tuple[int | None, int | None], str]:
    campaigns = {event.campaign_id for event in events if event.campaign_id and event.link_number is not None}
    if not campaigns:
        return {}
    found = Link.objects.using(alias()).filter(campaign_id__in=campaigns)
    return {(link.campaign_id, link.number): link.label or link.url for link in found}


def _lists(lead_id: int, _lead: Lead | None, before: dt.datetime, limit: int) -> list[Moment]:
    rows = ListMembership.objects.using(alias()).filter(lead_id=lead_id, changed_at__lt=before)
    return [
        Moment(row.changed_at, "list", f"{row.get_status_display()} on a list", row.mailing_list.name)
        for row in rows.select_related("mailing_list").order_by("-changed_at")[:limit]
    ]


def _digests(lead: Lead) -> list[bytes]:
    return [addresses.digest(lead.email), addresses.digest(addresses.domain_of(lead.email))]


def _suppressions(_lead_id: int, lead: Lead | None, before: dt.datetime, limit: int) -> list[Moment]:
    if lead is None:
        return []
    rows = Suppression.objects.using(alias()).filter(digest__in=_digests(lead), created_at__lt=before)
    return [
        Moment(row.created_at, "suppression", f"Suppressed: {row.get_reason_display().lower()}", row.source)
        for row in rows.order_by("-created_at")[:limit]
    ]


def _releases(_lead_id: int, lead: Lead | None, before: dt.datetime, limit: int) -> list[Moment]:
    if lead is None:
        return []
    rows = SuppressionRelease.objects.using(alias()).filter(digest__in=_digests(lead), released_at__lt=before)
    return [
        Moment(row.released_at, "release", f"Released from suppression by {row.released_by}", row.why)
        for row in rows.order_by("-released_at")[:limit]
    ]


def _created(_lead_id: int, lead: Lead | None, before: dt.datetime, _limit: int) -> list[Moment]:
    return [Moment(lead.created_at, "created", "Became a lead")] if lead and lead.created_at < before else []


def _named(moments: list[Moment]) -> list[Moment]:
    """With the names of the campaigns; one look-up."""
    ids = {moment.campaign_id for moment in moments if moment.campaign_id}
    names = dict(Campaign.objects.using(alias()).filter(pk__in=ids).values_list("pk", "name"))
    return [
        replace(moment, campaign=names.get(moment.campaign_id, f"Campaign {moment.campaign_id}"))
        if moment.campaign_id
        else moment
        for moment in moments
    ]
