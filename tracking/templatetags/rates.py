"""Rates as HTML: in tables of hundreds of cells an included template costs more than everything else on the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django import template
from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from tracking.reports import Point, Rate, Totals

register = template.Library()


@register.filter
def rate_cell(rate: Rate) -> SafeString:
    """The percentage with both its numbers."""
    return mark_safe(_cell(rate))  # noqa: S308 (numbers alone)


@register.filter
def rate_cells(totals: Totals) -> SafeString:
    """A table cell for each of the seven rates."""
    cells = (f'<td data-label="{escape(r.label)}" class="mm-number">{_cell(r)}</td>' for r in totals.rates())
    return mark_safe("".join(cells))  # noqa: S308 (labels of ours, and numbers)


POINT_LABELS = ("Sent", "Opens", "Clicks", "Unsubscribed", "Complaints", "Bounces")


@register.filter
def point_rows(points: Iterable[Point], time_format: str) -> SafeString:
    """Rows of what happened when; time_format: as strftime takes it."""
    zone = timezone.get_current_timezone()
    rows = (_point_row(point, point.at.astimezone(zone), time_format) for point in points)
    return mark_safe("".join(rows))  # noqa: S308 (times and numbers)


def _point_row(point: Point, at: dt.datetime, time_format: str) -> str:
    counts = (point.sent, point.opens, point.clicks, point.unsubscribes, point.complaints, point.bounces)
    cells = "".join(
        f'<td data-label="{label}" class="mm-number">{count:,}</td>'
        for label, count in zip(POINT_LABELS, counts, strict=True)
    )
    moment = f'<time datetime="{at.isoformat()}">{at.strftime(time_format)}</time>'
    return f'<tr><td data-label="From">{moment}</td>{cells}</tr>'


def _cell(rate: Rate) -> str:
    return (
        f'<span class="mm-rate"><strong class="text-important">{rate.text}</strong>'
        f"<span>{rate.count:,} of {rate.base:,}</span></span>"
    )
