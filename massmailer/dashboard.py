"""The first page: what runs, what was, what is missing. Every figure is cheap at ten million e-mails."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Model, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_safe

from campaigns.admin.base import demand, total_rows
from campaigns.admin.progress import STATE_VARIANTS, STOP_POLLING, percent_of
from campaigns.models import Campaign, Lead, Segment, Template
from delivery import models
from delivery.alerts import TEST_KEY
from delivery.models import Provider

State = Campaign.State
RUNNING = (State.SCHEDULED, State.LAUNCHING, State.SENDING, State.PAUSED)
LAST = 8
# new leads are counted up to here: after an import of millions, the exact number is not worth a second
COUNTED_LEADS = 10_000
TOLD_DAYS = dt.timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should see to. link: where, "" when it is not in the admin."""

    level: str
    text: str
    link: str = ""
    link_text: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    text: str
    link: str
    is_done: bool


def dashboard_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's dashboard callback: `context` with what this person may see."""
    user = request.user
    context["title"] = "Dashboard"
    if user.has_perm("campaigns.view_campaign"):
        context.update(running_context())
        context["last_campaigns"] = last_campaigns()
        context["sent_today"] = sent_since(timezone.now() - dt.timedelta(hours=24))
    if user.has_perm("campaigns.view_lead"):
        context["lead_total"], context["lead_total_is_exact"] = total_rows(Lead)
        context["new_leads"], context["new_leads_is_exact"] = new_leads(timezone.now() - dt.timedelta(hours=24))
    if user.has_perm("campaigns.add_campaign"):
        steps = first_steps(user)
        context["steps"] = [] if all(step.is_done for step in steps) else steps
    context["alerts"] = alerts(request)
    return context


@require_safe
def running_view(request: HttpRequest) -> HttpResponse:
    """The running campaigns as a fragment; 286 tells htmx to stop asking when none is left."""
    demand(request, "campaigns.view_campaign")
    found = running_context()
    status = 200 if found["running"] else STOP_POLLING
    return render(request, "admin/massmailer/running.html", found, status=status)


def running_context() -> dict[str, Any]:
    campaigns = Campaign.objects.filter(state__in=RUNNING).defer("body", "text").order_by("-id")[:20]
    running = [
        {
            "campaign": campaign,
            "variant": STATE_VARIANTS[campaign.state],
            "percent": percent_of(campaign.audience - campaign.pending, campaign.audience),
            "done": campaign.audience - campaign.pending,
        }
        for campaign in campaigns
    ]
    # a campaign that waits for next week needs no question every two seconds
    soon = timezone.now() + dt.timedelta(minutes=5)
    is_live = any(
        campaign.state != State.SCHEDULED or campaign.scheduled_at is None or campaign.scheduled_at < soon
        for campaign in campaigns
    )
    return {"running": running, "is_live": is_live}


def last_campaigns() -> list[dict[str, Any]]:
    campaigns = Campaign.objects.exclude(state__in=RUNNING).defer("body", "text").order_by("-id")[:LAST]
    return [
        {
            "campaign": campaign,
            "variant": STATE_VARIANTS[campaign.state],
            "opened": percent_of(campaign.opened, campaign.sent),
            "clicked": percent_of(campaign.clicked, campaign.sent),
        }
        for campaign in campaigns
    ]


def sent_since(moment: dt.datetime) -> int:
    """E-mails sent by the campaigns that were launched since then, from their own counters."""
    found = Campaign.objects.filter(launched_at__gte=moment).aggregate(sent=Sum("sent"))
    return found["sent"] or 0


def new_leads(moment: dt.datetime) -> tuple[int, bool]:
    """Leads that came since then and whether the number is exact; the index on created_at is read up to 10,001."""
    counted = Lead.objects.filter(created_at__gte=moment).order_by()[: COUNTED_LEADS + 1].count()
    return min(counted, COUNTED_LEADS), counted <= COUNTED_LEADS


# text, URL name, permission, what it makes; in the order in which it is done
FIRST_STEPS: tuple[tuple[str, str, str, type[Model]], ...] = (
    ("Set up a provider and test its connection", "delivery_provider_add", "delivery.add_provider", Provider),
    ("Import your leads from a CSV file", "campaigns_leadimport_add", "campaigns.add_leadimport", Lead),
    ("Describe an audience as a segment", "campaigns_segment_add", "campaigns.add_segment", Segment),
    ("Keep a design as a template", "campaigns_template_add", "campaigns.add_template", Template),
    ("Write your first campaign", "campaigns_campaign_add", "campaigns.add_campaign", Campaign),
)


def first_steps(user: Any) -> list[Step]:
    """What a new house needs. A step that somebody else must take has no link."""
    return [
        Step(text, reverse(f"admin:{name}") if user.has_perm(permission) else "", model._default_manager.exists())
        for text, name, permission, model in FIRST_STEPS
    ]


def alerts(request: HttpRequest) -> list[Alert]:
    """What keeps mail from leaving or answers from coming back; each to those who can see to it."""
    found = []
    user = request.user
    if not Provider.objects.filter(state=Provider.State.ACTIVE).exists():
        may_add = user.has_perm("delivery.add_provider")
        text = "No active provider: no mail can leave."
        link = reverse("admin:delivery_provider_changelist") if may_add else ""
        found.append(Alert("error", text, link, "Set up a provider" if may_add else ""))
    if user.has_perm("delivery.view_provider") and not settings.BOUNCE_DOMAIN:
        text = "BOUNCE_DOMAIN is not set: bounces go to the From address of each campaign and are not counted."
        found.append(Alert("warning", text))
    if user.has_perm("delivery.view_alert"):
        found += told_alerts()
    if user.has_perm("campaigns.view_campaign"):
        found += campaign_alerts()
    return found


def told_alerts() -> list[Alert]:
    """What operators were told in the last days, the newest of each key; tests are no trouble."""
    newest = (
        models.Alert.objects.filter(created_at__gte=timezone.now() - TOLD_DAYS)
        .exclude(key=TEST_KEY)
        .order_by("key", "-id")
        .distinct("key")
    )
    shown = sorted(newest, key=lambda alert: -alert.pk)[:5]
    return [
        Alert(
            "warning",
            f"{date_format(timezone.localtime(alert.created_at), 'j M, H:i')}: {alert.subject}.",
            reverse("admin:delivery_alert_change", args=[alert.pk]),
            "Read",
        )
        for alert in shown
    ]


def campaign_alerts() -> list[Alert]:
    """Drafts whose last launch failed, and campaigns with dead letters or unknown e-mails of the last days."""
    recent = Campaign.objects.filter(updated_at__gte=timezone.now() - dt.timedelta(days=7)).defer("body", "text")
    found = []
    for campaign in recent.order_by("-id")[:20]:
        link = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
        if campaign.state == State.DRAFT and campaign.state_reason:
            text = f"“{campaign.name}” could not be launched: {campaign.state_reason}"
            found.append(Alert("error", text, link, "Open"))
        waiting = [f"{campaign.dead:,} dead letters"] if campaign.dead else []
        waiting += [f"{campaign.unknown:,} unknown e-mails"] if campaign.unknown else []
        if waiting:
            text = f"“{campaign.name}”: {' and '.join(waiting)} wait for somebody's decision."
            found.append(Alert("warning", text, link, "Open"))
    return found[:5]
