"""Transactional messages for people: newest first, found by address."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from campaigns.admin.base import demand, key_of, render_page
from delivery.admin.emails import VARIANTS
from delivery.models import Message, Provider

VIEW = "delivery.view_message"
PAGE = 50
ALL_VARIANTS = {**VARIANTS, "queued": "info", "sending": "info", "cancelled": "default"}
SHOWN = (
    "id", "created_at", "to_address", "status", "attempt", "at_least_once",
    "tries", "provider_id", "code", "enhanced", "reply", "opened_at",
)  # fmt: skip


@require_safe
def message_list(request: HttpRequest) -> HttpResponse:
    """`?address=` (the whole address, found by its index), `?before=` an id: keyset paging, nothing is counted."""
    demand(request, VIEW)
    address = request.GET.get("address", "").replace("\0", "").strip().lower()
    rows, older = page_of_messages(address, key_of(request, "before"))
    providers = dict(Provider.objects.values_list("pk", "name"))
    context: dict[str, Any] = {
        "address": address,
        "rows": [
            {
                "message": row,
                "variant": ALL_VARIANTS.get(row.status),
                "provider": providers.get(row.provider_id or 0, ""),
            }
            for row in rows
        ],
        "next_url": f"?{urlencode({'address': address, 'before': older})}" if older else "",
        "is_first": key_of(request, "before") is None,
    }
    return render_page(request, "admin/delivery/messages.html", title="Transactional messages", **context)


def page_of_messages(address: str, before: int | None) -> tuple[list[Message], int | None]:
    """One page by descending id, and the id where the next one begins; None at the end."""
    rows = Message.objects.only(*SHOWN).order_by("-id")
    if address:
        rows = rows.filter(to_address=address).order_by("-created_at", "-id")
    if before is not None:
        rows = rows.filter(id__lt=before)
    found = list(rows[: PAGE + 1])
    return found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None
