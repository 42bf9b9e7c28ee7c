"""Mailbox groups of domains that the static table does not know, by who takes their mail.

Domains are noted when leads come in and looked up later, away from imports: without DNS they stay "other", and nothing
else happens.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from campaigns import addresses, mail_sql
from campaigns.alone import alone
from campaigns.mail_hosts import group_of_hosts
from campaigns.mail_resolver import Answer, DnsResolver, Resolver
from campaigns.models import Lead, MailDomain

logger = logging.getLogger(__name__)

DOMAINS_A_RUN = 200
LOOKUPS_AT_ONCE = 20
KEPT = dt.timedelta(days=30)
FAILURE_KEPT = dt.timedelta(days=1)
# leads that one statement changes: it holds their locks for a second
LEADS_A_STATEMENT = 5_000
# of the advisory lock that lets one runner in
LOCK = 7204813


def due(now: dt.datetime | None = None) -> QuerySet[MailDomain]:
    """Domains to ask about, those that nobody has looked at first. Reads all domains: 40 ms for 50,000 of them."""
    now = now or timezone.now()
    old = Q(error="", checked_at__lt=now - KEPT) | Q(checked_at__lt=now - FAILURE_KEPT) & ~Q(error="")
    found = MailDomain.objects.filter(Q(checked_at__isnull=True) | old)
    return found.order_by(F("checked_at").asc(nulls_first=True), "domain")


def resolve_due(resolver: Resolver | None = None, *, limit: int = DOMAINS_A_RUN) -> int:
    """Look up at most `limit` domains and give their leads the right group; how many domains were asked about.

    0 also where another runner is at it, or where DNS is away: then nothing changes, and a later run tries again.
    Twice is harmless: answers replace each other, and a lead that has its group is not written again.
    """
    with alone(LOCK) as is_alone:
        return _resolve(resolver, limit) if is_alone else 0


def _resolve(resolver: Resolver | None, limit: int) -> int:
    domains = list(due().values_list("domain", flat=True)[:limit])
    if not domains:
        return 0
    answers = asyncio.run(_look_up(domains, resolver or DnsResolver()))
    if answers is None:
        logger.info("DNS does not answer: %s domains keep their mailbox group for now", len(domains))
        return 0
    groups = _save(answers)
    changed = regroup(groups)
    logger.info("looked up %s domains, %s leads have another mailbox group", len(domains), changed)
    return len(domains)


async def _look_up(domains: Sequence[str], resolver: Resolver) -> dict[str, Answer] | None:
    """Answers by domain; None while DNS is away."""
    if not await resolver.is_there():
        return None
    places = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    async def ask(domain: str) -> Answer:
        async with places:
            return await resolver.exchanges(domain)

    return dict(zip(domains, await asyncio.gather(*map(ask, domains)), strict=True))


def _save(answers: Mapping[str, Answer]) -> dict[str, str]:
    """Keep the answers; groups by domain of those that DNS knew."""
    found = {domain: group_of_hosts(answer.hosts) for domain, answer in answers.items()}
    parameters = {
        "domains": list(answers),
        "groups": [found[domain][0] for domain in answers],
        "hosts": [found[domain][1][:253] for domain in answers],
        "errors": [answer.error for answer in answers.values()],
    }
    with connection.cursor() as cursor:
        cursor.execute(mail_sql.SAVE_ANSWERS, parameters)
    return {domain: found[domain][0] for domain, answer in answers.items() if not answer.error}


def regroup(groups: Mapping[str, str]) -> int:
    """Give leads of these domains their group; how many changed. Commits every LEADS_A_STATEMENT leads."""
    if not groups:
        return 0
    parameters: dict[str, Any] = {"domains": list(groups), "groups": list(groups.values())}
    changed = 0
    with closing(connection.chunked_cursor()) as leads, connection.cursor() as cursor:
        leads.execute(mail_sql.LEADS_OF_DOMAINS, parameters)
        while rows := leads.fetchmany(LEADS_A_STATEMENT):
            cursor.execute(mail_sql.REGROUP, {**parameters, "leads": [row[0] for row in rows]})
            changed += cursor.rowcount
    return changed


def note_staged(since: dt.datetime) -> None:
    """Note the domains of an import that is committed, from its staging table. since: before its merge began."""
    with connection.cursor() as cursor:
        cursor.execute(mail_sql.NOTE_STAGED, {"since": since})


def note_all() -> int:
    """Note the domains of all leads; how many were new."""
    with connection.cursor() as cursor:
        cursor.execute(mail_sql.NOTE_ALL)
        return cursor.rowcount


def settle_lead(lead: Lead) -> None:
    """Give one lead that a person saved the group of its domain, and note a domain that is new."""
    domain = addresses.domain_of(lead.email)
    if domain in addresses.GROUP_BY_DOMAIN:
        return
    known, _ = MailDomain.objects.get_or_create(domain=domain)
    Lead.objects.filter(pk=lead.pk).exclude(mailbox_group=known.mailbox_group).update(mailbox_group=known.mailbox_group)
