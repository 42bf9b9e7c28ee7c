"""What all report pages share: who may see them, the reporting database, and honest notes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from campaigns.admin.base import demand, render_page
from tracking.reports import ReportTooSlow, database

VIEW = "tracking.view_reports"
# addresses of leads, one by one
VIEW_EMAILS = "delivery.view_email"
VIEW_LEADS = "campaigns.view_lead"
P = ParamSpec("P")


def report_page(
    *permissions: str,
) -> Callable[
    [Callable[Concatenate[HttpRequest, P], HttpResponseBase]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]
]:
    """A page that only reads, from the reporting database, for people who hold all of `permissions`.

    All its questions are one transaction. One that takes too long is answered by a page that says so.
    """

    def decorate(
        view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @require_safe
        @functools.wraps(view)
        def page(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            demand(request, VIEW, *permissions)
            try:
                with database.reading():
                    return view(request, *args, **kwargs)
            except ReportTooSlow:
                return too_slow(request)

        return page

    return decorate


def show(request: HttpRequest, template: str, *, title: str, **context: Any) -> HttpResponse:
    """A report inside the admin's frame, with a note where its figures are old."""
    lag = database.lag_seconds()
    stale = round(lag) if lag is not None and lag > database.STALE_SECONDS else 0
    return render_page(request, f"admin/tracking/reports/{template}", title=title, stale_seconds=stale, **context)


def too_slow(request: HttpRequest) -> HttpResponse:
    response = render_page(
        request, "admin/tracking/reports/too_slow.html", title="Report", seconds=database.TIMEOUT_SECONDS
    )
    response.status_code = 503
    return response
