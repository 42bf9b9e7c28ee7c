"""What delivery has to say before a campaign is launched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from campaigns.addresses import domain_of
from campaigns.content import Problem
from campaigns.models import Campaign
from delivery import domains
from delivery.dns_check import REPORT_DAYS
from delivery.models import Pool, PoolMember, Provider, SendingDomain


def check_provider(campaign: Campaign) -> Iterator[Problem]:
    """A warning when nothing could leave now: the campaign would wait until a provider is there."""
    if not _ways_out(campaign):
        message = "there is no active provider to send by yet: add one under Providers, or the campaign will wait"
        yield Problem("warning", "no-provider", message, "delivery")


def check_sending_domain(campaign: Campaign) -> Iterator[Problem]:
    """Warnings when receivers may doubt that the mail is ours, or nothing is sent from the domain just now."""
    if "@" not in campaign.from_email:
        return
    domain = domains.find(campaign.from_email)
    if domain is None:
        name = domain_of(campaign.from_email)
        message = f"{name} is not among the sending domains: its mail leaves without a DKIM signature of ours"
        yield Problem("warning", "no-sending-domain", message, "delivery")
        return
    for code, message in _doubts(domain, _ways_out(campaign)):
        yield Problem("warning", code, message, "delivery")


def _doubts(domain: SendingDomain, kinds: set[str]) -> Iterator[tuple[str, str]]:
    now = timezone.now()
    if domain.paused_until and domain.paused_until > now:
        until = timezone.localtime(domain.paused_until)
        yield "domain-paused", f"{domain} is paused until {until:%d %b %Y, %H:%M}: {domain.pause_reason}"
    # ESPs sign by themselves
    if not domain.is_signing and kinds & {Provider.Kind.SMTP}:
        yield "domain-unsigned", f"{domain} does not sign with DKIM: large receivers refuse unsigned bulk mail"
    if domain.dns_checked_at is None:
        yield "dns-unchecked", f"the DNS records of {domain} were never checked: do so under Sending domains"
    elif domain.dns_checked_at < now - timedelta(days=REPORT_DAYS):
        yield "dns-unchecked", f"the DNS records of {domain} were last checked more than {REPORT_DAYS} days ago"
    if domain.dns_report.get("state") == "error":
        yield "dns-error", f"the last DNS check of {domain} found errors: see Sending domains"


def _ways_out(campaign: Campaign) -> set[str]:
    """Kinds of the active providers that the campaign can leave by."""
    members = PoolMember.objects.filter(provider__state=Provider.State.ACTIVE)
    pool_id = domains.pool_for(campaign)
    if pool_id is not None:
        members = members.filter(pool_id=pool_id)
    else:
        members = members.filter(pool__is_default=True, pool__stream=Pool.Stream.MARKETING)
    return set(members.values_list("provider__kind", flat=True))
