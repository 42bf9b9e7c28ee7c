"""The unsubscribe page, its forms, and one-click (RFC 8058)."""

from __future__ import annotations

import logging

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns.public_limits import refusal
from campaigns.visitors import stranger
from delivery.engine.token import Door
from tracking import optout, visitor
from tracking.doors import Subject, subject_of
from tracking.pages import come_back_later, not_found, page
from tracking.stream import StreamAway
from tracking.subscription import ALL, LIST, Standing, standing

log = logging.getLogger(__name__)

# a one-click body has 26 bytes, as multipart some hundred
MAX_BODY_BYTES = 16 * 1024
ONE_CLICK = "List-Unsubscribe"


# no CSRF token: a mail provider's one-click request brings neither cookie nor token, the address is the authority
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows a page and changes nothing (scanners follow every link); POST does what its form asks.

    A POST without a form of ours, one-click or empty, unsubscribes from what the campaign was sent to.
    """
    subject = subject_of(Door.UNSUBSCRIBE, token)
    # whoever may unsubscribe is never refused for what others ask from the same network: one-click requests of all
    # customers of a mail provider come from its own machines
    if subject is not None and request.method == "POST":
        too_many = refusal("repeated", ":".join(map(str, subject)))
    else:
        too_many = refusal("unsubscribe", stranger(request))
    if too_many:
        return too_many
    if subject is None:
        return not_found()
    if request.method != "POST":
        context = {"standing": _standing(subject), "preferences_url": reverse("tracking-preferences", args=[token])}
        return page("unsubscribe.html", context)
    if is_too_large(request):
        return page("too_large.html", status=413)
    return _change(request, subject)


def is_too_large(request: HttpRequest, most_bytes: int = MAX_BODY_BYTES) -> bool:
    """The body is larger than any form of ours; refuse it unread."""
    return int(request.META.get("CONTENT_LENGTH") or 0) > most_bytes


def _change(request: HttpRequest, subject: Subject) -> HttpResponse:
    one_click = ONE_CLICK in request.POST
    kind = "resubscribe" if request.POST.get("action") == "resubscribe" and not one_click else "unsubscribe"
    scope = ALL if request.POST.get("scope") == ALL and not one_click else LIST
    occurrence = optout.asked(
        kind,
        subject,
        scope=scope,
        via="one_click" if one_click else "page",
        user_agent=visitor.user_agent(request),
        network=visitor.network(request),
    )
    try:
        done = optout.fulfil(occurrence)
    except StreamAway as error:
        log.error("an %s could not be kept anywhere, the answer is 503: %s", kind, error)
        return come_back_later()
    return page("changed.html", {"kind": kind, "scope": scope, "done": done, "standing": _standing(subject, done)})


def _standing(subject: Subject, ask: bool = True) -> Standing:
    """How the person stands; what can be said without PostgreSQL where it is away, so that the button is there."""
    if not ask:
        return Standing()
    try:
        return standing(subject)
    except (OperationalError, InterfaceError) as error:
        log.warning("the unsubscribe page is shown without a name, PostgreSQL is away: %s", error)
        return Standing()
