"""The DNS check of a sending domain: gather what stands here, ask, keep the report, put confirmed keys to use."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

import dns.asyncresolver
from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from campaigns import crypto
from delivery import domain_keys
from delivery.engine.dkim_keys import KeyUnusable
from delivery.engine.dns.authentication import dkim_name
from delivery.engine.dns.check import check, worst
from delivery.engine.dns.facts import DomainFacts, PublishedKey, SmtpSender
from delivery.engine.dns.line import Line
from delivery.models import Provider, SendingDomain

# an older report says little of today
REPORT_DAYS = 30


def check_domain(*, domain_id: int, resolver: dns.asyncresolver.Resolver | None = None) -> dict[str, Any]:
    """Ask DNS about a domain and keep the report, {"state": …, "lines": [Line as a dict], "confirmed": [selector]}.

    New keys whose records were found are signed with from now on. Takes eight seconds at the most; DNS being away is
    in the report. resolver: the machine's own where it is None.
    Raises SendingDomain.DoesNotExist.
    """
    domain = SendingDomain.objects.select_related("pool").get(pk=domain_id)
    facts, closed = facts_of(domain)
    lines = [*closed, *asyncio.run(check(facts, resolver))]
    confirmed = _confirmed(facts, lines, domain.dns_report.get("confirmed", []))
    report = {"state": worst(lines), "lines": [asdict(line) for line in lines], "confirmed": confirmed}
    SendingDomain.objects.filter(pk=domain_id).update(dns_report=report, dns_checked_at=Now())
    if not closed:
        domain_keys.promote(domain_id=domain_id, confirmed=confirmed)
    return report


def facts_of(domain: SendingDomain) -> tuple[DomainFacts, list[Line]]:
    """What to compare DNS with; and a line for keys that cannot be opened, which are left out then."""
    closed: list[Line] = []
    try:
        records = domain_keys.records(domain)
    except (crypto.SecretUnreadable, KeyUnusable) as error:
        records, closed = [], [Line("Keys", "error", f"The stored keys cannot be opened: {error}")]
    facts = DomainFacts(
        domain=domain.domain,
        bounce_domain=domain.bounce_domain or settings.BOUNCE_DOMAIN,
        is_signing=domain.is_signing,
        keys=tuple(PublishedKey(one.selector, one.name, one.value, one.is_next) for one in records),
        senders=tuple(_senders(domain)),
        tracking_host=urlsplit(settings.TRACKING_URL).hostname or "",
    )
    return facts, closed


def _senders(domain: SendingDomain) -> list[SmtpSender]:
    """The relays that mail of the domain leaves by; ESPs send from addresses and return paths of their own."""
    pool = Q(pools=domain.pool) if domain.pool else Q(pools__is_default=True)
    relays = Provider.objects.filter(pool, kind=Provider.Kind.SMTP, state=Provider.State.ACTIVE).distinct()
    return [SmtpSender(one.name, one.host, one.local_address or "") for one in relays]


def _confirmed(facts: DomainFacts, lines: list[Line], before: Collection[str]) -> list[str]:
    """Selectors whose record matches; what could not be asked now stays as it was last found."""
    states = {line.name: line.state for line in lines}
    found = {key.selector: states.get(dkim_name(key.selector)) for key in facts.keys}
    return [
        selector
        for selector, state in found.items()
        if state == "ok" or (state in ("unknown", None) and selector in before)
    ]
