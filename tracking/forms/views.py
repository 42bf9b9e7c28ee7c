"""The hosted form, what is posted to it from anywhere, and the page that confirms."""

from __future__ import annotations

import logging
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns import questions
from campaigns.models import Consent, Lead, MailingList, SubscriptionForm
from campaigns.public_limits import limited
from campaigns.suppression.release import forbids
from campaigns.visitors import network
from tracking.forms import bots, mail
from tracking.forms.bots import Verdict
from tracking.forms.look import look_of, next_url
from tracking.forms.submission import read
from tracking.forms.subscribe import confirm, subscribe
from tracking.pages import come_back_later, not_found, page, private
from tracking.subscription import masked
from tracking.unsubscribe import is_too_large

log = logging.getLogger(__name__)


class SeeOther(HttpResponseRedirect):
    """The address is asked for by GET, whatever method the form used."""

    status_code = 303


# no CSRF token: forms stand on other people's sites, and nothing here depends on who is logged in
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@limited("form")
def form_page(request: HttpRequest, slug: str) -> HttpResponse:
    """GET shows the form; POST takes it. The answer to a POST never tells whether the address is known."""
    if is_too_large(request):
        return page("too_large.html", status=413)
    try:
        form = SubscriptionForm.objects.filter(slug=slug, is_active=True).first()
        if form is None:
            return not_found()
        return _take(request, form) if request.method == "POST" else _show(request, form, QueryDict())
    except (OperationalError, InterfaceError) as error:
        log.warning("form %s cannot be shown or taken, PostgreSQL is away: %s", slug, error)
        return come_back_later()


def _take(request: HttpRequest, form: SubscriptionForm) -> HttpResponse:
    submission, errors = read(form, request.POST)
    if submission is None:
        return _show(request, form, request.POST, errors=errors, status=400)
    verdict = bots.judge(form.slug, request.POST)
    if verdict is Verdict.AGAIN:
        return _show(request, form, request.POST, again=True)
    if verdict is Verdict.PERSON:
        subscribe(form, submission, network=network(request))
    target = next_url(form, request.POST.get("next", ""))
    if target:
        return private(SeeOther(target))
    return _branded(request, form, "form_thanks.html", {"masked": masked(submission.email)})


def _show(
    request: HttpRequest,
    form: SubscriptionForm,
    typed: QueryDict,
    *,
    errors: dict[str, str] | None = None,
    again: bool = False,
    status: int = 200,
) -> HttpResponse:
    """The form with what was typed in it, and a fresh stamp."""
    was_sent = request.method == "POST"
    lists = set(typed.getlist("list"))
    topics = set(typed.getlist("topic"))
    context = {
        "email": typed.get("email", "")[:254],
        "questions": [
            {"ask": one, "typed": typed.get(one.field, "")[:300], "error": (errors or {}).get(one.field, "")}
            for one in questions.from_json(form.questions)
        ],
        "lists": [(one, not was_sent or str(one.pk) in lists) for one in _lists(form)],
        "topics": [(one, not was_sent or str(one.pk) in topics) for one in form.topics.all()],
        "has_agreed": typed.get("consent") == "yes",
        "next": typed.get("next", "")[:2000],
        "challenge": bots.challenge(form.slug),
        "trap": bots.TRAP,
        "errors": errors or {},
        "again": again,
        "action": request.get_full_path(),
    }
    return _branded(request, form, "form.html", context, status=status)


def _lists(form: SubscriptionForm) -> list[MailingList]:
    return list(form.lists.all()) if form.people_choose_lists else []


def _branded(
    request: HttpRequest, form: SubscriptionForm | None, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    if form is None:
        return page(template, context, status=status)
    look = look_of(form, embedded="embed" in request.GET)
    response = page(template, {**context, "form": form, "look": look}, status=status)
    response.headers["Content-Security-Policy"] = look.policy
    if "embed" in request.GET:
        # Django's own header would forbid the frame that the policy allows
        response.xframe_options_exempt = True
    return response


# no CSRF token: the signed address is what allows it
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@limited("confirm")
def confirm_page(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows a button and confirms nothing (scanners follow every link); POST subscribes, also a second time."""
    found = mail.read_link(token)
    if found is None:
        return not_found()
    consent_id, is_fresh = found
    try:
        consent = Consent.objects.select_related("form", "lead").filter(pk=consent_id).first()
        if consent is None:
            return not_found()
        if not is_fresh and consent.confirmed_at is None:
            return _too_late(request, consent)
        if request.method == "POST":
            consent = confirm(consent_id, network=network(request))
            if consent is None:
                return not_found()
        return _branded(request, consent.form, "confirm.html", _standing(consent, done=request.method == "POST"))
    except (OperationalError, InterfaceError) as error:
        log.warning("consent %s cannot be confirmed, PostgreSQL is away: %s", consent_id, error)
        return come_back_later()


def _standing(consent: Consent, *, done: bool) -> dict[str, Any]:
    lead = Lead.objects.get(pk=consent.lead_id)
    names = [one.shown_name for one in MailingList.objects.filter(pk__in=consent.list_ids)]
    is_stopped = done and (lead.status != Lead.Status.SUBSCRIBED or bool(forbids(lead.email)))
    return {
        "masked": masked(lead.email),
        "lists": names,
        "wording": consent.wording,
        "done": done or consent.confirmed_at is not None,
        "is_stopped": is_stopped,
    }


def _too_late(request: HttpRequest, consent: Consent) -> HttpResponse:
    form = consent.form if consent.form and consent.form.is_active else None
    again = reverse("tracking-form", args=[form.slug]) if form else ""
    return _branded(request, consent.form, "confirm_late.html", {"again": again}, status=410)
