"""The ledger for people: by campaign, by lead, and as a CSV file. Everything here only reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_safe

from campaigns.admin.base import demand, find, key_of, render_page
from campaigns.admin.csv_file import csv_response
from campaigns.models import Campaign, Lead
from delivery.admin import ledger
from delivery.engine.classify import Classifier
from delivery.engine.rule import Verdict
from delivery.models import Email, Provider
from delivery.reply_rules import current
from delivery.reply_words import Recorded, explain

VIEW = "delivery.view_email"
VARIANTS = {
    "sent": "success", "deferred": "warning", "bounced_hard": "danger", "bounced_soft": "warning", "failed": "danger",
    "dead": "danger", "skipped": "default", "unknown": "primary",
}  # fmt: skip
RECENT_CAMPAIGNS = 30
COLUMNS = (
    "lead_id", "email", "status", "at", "tries", "provider", "code", "enhanced", "reply", "opened_at", "clicked_at",
)  # fmt: skip


@require_safe
def chooser(request: HttpRequest) -> HttpResponse:
    """Where to look: the newest campaigns, or one lead by its address."""
    demand(request, VIEW)
    address = request.GET.get("address", "").strip().lower()
    remark = ""
    if address:
        demand(request, "campaigns.view_lead")
        lead = Lead.objects.filter(email=address).first()
        if lead is not None:
            return HttpResponseRedirect(reverse("delivery_lead_emails", args=[lead.pk]))
        remark = f"No lead has the address {address}."
    launched = Campaign.objects.filter(launched_at__isnull=False).defer("body", "text")[:RECENT_CAMPAIGNS]
    context = {"campaigns": launched, "address": address, "remark": remark}
    return render_page(request, "admin/delivery/emails/chooser.html", title="E-mails", **context)


@require_safe
def by_campaign(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """One campaign's e-mails by lead number: `?status=`, `?reply=` (words in the server's reply), `?after=`."""
    demand(request, VIEW)
    campaign = find(Campaign, campaign_id)
    wanted = wanted_of(request, campaign.pk)
    page = ledger.page_by_campaign(wanted)
    chosen = {"status": wanted.status, "reply": wanted.reply}
    context = {
        "campaign": campaign,
        "wanted": wanted,
        "statuses": Email.Status.choices,
        "rows": described(request, page.rows),
        "next_url": f"?{urlencode({**chosen, 'after': page.next_after})}" if page.next_after is not None else "",
        "is_partial": page.is_partial,
        "stretch": ledger.STRETCH,
        "export_url": f"{reverse('delivery_campaign_emails_csv', args=[campaign.pk])}?{urlencode(chosen)}",
        "may_export": request.user.has_perm("campaigns.view_lead"),
    }
    title = f"E-mails of {campaign.name}"
    return render_page(request, "admin/delivery/emails/campaign.html", title=title, **context)


@require_safe
def by_lead(request: HttpRequest, lead_id: int) -> HttpResponse:
    """All e-mails of one lead, newest campaign first."""
    demand(request, VIEW, "campaigns.view_lead")
    page = ledger.page_by_lead(lead_id, key_of(request, "before"))
    lead = Lead.objects.filter(pk=lead_id).first()
    if lead is None and not page.rows:
        raise Http404("There is no such lead, and no record of e-mails to it.")
    context = {
        "lead": lead,
        "rows": described(request, page.rows),
        "next_url": f"?before={page.next_after}" if page.next_after is not None else "",
    }
    title = f"E-mails to {lead.email}" if lead else f"E-mails to the erased lead {lead_id}"
    return render_page(request, "admin/delivery/emails/lead.html", title=title, **context)


@require_safe
def export(request: HttpRequest, campaign_id: int) -> StreamingHttpResponse:
    """The same selection as a CSV file that streams; cells that a spreadsheet would run are made harmless."""
    demand(request, VIEW, "campaigns.view_lead")
    campaign = find(Campaign, campaign_id)
    wanted = wanted_of(request, campaign.pk)
    name = f"emails-of-campaign-{campaign.pk}{'-' + wanted.status if wanted.status else ''}.csv"
    return csv_response(name, csv_lines(wanted))


def wanted_of(request: HttpRequest, campaign_id: int) -> ledger.Wanted:
    status = request.GET.get("status", "")
    return ledger.Wanted(
        campaign_id,
        status=status if status in Email.Status.values else "",
        reply=request.GET.get("reply", "").replace("\0", "").strip()[:200],
        after=key_of(request, "after") or 0,
    )


def csv_lines(wanted: ledger.Wanted) -> Iterator[Sequence[object]]:
    providers = dict(Provider.objects.values_list("pk", "name"))
    yield COLUMNS
    found = ledger.all_of(wanted)
    while rows := list(islice(found, ledger.EXPORT_CHUNK)):
        # one look-up for 2,000 rows
        addresses = dict(Lead.objects.filter(pk__in=[row.lead_id for row in rows]).values_list("pk", "email"))
        for row in rows:
            yield (
                row.lead_id, addresses.get(row.lead_id), row.status, row.at, row.tries,
                providers.get(row.provider_id or 0), row.code, row.enhanced, row.reply, row.opened_at, row.clicked_at,
            )  # fmt: skip


def described(request: HttpRequest, rows: list[Email]) -> list[dict[str, Any]]:
    """The rows with names and what their replies mean: four look-ups a page, whatever its size."""
    leads = Lead.objects.in_bulk({row.lead_id for row in rows}) if request.user.has_perm("campaigns.view_lead") else {}
    campaigns = dict(Campaign.objects.filter(pk__in={row.campaign_id for row in rows}).values_list("pk", "name"))
    used = Provider.objects.filter(pk__in={row.provider_id for row in rows}).values_list("pk", "name", "kind")
    providers = {pk: name for pk, name, _ in used}
    kinds = {pk: kind for pk, _, kind in used}
    classifier = current()
    return [
        {
            "email": row,
            "lead": leads.get(row.lead_id),
            "campaign": campaigns.get(row.campaign_id, ""),
            "provider": providers.get(row.provider_id or 0, ""),
            "variant": VARIANTS.get(row.status, "default"),
            "meaning": meaning_of(row, leads.get(row.lead_id), kinds.get(row.provider_id or 0, ""), classifier),
        }
        for row in rows
    ]


def meaning_of(row: Email, lead: Lead | None, provider_kind: str, classifier: Classifier) -> Verdict | None:
    """What today's rules say of the reply in a row."""
    recorded = Recorded(
        row.code,
        row.enhanced,
        row.reply,
        group=lead.mailbox_group if lead else "",
        provider_id=row.provider_id,
        is_smtp=provider_kind in ("", Provider.Kind.SMTP),
    )
    return explain(recorded, classifier)


def lead_section(request: HttpRequest, lead: Lead) -> str:
    """The timeline of e-mails on a lead's page."""
    if not request.user.has_perm(VIEW):
        return ""
    page = ledger.page_by_lead(lead.pk)
    context = {"lead": lead, "rows": described(request, page.rows), "has_more": page.next_after is not None}
    return render_to_string("admin/delivery/emails/lead_section.html", context, request)
