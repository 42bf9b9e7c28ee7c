"""Rows of the reports' long tables as HTML.

Written as templates, fifty rows took longer than all the rest of their page: each value was looked up, put into the
reader's time zone and escaped by itself, each address put together anew. Whatever others have written passes `escape`
here: no template does it for them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from html import escape
from urllib.parse import quote

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import get_current_timezone

from campaigns.templatetags.humanise import minute, moment, short_moment
from tracking.reports import BreakdownRow, CampaignReport, DeliverabilityRow, LinkReport, Rate, Recipient, SenderLead
from tracking.templatetags.rates import rate_cell, rate_cells

register = template.Library()

NONE = "\u2013"
UNSUBSCRIBED = mark_safe(' <span class="mm-tag">unsubscribed</span>')
COMPLAINED = mark_safe(' <span class="mm-tag">complained</span>')
# stands for the id in an address that is put together once for all rows
PLACE = 2**60
# the counts of a breakdown by reason: the rates of one reason say nothing
REASON_COUNTS = (
    ("Delivered", "delivered"), ("Bounced", "bounced"), ("Failed", "failed"), ("Dead", "dead"),
    ("Try again", "deferred"), ("Skipped", "skipped"), ("Unknown", "unknown"),
)  # fmt: skip


@register.simple_tag
def campaign_rows(reports: Iterable[CampaignReport], with_choice: object = "") -> SafeString:
    """Campaigns with four of their rates; with_choice: a box in front of each."""
    address, zone = _addresses("tracking_report"), get_current_timezone()
    return _joined(_campaign_row(report, address(report.campaign_id), zone, bool(with_choice)) for report in reports)


def _campaign_row(report: CampaignReport, address: str, zone: dt.tzinfo, with_choice: bool) -> str:
    name, rates = escape(report.name), report.by_key
    launched = minute(report.launched_at.astimezone(zone)) if report.launched_at else ""
    return (
        f"<tr>{_choice(report.campaign_id, name) if with_choice else ''}"
        f'<td data-label="Campaign"><a class="mm-link" href="{address}">{name}</a></td>'
        f'<td data-label="Launched">{launched}</td>{_count("Audience", report.audience)}'
        f"{_rate('Delivered', rates['delivery'])}{_rate('Opened', rates['open'])}"
        f"{_rate('Clicked', rates['click'])}{_rate('Bounced', rates['bounce'])}</tr>"
    )


def _choice(campaign_id: int, name: str) -> str:
    box = f'<input type="checkbox" name="c" value="{campaign_id}" aria-label="Compare {name}">'
    return f'<td data-label="Compare">{box}</td>'


def _rate(label: str, rate: Rate) -> str:
    return f'<td data-label="{label}" class="mm-number">{rate_cell(rate)}</td>'


@register.simple_tag
def recipient_rows(rows: Iterable[tuple[Recipient, SafeString, str]], may_see_addresses: bool) -> SafeString:
    """Leads of a campaign: each with its status as a label and its provider's name."""
    address, zone = _addresses("tracking_timeline"), get_current_timezone()
    return _joined(
        '<tr><td data-label="Lead">'
        + (_lead(found, address(found.lead_id)) if may_see_addresses else f"Lead {found.lead_id}")
        + f'</td><td data-label="Status"><span>{label}</span></td>'
        f'<td data-label="When">{moment(found.at.astimezone(zone))}</td>'
        f'<td data-label="Provider" class="mm-nowrap">{escape(provider) or NONE}</td>'
        f'<td data-label="Reason">{_why(found)}</td>'
        f'<td data-label="Opened">{_day(found.opened_at, zone)}</td>'
        f'<td data-label="Clicked">{_day(found.clicked_at, zone)}</td></tr>'
        for found, label, provider in rows
    )


def _lead(found: Recipient, address: str) -> str:
    if not found.address:
        return f'<a class="mm-link" href="{address}">Lead {found.lead_id}, erased</a>'
    name = escape(found.address)
    return f'<a class="mm-link mm-ellipsis" title="{name}" href="{address}">{name}</a>'


def _why(found: Recipient) -> str:
    """The codes, the words, and what the lead did about it."""
    code = "" if found.code is None else found.code
    gone = UNSUBSCRIBED if found.unsubscribed_at else ""
    return (
        f"{code} {escape(found.enhanced or '')} {escape(found.reason)}{gone}{COMPLAINED if found.complained_at else ''}"
    )


def _day(at: dt.datetime | None, zone: dt.tzinfo) -> str:
    return short_moment(at.astimezone(zone)) if at else NONE


@register.simple_tag
def link_rows(links: Iterable[LinkReport]) -> SafeString:
    """Links of a campaign with the people who clicked them, and all clicks apart by who made them."""
    return _joined(
        f'<tr><td data-label="Link">{f"<strong>{escape(link.label)}</strong><br>" if link.label else ""}'
        f'<span class="text-subtle">{escape(link.url)}</span></td>{_count("People", link.leads)}'
        f"{_count('Their clicks', link.clicks.human)}{_count('Machines', link.clicks.machine)}"
        f"{_count('Unsure', link.clicks.unsure)}</tr>"
        for link in links
    )


@register.simple_tag
def sender_lead_rows(leads: Iterable[SenderLead]) -> SafeString:
    """Leads, each with the number of campaigns that reached it."""
    address = _addresses("tracking_timeline")
    return _joined(
        f'<tr><td data-label="Lead"><a class="mm-link" href="{address(lead.lead_id)}">'
        f"{escape(lead.address) or f'Lead {lead.lead_id}, erased'}</a></td>{_count('Campaigns', lead.campaigns)}</tr>"
        for lead in leads
    )


@register.simple_tag
def breakdown_rows(rows: Iterable[BreakdownRow], name: str, dimension: str, leads_url: str) -> SafeString:
    """Values of a dimension; leads_url: where the leads of a value are listed, or empty."""
    make, head = _reason_cells if dimension == "reason" else _rate_and_event_cells, escape(name)
    return _joined(
        f'<tr><td data-label="{head}" class="mm-nowrap">{_value(row, leads_url)}</td>'
        f"{_count('Leads', row.leads)}{make(row)}</tr>"
        for row in rows
    )


def _value(row: BreakdownRow, leads_url: str) -> str:
    label = escape(row.label)
    return f'<a class="mm-link" href="{leads_url}{quote(row.value)}">{label}</a>' if leads_url and row.value else label


def _reason_cells(row: BreakdownRow) -> str:
    return "".join(_count(label, getattr(row.totals, name)) for label, name in REASON_COUNTS)


def _rate_and_event_cells(row: BreakdownRow) -> str:
    return f"{rate_cells(row.totals)}{_count('Machine opens', row.opens.machine)}{_count('Unsure', row.opens.unsure)}"


@register.simple_tag
def deliverability_rows(rows: Iterable[DeliverabilityRow], name: str) -> SafeString:
    """Domains, groups or providers over several campaigns."""
    head = escape(name)
    return _joined(
        f'<tr><td data-label="{head}" class="mm-nowrap">{escape(row.label)}</td>{_count("Campaigns", row.campaigns)}'
        f"{rate_cells(row.totals)}{_count('Try again', row.totals.deferred)}"
        f"{_count('Failed, dead', row.failed_or_dead)}</tr>"
        for row in rows
    )


@register.simple_tag
def timeline_lines(lines: Iterable[tuple[str, str, str, str, str, str, dt.datetime]]) -> SafeString:
    """(icon, title, who, link, its text, detail, time) of what happened."""
    zone = get_current_timezone()
    return _joined(
        f'<li><span class="material-symbols-outlined" aria-hidden="true">{icon}</span>'
        f'<div><strong class="text-important">{escape(title)}</strong>'
        + (f' <span class="mm-tag">{escape(who)}</span>' if who else "")
        + (f' <a class="mm-link" href="{escape(link)}">{escape(text)}</a>' if link else f" {escape(text)}")
        + (f'<br><span class="text-subtle">{escape(detail)}</span>' if detail else "")
        + f"</div>{moment(at.astimezone(zone))}</li>"
        for icon, title, who, link, text, detail, at in lines
    )


def _count(label: str, count: int) -> str:
    return f'<td data-label="{label}" class="mm-number">{count:,}</td>'


def _addresses(name: str) -> Callable[[int], str]:
    """What gives the address of an id: asked of Django once, not for each row."""
    before, after = reverse(name, args=[PLACE]).split(str(PLACE))
    return lambda pk: f"{before}{pk}{after}"


def _joined(pieces: Iterable[str]) -> SafeString:
    return mark_safe("".join(pieces))  # noqa: S308 (numbers, texts of ours, and others' texts escaped)
