"""One transactional message: what it promised, how often it was handed over, what became of it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from campaigns.addresses import mailbox_group
from campaigns.admin.base import demand, render_page
from delivery.admin.messages import ALL_VARIANTS, VIEW
from delivery.models import Message, Pool, Provider
from delivery.reply_rules import current
from delivery.reply_words import Recorded, explain


@require_safe
def message_view(request: HttpRequest, message_id: int) -> HttpResponse:
    """The record of one message."""
    demand(request, VIEW)
    message = Message.objects.filter(id=message_id).defer("content", "data").first()
    if message is None:
        raise Http404("There is no such message; messages are kept for some months.")
    provider = Provider.objects.filter(pk=message.provider_id or 0).first()
    recorded = Recorded(
        message.code,
        message.enhanced,
        message.reply,
        group=mailbox_group(message.to_address),
        provider_id=message.provider_id,
        is_smtp=provider is None or provider.kind == Provider.Kind.SMTP,
    )
    context = {
        "message": message,
        "meaning": explain(recorded, current()),
        "variant": ALL_VARIANTS.get(message.status),
        "provider": provider,
        "pool": Pool.objects.filter(pk=message.pool_id or 0).first(),
    }
    return render_page(request, "admin/delivery/message.html", title=f"Message {message.id}", **context)
