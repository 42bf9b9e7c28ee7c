"""Numbers and times as people read them."""

from __future__ import annotations

import datetime as dt

from django import template
from django.utils.dates import MONTHS_3
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.filter
def grouped(value: object) -> str:
    """1234567 as 1,234,567; an empty text for what is no number."""
    return f"{value:,}" if isinstance(value, int) else ""


@register.filter
def duration(seconds: object) -> str:
    """Seconds as "45 s", "12 min" or "3 h 05 min"."""
    if not isinstance(seconds, int | float):
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


@register.filter
def file_size(value: object) -> str:
    """Bytes as "812 B", "1.2 MB"."""
    if not isinstance(value, int | float):
        return ""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return ""


@register.filter(expects_localtime=True)
def moment(at: dt.datetime) -> SafeString:
    """A `<time>` to the second. Django's `date` takes ten times as long, which shows in lists."""
    return mark_safe(f'<time datetime="{at.isoformat()}">{at.day} {at:%b %Y, %H:%M:%S}</time>')  # noqa: S308


@register.filter(expects_localtime=True)
def short_moment(at: dt.datetime) -> SafeString:
    """A `<time>` of this year, to the minute."""
    return mark_safe(f'<time datetime="{at.isoformat()}">{at.day} {at:%b, %H:%M}</time>')  # noqa: S308


@register.filter(expects_localtime=True)
def minute(at: dt.datetime) -> SafeString:
    """A `<time>` to the minute, its month in the reader's language."""
    shown = f"{at.day} {str(MONTHS_3[at.month]).title()} {at:%Y, %H:%M}"
    return mark_safe(f'<time datetime="{at.isoformat()}">{shown}</time>')  # noqa: S308
