"""The list of dead letters across campaigns and transactional mail: found, filtered, read, and taken away as a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from campaigns.admin.base import demand, key_of, render_page
from campaigns.admin.csv_file import csv_response
from delivery.admin.dead_form import DeadForm, source_of
from delivery.dead import alert, decisions, rows
from delivery.dead.filter import DeadFilter
from delivery.dead.rows import Key, Letter, Source
from delivery.kept import Kept
from delivery.models import DeadDecision, Provider

VIEW = {Source.EMAILS: "delivery.view_email", Source.MESSAGES: "delivery.view_message"}
DECIDE = "campaigns.launch_campaign"
# every page of the admin asks
waiting = Kept(alert.waiting, seconds=3)
SHOWN_DECISIONS = 10
COLUMNS = (
    "campaign_id", "campaign", "lead_id", "message_id", "email", "mailbox_group", "at", "tries", "provider", "code",
    "enhanced", "reply", "reason",
)  # fmt: skip


@require_safe
def dead_list(request: HttpRequest) -> HttpResponse:
    """`?source=emails|messages` and the fields of DeadForm; `?before=` campaign and `?before_id=` by key."""
    source = source_of(request.GET)
    if "source" not in request.GET and not request.user.has_perm(VIEW[Source.EMAILS]):
        source = str(Source.MESSAGES)
    demand(request, VIEW[Source(source)])
    form = DeadForm(request.GET, source)
    page = rows.page(source, form.filter(), before_of(request))
    context = {
        "form": form,
        "source": source,
        "tabs": tabs(request, source),
        "rows": described(request, page.letters),
        "next_url": form.address(**above(page.before)) if page.before else "",
        "first_url": form.address() if request.GET.get("before_id") else "",
        "is_partial": page.is_partial,
        "looked": rows.LOOKED_A_PAGE,
        "is_filtered": bool(form.filter().as_dict()),
        "export_url": reverse("delivery_dead_csv") + form.address(),
        "may_export": may_see_addresses(request, source),
        "may_decide": request.user.has_perm(DECIDE),
        **latest(),
    }
    return render_page(request, "admin/delivery/dead/list.html", title="Dead letters", **context)


def before_of(request: HttpRequest) -> Key:
    """Where the page begins."""
    campaign_id, letter_id = key_of(request, "before"), key_of(request, "before_id")
    return rows.START if campaign_id is None or letter_id is None else Key(campaign_id, letter_id)


def above(key: Key | None) -> dict[str, int]:
    return {"before": key.campaign_id, "before_id": key.id} if key else {}


def tabs(request: HttpRequest, source: str) -> list[dict[str, Any]]:
    """Both lists, as far as the person may see them, with how many letters wait in each."""
    waiting = alert.waiting()
    counts = {Source.EMAILS: waiting.emails, Source.MESSAGES: waiting.messages}
    return [
        {"label": one.label, "url": f"?source={one}", "is_current": one == source, "count": counts[one]}
        for one in Source
        if request.user.has_perm(VIEW[one])
    ]


def may_see_addresses(request: HttpRequest, source: str) -> bool:
    """Whoever sees messages sees to whom they went; leads' addresses want a permission of their own."""
    return source == Source.MESSAGES or request.user.has_perm("campaigns.view_lead")


def described(request: HttpRequest, letters: list[Letter]) -> list[dict[str, Any]]:
    names = dict(Provider.objects.filter(pk__in={letter.provider_id for letter in letters}).values_list("pk", "name"))
    return [
        {
            "letter": letter,
            "key": f"{letter.campaign_id}:{letter.id}",
            "address": letter.address if may_see_addresses(request, source_of_letter(letter)) else "",
            "provider": names.get(letter.provider_id or 0, ""),
        }
        for letter in letters
    ]


def source_of_letter(letter: Letter) -> str:
    return str(Source.EMAILS if letter.campaign_id else Source.MESSAGES)


def latest() -> dict[str, Any]:
    """The last decisions; the page asks again while one of them is at work."""
    found = list(DeadDecision.objects.defer("keys")[:SHOWN_DECISIONS])
    return {"decisions": found, "is_live": any(one.state == DeadDecision.State.RUNNING for one in found)}


@require_safe
def progress(request: HttpRequest) -> HttpResponse:
    """The decisions as a fragment; 286 tells htmx to stop asking when none is at work."""
    if not any(request.user.has_perm(permission) for permission in VIEW.values()):
        demand(request, VIEW[Source.EMAILS])
    context = {**latest(), "may_decide": request.user.has_perm(DECIDE)}
    response = render_page(request, "admin/delivery/dead/decisions.html", title="", **context)
    response.status_code = 200 if context["is_live"] else 286
    return response


@require_POST
def stop(request: HttpRequest, decision_id: int) -> HttpResponse:
    """Stop a decision that is at work."""
    demand(request, DECIDE)
    if decisions.stop(decision_id):
        messages.success(request, "Stopped. What was changed so far stays changed.")
    else:
        messages.info(request, "It was over already.")
    return HttpResponseRedirect(reverse("delivery_dead"))


@require_safe
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The same selection as a CSV file that streams; cells that a spreadsheet would run are made harmless."""
    source = source_of(request.GET)
    demand(request, VIEW[Source(source)])
    if not may_see_addresses(request, source):
        demand(request, "campaigns.view_lead")
    where = DeadForm(request.GET, source).filter()
    return csv_response(f"dead-letters-{source}.csv", csv_lines(source, where))


def csv_lines(source: str, where: DeadFilter) -> Iterator[Sequence[object]]:
    providers = dict(Provider.objects.values_list("pk", "name"))
    yield COLUMNS
    for letter in rows.every(source, where):
        is_message = not letter.campaign_id
        yield (
            letter.campaign_id or None, letter.campaign, None if is_message else letter.id,
            letter.id if is_message else None, letter.address, letter.mailbox_group, letter.at, letter.tries,
            providers.get(letter.provider_id or 0), letter.code, letter.enhanced, letter.reply, letter.reason,
        )  # fmt: skip


def badge(_request: HttpRequest) -> str:
    """How many dead letters wait, for the sidebar; nothing where there are none. A few seconds old."""
    total = waiting.get().total
    return f"{total:,}" if total else ""
