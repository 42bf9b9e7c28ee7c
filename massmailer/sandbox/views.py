"""The mailbox in the admin, for staff who may read it.

A message's own markup never runs and never speaks to the network unasked.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from massmailer.sandbox import mailbox

PERMISSION = "massmailer.read_sandbox"
# shown in a frame: no script, no form, no request; links open in a new tab
FRAME_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src {images}; font-src data:; form-action 'none'; frame-ancestors 'self'"
)


@staff_member_required
@permission_required(PERMISSION, raise_exception=True)
@require_safe
def message_list(request: HttpRequest) -> HttpResponse:
    """Messages, newest first: ?q= searches recipients and subjects, ?page= turns the page."""
    search = request.GET.get("q", "")
    page = mailbox.list_messages(settings.SANDBOX_DIR, page=_number(request.GET.get("page", "1")), search=search)
    rows = [(entry, datetime.fromtimestamp(entry.at, UTC)) for entry in page.entries]
    context = {"page": page, "rows": rows, "search": search, "port": settings.SANDBOX_SMTP_PORT}
    return _render(request, "list.html", "Sandbox mailbox", context)


@staff_member_required
@permission_required(PERMISSION, raise_exception=True)
@require_safe
def message_detail(request: HttpRequest, message_id: str) -> HttpResponse:
    """One message: headers, text, and its HTML in a frame. ?images=1 lets the frame load pictures."""
    message = _message(message_id)
    images = request.GET.get("images") == "1"
    title = message.subject or "(no subject)"
    return _render(request, "message.html", title, {"message": message, "images": images})


@staff_member_required
@permission_required(PERMISSION, raise_exception=True)
@require_safe
def message_html(request: HttpRequest, message_id: str) -> HttpResponse:
    """The HTML part alone, for the frame. Pictures load with ?images=1 only: they count as opens."""
    message = _message(message_id)
    if message.html is None:
        raise Http404("This message has no HTML part.")
    response = HttpResponse('<base target="_blank">' + message.html)
    images = "http: https: data:" if request.GET.get("images") == "1" else "data:"
    response.headers["Content-Security-Policy"] = FRAME_POLICY.format(images=images)
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@staff_member_required
@permission_required(PERMISSION, raise_exception=True)
@require_safe
def message_raw(_request: HttpRequest, message_id: str) -> HttpResponse:
    """The message as it came, as a download."""
    try:
        raw = mailbox.read_raw(settings.SANDBOX_DIR, message_id)
    except mailbox.MessageGone as error:
        raise Http404("This message is not in the mailbox.") from error
    response = HttpResponse(raw, content_type="message/rfc822")
    response.headers["Content-Disposition"] = f'attachment; filename="{message_id}.eml"'
    return response


def _message(message_id: str) -> mailbox.Message:
    try:
        return mailbox.read_message(settings.SANDBOX_DIR, message_id)
    except mailbox.MessageGone as error:
        raise Http404("This message is not in the mailbox: the oldest are dropped when it is full.") from error


def _render(request: HttpRequest, name: str, title: str, context: dict[str, object]) -> HttpResponse:
    return render(request, f"admin/sandbox/{name}", {**admin.site.each_context(request), "title": title, **context})


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 1
