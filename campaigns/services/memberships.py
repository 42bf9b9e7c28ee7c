"""Who stands on a list, changed by a program: up to a thousand people at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Now

from campaigns import addresses
from campaigns.models import Lead, ListMembership, MailingList

Status = ListMembership.Status


@dataclass(frozen=True, slots=True)
class MemberResult:
    """What became of one person. result: "added", "already", "left" (unsubscribed before, and stays away),
    "removed", "absent" (was not on the list), "unknown" (there is no such lead).

    named: the address or the id as the caller wrote it.
    """

    named: str | int
    result: str
    lead_id: int | None = None


def add_members(mailing_list: MailingList, people: Iterable[str | int]) -> list[MemberResult]:
    """Subscribe leads, named by address or id. Who has left the list does not come back by this."""
    with transaction.atomic():
        found = _find(people)
        leads = {lead_id for lead_id in found.values() if lead_id is not None}
        before = _statuses(mailing_list, leads)
        new = sorted(leads - set(before))
        ListMembership.objects.bulk_create(
            [ListMembership(mailing_list=mailing_list, lead_id=lead_id) for lead_id in new], ignore_conflicts=True
        )

    def word(lead_id: int) -> str:
        if lead_id not in before:
            return "added"
        return "left" if before[lead_id] == Status.UNSUBSCRIBED else "already"

    return _results(found, word)


def remove_members(mailing_list: MailingList, people: Iterable[str | int], *, forget: bool) -> list[MemberResult]:
    """Unsubscribe leads from this list, so that no import brings them back; `forget` only takes them off it."""
    with transaction.atomic():
        found = _find(people)
        leads = {lead_id for lead_id in found.values() if lead_id is not None}
        before = _statuses(mailing_list, leads)
        rows = ListMembership.objects.filter(mailing_list=mailing_list, lead_id__in=sorted(before))
        if forget:
            rows.delete()
        else:
            rows.exclude(status=Status.UNSUBSCRIBED).update(status=Status.UNSUBSCRIBED, changed_at=Now())
    return _results(found, lambda lead_id: "removed" if lead_id in before else "absent")


def _find(people: Iterable[str | int]) -> dict[str | int, int | None]:
    """The lead of each name, None where there is none."""
    names = list(dict.fromkeys(people))
    ids = [name for name in names if isinstance(name, int)]
    by_address = {name: _normalised(name) for name in names if isinstance(name, str)}
    known_ids = set(Lead.objects.filter(pk__in=ids).values_list("pk", flat=True))
    wanted = [address for address in by_address.values() if address]
    known = dict(Lead.objects.filter(email__in=wanted).values_list("email", "pk"))
    return {
        name: (name if name in known_ids else None) if isinstance(name, int) else known.get(by_address[name])
        for name in names
    }


def _normalised(text: str) -> str:
    try:
        return addresses.normalise(text)
    except addresses.AddressInvalid:
        return ""


def _statuses(mailing_list: MailingList, leads: set[int]) -> dict[int, str]:
    """Status by lead, locked in the order of the leads."""
    rows = ListMembership.objects.filter(mailing_list=mailing_list, lead_id__in=leads)
    return dict(rows.order_by("lead_id").select_for_update().values_list("lead_id", "status"))


def _results(found: dict[str | int, int | None], word: Callable[[int], str]) -> list[MemberResult]:
    return [
        MemberResult(name, "unknown" if lead_id is None else word(lead_id), lead_id) for name, lead_id in found.items()
    ]
