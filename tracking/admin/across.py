"""Reports over several campaigns: comparison, deliverability, a sender's campaigns and leads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from campaigns.admin.base import key_of
from campaigns.admin.csv_file import csv_response
from tracking import reports
from tracking.admin.pages import VIEW_EMAILS, VIEW_LEADS, report_page, show
from tracking.reports import database
from tracking.reports.by_domain import BIG_DOMAIN, DAYS, DIMENSIONS
from tracking.reports.compare import MOST
from tracking.reports.sender import every_sender_lead

DIMENSION_NAMES = {"group": "Mailbox groups", "domain": "Domains", "provider": "Providers"}
SENDER_CAMPAIGNS = 50


@report_page()
def compare(request: HttpRequest) -> HttpResponseBase:
    """Two to six campaigns side by side: `?c=1&c=2`."""
    ids = [int(value) for value in request.GET.getlist("c")[:MOST] if value.isascii() and value.isdecimal()][:MOST]
    found = reports.summaries([pk for pk in ids if pk < 2**63])
    lines = []
    for place, rate in enumerate(found[0].rates if found else ()):
        cells = [report.rates[place] for report in found]
        best = max(cell.percent for cell in cells)
        lines.append((rate, [(cell, cell.percent / best * 100 if best else 0) for cell in cells]))
    return show(request, "compare.html", title="Compare campaigns", reports=found, lines=lines, most=MOST)


@report_page()
def deliverability(request: HttpRequest) -> HttpResponseBase:
    """Domains, groups or providers over all campaigns of the last days: `?by=`, `?days=`."""
    by = request.GET.get("by", "")
    by = by if by in DIMENSIONS else "group"
    days = key_of(request, "days")
    days = days if days in DAYS else 30
    found = reports.deliverability(by, since=timezone.now() - dt.timedelta(days=days))
    return show(
        request,
        "deliverability.html",
        title="Deliverability",
        rows=found,
        by=by,
        days=days,
        all_days=DAYS,
        dimensions=DIMENSION_NAMES.items(),
        dimension_name=DIMENSION_NAMES[by],
        big=BIG_DOMAIN,
    )


@report_page()
def senders(request: HttpRequest) -> HttpResponseBase:
    """People who have campaigns."""
    users = get_user_model().objects.using(database.alias())
    found = users.filter(campaign__launched_at__isnull=False).distinct().order_by("username")[:500]
    return show(request, "senders.html", title="Senders", users=[(user.pk, user.get_username()) for user in found])


@report_page()
def sender(request: HttpRequest, user_id: int) -> HttpResponseBase:
    """One person's campaigns; and, for those who may see leads, to whom any of them was sent: `?after=` a lead id."""
    name = name_of(user_id)
    may_see_leads = request.user.has_perms((VIEW_EMAILS, VIEW_LEADS))
    after = key_of(request, "after") or 0
    before = key_of(request, "before")
    campaigns = reports.newest(created_by=user_id, before=before, limit=SENDER_CAMPAIGNS + 1)
    more = len(campaigns) > SENDER_CAMPAIGNS
    return show(
        request,
        "sender.html",
        title=f"Campaigns of {name}",
        user_id=user_id,
        reports=campaigns[:SENDER_CAMPAIGNS],
        next_before=campaigns[SENDER_CAMPAIGNS - 1].campaign_id if more else None,
        may_see_leads=may_see_leads,
        leads=reports.sender_leads(user_id, after=after) if may_see_leads else None,
        after=after,
    )


@report_page(VIEW_EMAILS, VIEW_LEADS)
def sender_csv(_request: HttpRequest, user_id: int) -> HttpResponseBase:
    """All leads to whom a campaign of this person was sent, as a CSV file that streams."""
    name_of(user_id)
    return csv_response(f"leads-of-sender-{user_id}.csv", _lines(user_id))


def _lines(user_id: int) -> Iterator[tuple[Any, ...]]:
    yield "lead_id", "email", "campaigns"
    for chunk in every_sender_lead(user_id):
        for lead in chunk:
            yield lead.lead_id, lead.address, lead.campaigns


def name_of(user_id: int) -> str:
    user = get_user_model().objects.using(database.alias()).filter(pk=user_id).first()
    if user is None:
        raise Http404("There is no such user.")
    return str(user.get_username())
