"""One transactional message: what it promised, how often it was handed over, what became of it, what it said."""

from __future__ import annotations

import logging

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from campaigns.addresses import mailbox_group
from campaigns.admin.base import demand, render_page
from campaigns.admin.previews import FRAME_POLICY, with_links_outside
from campaigns.crypto import SecretUnreadable
from delivery.admin.messages import ALL_VARIANTS, VIEW
from delivery.messages import copies, look
from delivery.models import Message, MessageCopy, Pool, Provider
from delivery.reply_rules import current
from delivery.reply_words import Recorded, explain

logger = logging.getLogger(__name__)
# what a message says may be a password reset: seeing that it was sent is one thing, reading it another
READ = "delivery.view_messagecopy"
CHANGE = "delivery.change_message"
GONE = "There is no such message; messages are kept for some months."


@require_safe
def message_view(request: HttpRequest, message_id: int) -> HttpResponse:
    """The record of one message."""
    demand(request, VIEW)
    message = _find(message_id)
    providers = {provider.pk: provider for provider in Provider.objects.all()}
    provider = providers.get(message.provider_id or 0)
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
        "history": [
            {
                "event": one,
                "variant": ALL_VARIANTS.get(one.kind, "info"),
                "provider": providers.get(one.provider_id or 0),
            }
            for one in look.history(message)
        ],
        "copy": MessageCopy.objects.filter(message_id=message.id).only("message_id", "expires_at").first(),
        "may_read": request.user.has_perm(READ),
        "may_cancel": request.user.has_perm(CHANGE) and message.status in ("queued", "deferred"),
    }
    return render_page(request, "admin/delivery/message.html", title=f"Message {message.id}", **context)


@require_safe
def copy_view(request: HttpRequest, message_id: int) -> HttpResponse:
    """What the recipient got, where a copy is kept; who reads it stands in the log of the server."""
    demand(request, VIEW, READ)
    message, copy = _find(message_id), _copy(message_id)
    logger.info("%s reads the copy of message %s", request.user.get_username(), message_id)
    context = {"message": message, "copy": copy, "frame_url": reverse("delivery_message_frame", args=[message_id])}
    return render_page(request, "admin/delivery/message_copy.html", title=f"Copy of message {message.id}", **context)


@require_safe
def frame_view(request: HttpRequest, message_id: int) -> HttpResponse:
    """The HTML part alone, under a policy of its own; scripts never run."""
    demand(request, VIEW, READ)
    page = _copy(message_id).html or "<!doctype html><title>Copy</title><p>This message has no HTML part.</p>"
    response = HttpResponse(with_links_outside(page))
    response.headers["Content-Security-Policy"] = FRAME_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@require_POST
def cancel_view(request: HttpRequest, message_id: int) -> HttpResponse:
    """Call a message back that no worker has taken up yet."""
    demand(request, VIEW, CHANGE)
    if look.cancel(_find(message_id).id, f"cancelled by {request.user.get_username()}"):
        messages.success(request, "The message was called back; it will not be sent.")
    else:
        messages.error(request, "It was too late: a worker has taken the message up.")
    return HttpResponseRedirect(reverse("delivery_message", args=[message_id]))


def _find(message_id: int) -> Message:
    message = look.find(message_id)
    if message is None:
        raise Http404(GONE)
    return message


def _copy(message_id: int) -> copies.Copy:
    try:
        copy = copies.find(message_id)
    except SecretUnreadable as error:
        raise Http404("None of the ENCRYPTION_KEYS opens the copy.") from error
    if copy is None:
        raise Http404("No copy of this message is kept.")
    return copy
