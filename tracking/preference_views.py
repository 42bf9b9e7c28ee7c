"""The page where a person chooses what to get from us. Its address is the authority: no cookie, no session."""

from __future__ import annotations

import logging

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns.models import Lead
from campaigns.public_limits import refusal
from campaigns.visitors import network, stranger
from delivery.engine.token import Door
from tracking import preferences
from tracking.doors import Subject, subject_of
from tracking.pages import come_back_later, not_found, page
from tracking.subscription import find, masked, standing
from tracking.unsubscribe import is_too_large

log = logging.getLogger(__name__)


# no CSRF token: the signed address is what allows the change, and it works where cookies are off
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def preferences_page(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows how the person stands and changes nothing; POST writes what was chosen before it answers."""
    subject = subject_of(Door.UNSUBSCRIBE, token)
    key = ":".join(map(str, subject)) if subject and request.method == "POST" else ""
    too_many = refusal("repeated", key) if key else refusal("unsubscribe", stranger(request))
    if too_many:
        return too_many
    if subject is None:
        return not_found()
    if is_too_large(request):
        return page("too_large.html", status=413)
    try:
        return _answer(request, subject, token)
    except (OperationalError, InterfaceError) as error:
        log.warning("preferences cannot be shown or changed, PostgreSQL is away: %s", error)
        return come_back_later()


def _answer(request: HttpRequest, subject: Subject, token: str) -> HttpResponse:
    person = find(subject)
    lead = Lead.objects.filter(pk=person.lead_id).first()
    if lead is None or person.is_test:
        return page("preferences.html", {"nobody": True, "is_test": person.is_test})
    error = ""
    if request.method == "POST":
        try:
            preferences.apply(lead.pk, preferences.read(request.POST), network=network(request))
        except preferences.ChoiceInvalid as invalid:
            error = str(invalid)
        else:
            lead.refresh_from_db()
    context = {
        "address": masked(lead.email),
        "chosen": preferences.preferences_of(lead),
        "frequencies": preferences.FREQUENCIES.items(),
        "standing": standing(subject),
        "unsubscribe_url": reverse("tracking-unsubscribe", args=[token]),
        "saved": request.method == "POST" and not error,
        "error": error,
    }
    return page("preferences.html", context, status=400 if error else 200)
