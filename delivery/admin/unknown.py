"""The page of a campaign's unknown e-mails: what they are, which ones, and what a person may do about them.

GET only looks; each decision is asked about on a page of its own and made by that page's POST.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from campaigns.addresses import domain_of
from campaigns.admin.base import demand, find, key_of, render_page
from campaigns.admin.csv_file import csv_response
from campaigns.models import Campaign, Lead
from delivery import decision_sql, unknown
from delivery.admin import emails, ledger
from delivery.admin.decide import Question, chosen_leads, decide
from delivery.models import Email, Provider, UnknownDecision

RESOLVE = "campaigns.resolve_unknown"
SHOWN_DECISIONS = 10
COLUMNS = ("lead_id", "email", "message_id", "status", "at", "attempt", "tries", "provider", "reply")


def page_of_unknown(campaign_id: int) -> str:
    return reverse("delivery_unknown", args=[campaign_id])


@require_safe
def unknown_list(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """The unknown e-mails by lead number, `?after=`."""
    demand(request, RESOLVE)
    campaign = find(Campaign, campaign_id)
    after = key_of(request, "after") or 0
    page = ledger.page_by_campaign(ledger.Wanted(campaign.pk, status=Email.Status.UNKNOWN, after=after))
    context = {
        "campaign": campaign,
        "count": unknown.count_unknown(campaign_id=campaign.pk),
        "hours": settings.UNKNOWN_RESEND_HOURS,
        "rows": with_decisions(campaign.pk, emails.described(request, page.rows)),
        "is_first": not after,
        "next_url": f"?{urlencode({'after': page.next_after})}" if page.next_after is not None else "",
        "may_resend": campaign.state in unknown.RESENDABLE_STATES,
        "decisions": UnknownDecision.objects.filter(campaign=campaign).defer("lead_ids")[:SHOWN_DECISIONS],
    }
    title = f"Unknown e-mails of {campaign.name}"
    return render_page(request, "admin/delivery/unknown/list.html", title=title, **context)


def with_decisions(campaign_id: int, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the newest decision about each of them."""
    labels = dict(UnknownDecision.Action.choices)
    leads = [row["email"].lead_id for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(decision_sql.LAST_DECISIONS, {"campaign": campaign_id, "leads": leads})
        last = {
            lead_id: {"label": labels.get(action, action), "by": by, "at": at}
            for lead_id, action, by, at in cursor.fetchall()
        }
    return [{**row, "decision": last.get(row["email"].lead_id)} for row in rows]


@require_safe
def export(request: HttpRequest, campaign_id: int) -> StreamingHttpResponse:
    """All unknown e-mails as a CSV file that streams, with the Message-ID by which a provider's log names them.

    Given back as a log it proves nothing, until somebody writes "delivered" or "bounced" over "unknown".
    """
    demand(request, RESOLVE, "campaigns.view_lead")
    campaign = find(Campaign, campaign_id)
    return csv_response(f"unknown-emails-of-campaign-{campaign.pk}.csv", csv_lines(campaign))


def csv_lines(campaign: Campaign) -> Iterator[Sequence[object]]:
    providers = dict(Provider.objects.values_list("pk", "name"))
    domain = domain_of(campaign.from_email)
    yield COLUMNS
    for rows in chunks(campaign.pk):
        addresses = dict(Lead.objects.filter(pk__in=[row.lead_id for row in rows]).values_list("pk", "email"))
        for row in rows:
            message_id = f"<{campaign.pk:x}.{row.lead_id:x}.{row.attempt}@{domain}>"
            yield (
                row.lead_id, addresses.get(row.lead_id), message_id, row.status, row.at, row.attempt, row.tries,
                providers.get(row.provider_id or 0), row.reply,
            )  # fmt: skip


def chunks(campaign_id: int) -> Iterator[Sequence[Email]]:
    """All unknown rows by key: the partial index finds them, memory stays small."""
    after = 0
    while True:
        wanted = Email.objects.filter(campaign_id=campaign_id, status=Email.Status.UNKNOWN, lead_id__gt=after)
        rows = list(wanted.order_by("lead_id").only(*ledger.SHOWN)[: ledger.EXPORT_CHUNK])
        if rows:
            yield rows
        if len(rows) < ledger.EXPORT_CHUNK:
            return
        after = rows[-1].lead_id


@require_http_methods(["GET", "POST"])
def leave_view(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Leave them as they are, and say so."""
    demand(request, RESOLVE)
    campaign = find(Campaign, campaign_id)
    leads = chosen_leads(request)
    total = unknown.count_unknown(campaign_id=campaign.pk, lead_ids=leads).total
    if not total:
        return nothing_chosen(request, campaign, "None of them is unknown any more.")
    question = Question(
        title=f"Leave {total:,} unknown e-mail{plural(total)} as {they(total)}?",
        text=(
            "Nothing is sent and no number changes. Your decision is written down, so that nobody has to wonder again.",
        ),
        submit="Leave as unknown",
        back=page_of_unknown(campaign.pk),
    )

    def act(note: str) -> str:
        left = unknown.leave(campaign_id=campaign.pk, lead_ids=leads, by=request.user, note=note)
        return f"{left:,} e-mail{plural(left)} left as unknown."

    return decide(request, question, act)


@require_http_methods(["GET", "POST"])
def resend_view(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Send them once more, knowing what that may mean."""
    demand(request, RESOLVE)
    campaign = find(Campaign, campaign_id)
    leads = chosen_leads(request)
    count = unknown.count_unknown(campaign_id=campaign.pk, lead_ids=leads)
    hours = f"{settings.UNKNOWN_RESEND_HOURS:g}"
    if not count.resendable:
        return nothing_chosen(request, campaign, f"None of them has been unknown for {hours} hours yet.")
    young = count.total - count.resendable
    question = Question(
        title=f"Send {count.resendable:,} e-mail{plural(count.resendable)} again?",
        text=(
            "A second copy may arrive: the mail server may have accepted the first one before its answer was lost. "
            "Look into the provider's log first, if you can.",
            "Who has unsubscribed, is suppressed or was erased meanwhile gets nothing and stays unknown. Who opens the "
            "first copy before the second one leaves gets no second one.",
            *([f"{young:,} of those you chose are younger than {hours} hours and are left out."] if young else []),
        ),
        submit="Send again",
        back=page_of_unknown(campaign.pk),
        confirm="I know that people may get this e-mail twice.",
        danger=True,
    )

    def act(note: str) -> str:
        sent = unknown.resend(campaign_id=campaign.pk, lead_ids=leads, by=request.user, note=note, confirm=True)
        return f"{sent:,} e-mail{plural(sent)} will be sent again. They stay unknown until the server answers."

    return decide(request, question, act)


def nothing_chosen(request: HttpRequest, campaign: Campaign, words: str) -> HttpResponse:
    messages.warning(request, words if chosen_leads(request) != [] else "Choose some e-mails first.")
    return HttpResponseRedirect(page_of_unknown(campaign.pk))


def plural(count: int) -> str:
    return "" if count == 1 else "s"


def they(count: int) -> str:
    return "it is" if count == 1 else "they are"
