"""Deciding about dead letters: chosen ones, all of a filter or of a campaign; asked on a page, done by its POST."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from campaigns.admin.base import demand, find, render_page
from campaigns.models import Campaign
from delivery import dead_letters
from delivery.admin.dead_form import DeadForm, source_of
from delivery.admin.dead_list import DECIDE, VIEW
from delivery.admin.decide import DecisionForm, Question
from delivery.admin.unknown import plural
from delivery.dead import decisions, rows
from delivery.dead.filter import DeadFilter
from delivery.dead.rows import Key, Source
from delivery.models import DeadDecision
from delivery.unknown import DecisionRefused

Action = DeadDecision.Action
NO_SECOND_COPY = (
    "They are tried now, and three times more if need be. No second copy can come of it: a dead letter was never "
    "accepted."
)
FOR_GOOD = (
    "They count as failed from then on and are never tried again. Their last replies stay in the list of e-mails."
)


@require_http_methods(["GET", "POST"])
def requeue_chosen(request: HttpRequest) -> HttpResponse:
    """Try chosen letters, or all of a filter (`all=1`), again from the start."""
    return decide_chosen(request, Action.REQUEUE)


@require_http_methods(["GET", "POST"])
def discard_chosen(request: HttpRequest) -> HttpResponse:
    """Close chosen letters, or all of a filter (`all=1`), for good."""
    return decide_chosen(request, Action.DISCARD)


@require_http_methods(["GET", "POST"])
def requeue_view(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Try all of a campaign again."""
    return decide_campaign(request, campaign_id, Action.REQUEUE)


@require_http_methods(["GET", "POST"])
def discard_view(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Close all of a campaign."""
    return decide_campaign(request, campaign_id, Action.DISCARD)


def decide_chosen(request: HttpRequest, action: str) -> HttpResponse:
    sent = request.POST if request.method == "POST" else request.GET
    source = source_of(sent)
    demand(request, DECIDE, VIEW[Source(source)])
    form = DeadForm(sent, source)
    back = reverse("delivery_dead") + form.address()
    keys = None if sent.get("all") else chosen_keys(sent)
    if keys == []:
        messages.warning(request, "Choose some letters first.")
        return HttpResponseRedirect(back)
    where = form.filter()
    how_many = f"{len(keys):,}" if keys is not None else counted(source, where)
    hidden = form.hidden() + ([("all", "1")] if keys is None else [("letter", f"{a}:{b}") for a, b in keys])
    question = ask(action, f"{how_many} dead letter{plural(1 if how_many == '1' else 2)}", back)
    return answer(request, question, hidden, action, source, where if keys is None else None, keys)


def decide_campaign(request: HttpRequest, campaign_id: int, action: str) -> HttpResponse:
    demand(request, DECIDE)
    campaign = find(Campaign, campaign_id)
    back = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    question = ask(action, f"the dead letters of {campaign.name}", back)
    where = DeadFilter(campaign_id=campaign.pk)
    return answer(request, question, [], action, str(Source.EMAILS), where, None)


def ask(action: str, which: str, back: str) -> Question:
    if action == Action.REQUEUE:
        text = (NO_SECOND_COPY, "Those of cancelled campaigns are left alone.")
        return Question(f"Try {which} again?", text, "Try again", back, has_note=False)
    return Question(f"Discard {which}?", (FOR_GOOD,), "Discard", back, danger=True, has_note=False)


def answer(
    request: HttpRequest,
    question: Question,
    hidden: list[tuple[str, str]],
    action: str,
    source: str,
    where: DeadFilter | None,
    keys: list[Key] | None,
) -> HttpResponse:
    """The page on GET; on POST the decision, what came of it, and the way back."""
    if request.method == "POST":
        try:
            if where is not None and where.campaign_id is not None and action == Action.REQUEUE:
                dead_letters.demand_requeueable(where.campaign_id)
            made = decisions.decide(action=action, source=source, by=request.user, where=where, keys=keys)
            messages.success(request, words_of(made))
        except DecisionRefused as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(question.back)
    context = {"question": question, "form": DecisionForm(question), "hidden": hidden}
    return render_page(request, "admin/delivery/dead/decide.html", title=question.title, **context)


def words_of(made: DeadDecision) -> str:
    if made.state == DeadDecision.State.RUNNING:
        return f"{decisions.words_for(made.action, made.changed)} The others follow in the background."
    return decisions.words_for(made.action, made.changed)


def counted(source: str, where: DeadFilter) -> str:
    total, is_all = rows.count(source, where)
    return f"{total:,}" if is_all else f"{total:,} or more"


def chosen_keys(sent: QueryDict) -> list[Key]:
    """The letters that the form names (`letter`, many times, "campaign:id"); what is no key counts as none."""
    found = []
    for text in sent.getlist("letter")[: decisions.MAX_CHOSEN]:
        parts = text.split(":")
        if len(parts) == 2 and all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts):
            found.append(Key(int(parts[0]), int(parts[1])))
    return found
