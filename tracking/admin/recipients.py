"""Who got it, who did not, and why: the page with its filters, and the same as a file."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string

from campaigns.admin.base import key_of
from campaigns.admin.csv_file import csv_response
from delivery.admin.emails import VARIANTS
from delivery.models import Email
from tracking import dimensions, reports
from tracking.admin.overview import summary_of
from tracking.admin.pages import VIEW_EMAILS, VIEW_LEADS, report_page, show
from tracking.reports import database
from tracking.reports.breakdown import provider_names
from tracking.reports.leads import YES_OR_NO

ANSWERS = {"yes": True, "no": False}
STATUSES = dict(Email.Status.choices)
COLUMNS = (
    "lead_id", "email", "status", "at", "tries", "provider", "variant", "code", "enhanced", "reason", "opened_at",
    "clicked_at", "unsubscribed_at", "complained_at",
)  # fmt: skip


@report_page(VIEW_EMAILS)
def recipients(request: HttpRequest, campaign_id: int) -> HttpResponseBase:
    """A page of leads by number; see `wanted_of` for the filters."""
    report = summary_of(campaign_id)
    wanted = wanted_of(request, campaign_id)
    page = reports.recipients(wanted)
    providers = provider_names()
    chosen = query_of(wanted)
    return show(
        request,
        "recipients.html",
        title=f"Who got {report.name}",
        report=report,
        wanted=wanted,
        rows=[(row, label_of(row.status), providers.get(str(row.provider_id or ""), "")) for row in page.rows],
        page=page,
        statuses=tuple(STATUSES.items()),
        providers=sorted(providers.items(), key=lambda item: item[1]),
        answers=tuple((name, name.capitalize(), answer_of(getattr(wanted, name))) for name in YES_OR_NO),
        first_url=f"?{urlencode(chosen)}",
        next_url=f"?{urlencode({**chosen, 'after': page.next_after})}" if page.next_after is not None else "",
        export_query=urlencode(chosen),
        may_see_addresses=request.user.has_perm(VIEW_LEADS),
        dimensions=tuple(dimensions.names(database.alias()).items()),
    )


@functools.cache
def label_of(status: str) -> str:
    """A status as a coloured label."""
    context = {"text": STATUSES.get(status, status), "variant": VARIANTS.get(status, "default")}
    return render_to_string("unfold/helpers/label.html", context)


@report_page(VIEW_EMAILS, VIEW_LEADS)
def recipients_csv(request: HttpRequest, campaign_id: int) -> HttpResponseBase:
    """The whole selection as a CSV file that streams."""
    summary_of(campaign_id)
    wanted = replace(wanted_of(request, campaign_id), after=0)
    return csv_response(f"recipients-of-campaign-{campaign_id}.csv", lines(wanted))


def lines(wanted: reports.Wanted) -> Iterator[tuple[Any, ...]]:
    yield COLUMNS
    providers = provider_names()
    for chunk in reports.every_recipient(wanted):
        for row in chunk:
            yield (
                row.lead_id, row.address, row.status, row.at, row.tries, providers.get(str(row.provider_id or ""), ""),
                row.variant, row.code, row.enhanced, row.reason, row.opened_at, row.clicked_at, row.unsubscribed_at,
                row.complained_at,
            )  # fmt: skip


def wanted_of(request: HttpRequest, campaign_id: int) -> reports.Wanted:
    """The filters in the address; what makes no sense is as if it were not there."""
    given = request.GET
    status = given.get("status", "")
    return reports.Wanted(
        campaign_id,
        status=status if status in STATUSES else "",
        reason=_text(given.get("reason", "")),
        domain=_text(given.get("domain", "")).lower().lstrip("@"),
        provider=_small(request, "provider"),
        variant=_small(request, "variant"),
        after=key_of(request, "after") or 0,
        **{name: ANSWERS.get(given.get(name, "")) for name in YES_OR_NO},
    )


def _text(value: str) -> str:
    return value.replace("\0", "").strip()[:200]


def _small(request: HttpRequest, name: str) -> int | None:
    value = key_of(request, name)
    return value if value is not None and value < 2**15 else None


def answer_of(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"


def query_of(wanted: reports.Wanted) -> dict[str, object]:
    """The filters as they stand in an address; those that are not set are left out."""
    plain = {name: getattr(wanted, name) for name in ("status", "reason", "domain", "provider", "variant")}
    answers = {name: answer_of(getattr(wanted, name)) for name in YES_OR_NO}
    return {name: value for name, value in {**plain, **answers}.items() if value not in ("", None)}
