"""Erasing a person, as the law asks: the lead goes, and so does what other parts keep about it."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import Q

from campaigns import addresses
from campaigns.leads import person as people
from campaigns.leads.person import Person
from campaigns.models import Lead, Suppression, SuppressionRelease

_erasers: list[Callable[[int], None]] = []


def register_eraser(eraser: Callable[[int], None]) -> None:
    """Add what a layer above keeps about leads: called with the lead's id, in the transaction, before it is deleted.

    Call it in AppConfig.ready(); the same function is added once.
    """
    if eraser not in _erasers:
        _erasers.append(eraser)


def erase_lead(lead_id: int) -> bool:
    """Delete a lead and scrub what is kept about it, all of it or nothing. False when there is no such lead.

    Allowed at any moment, also while a campaign sends: what was not sent yet is skipped with the reason "erased".
    Of a person who must not be mailed a hash of the address stays, or the next import would mail them again.
    """
    with transaction.atomic():
        lead = Lead.objects.select_for_update().filter(pk=lead_id).first()
        if lead is None:
            return False
        for eraser in _erasers:
            eraser(lead_id)
        _suppress_who_must_not_be_mailed(lead)
        _forget(Person(lead.pk, lead.email))
        lead.delete()
    return True


def erase_person(address: str) -> bool:
    """Erase whoever has this address. False where there was no lead; what else is kept about it goes all the same.

    Raises addresses.AddressInvalid.
    """
    normalised = addresses.normalise(address)
    lead_id = Lead.objects.filter(email=normalised).values_list("pk", flat=True).first()
    if lead_id is not None and erase_lead(lead_id):
        return True
    with transaction.atomic():
        _forget(Person(0, normalised))
    return False


def _forget(person: Person) -> None:
    """What is kept by address: of a suppression only its hash stays."""
    for eraser in people.erasers():
        eraser(person)
    Suppression.objects.filter(digest=person.digest).update(value="")
    SuppressionRelease.objects.filter(digest=person.digest).update(value="")
    _scrub_log(person)


def _scrub_log(person: Person) -> None:
    """The log of changes keeps numbers only: an erased address must not live on in it."""
    by_name = Q(object_repr=person.address)
    of_lead = Q(content_type__app_label="campaigns", content_type__model="lead", object_id=str(person.lead_id))
    LogEntry.objects.filter(of_lead).update(object_repr=f"erased lead {person.lead_id}")
    LogEntry.objects.filter(by_name).update(object_repr="an erased person")


def _suppress_who_must_not_be_mailed(lead: Lead) -> None:
    reason = _REASONS.get(Lead.Status(lead.status))
    if reason:
        Suppression.objects.get_or_create(
            kind=Suppression.Kind.ADDRESS,
            digest=addresses.digest(lead.email),
            defaults={"reason": reason, "source": "erased lead"},
        )


_REASONS = {
    Lead.Status.UNSUBSCRIBED: Suppression.Reason.UNSUBSCRIBE,
    Lead.Status.BOUNCED: Suppression.Reason.HARD_BOUNCE,
    Lead.Status.COMPLAINED: Suppression.Reason.COMPLAINT,
}
