"""The log of transactional messages: newest first, found by recipient, tag, status, stream and day."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.views.decorators.http import require_safe

from campaigns.admin.base import demand, key_of, render_page
from delivery.admin.emails import VARIANTS
from delivery.messages import look
from delivery.models import Message, MessageStream, Provider

VIEW = "delivery.view_message"
PAGE = 50
ALL_VARIANTS = {**VARIANTS, "queued": "info", "sending": "info", "cancelled": "default"}
FIELDS = ("address", "tag", "status", "stream", "since", "until")


@require_safe
def message_list(request: HttpRequest) -> HttpResponse:
    """`?address=` (the whole address), `?tag=`, `?status=`, `?stream=`, `?since=` and `?until=` (days, both included),
    `?before=` an id: keyset paging, nothing is counted.
    """
    demand(request, VIEW)
    wanted = {name: text_of(request.GET, name) for name in FIELDS}
    before = key_of(request, "before")
    rows, older = page_of_messages(asked_of(wanted), before)
    providers = dict(Provider.objects.values_list("pk", "name"))
    given = {name: value for name, value in wanted.items() if value}
    context: dict[str, Any] = {
        **wanted,
        "is_filtered": bool(given),
        "statuses": Message.Status.choices,
        "streams": MessageStream.objects.values_list("name", flat=True),
        "rows": [
            {
                "message": row,
                "variant": ALL_VARIANTS.get(row.status),
                "provider": providers.get(row.provider_id or 0, ""),
            }
            for row in rows
        ],
        "next_url": f"?{urlencode({**given, 'before': older})}" if older else "",
        "first_url": f"?{urlencode(given)}",
        "is_first": before is None,
    }
    return render_page(request, "admin/delivery/messages.html", title="Transactional messages", **context)


def text_of(given: QueryDict, name: str) -> str:
    text = given.get(name, "").replace("\0", "").strip()[:320]
    return text.lower() if name == "address" else text


def asked_of(wanted: dict[str, str]) -> look.Asked:
    """What is no status or day lets everything through."""
    return look.Asked(
        address=wanted["address"],
        statuses=[wanted["status"]] if wanted["status"] in Message.Status.values else [],
        tag=wanted["tag"],
        stream=wanted["stream"],
        since=midnight(wanted["since"]),
        until=midnight(wanted["until"], dt.timedelta(days=1)),
    )


def midnight(text: str, later: dt.timedelta = dt.timedelta(0)) -> dt.datetime | None:
    """When that day begins here; None for what is no day."""
    try:
        return timezone.make_aware(dt.datetime.combine(dt.date.fromisoformat(text) + later, dt.time()))
    except (ValueError, OverflowError):
        return None


def page_of_messages(asked: look.Asked, before: int | None) -> tuple[list[Message], int | None]:
    """One page by descending id, and the id where the next one begins; None at the end."""
    found = look.page(asked, before, PAGE + 1)
    return found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None
