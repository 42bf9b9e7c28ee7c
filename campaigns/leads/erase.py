"""Erasing a person, as the law asks: the lead goes, and so does what other parts keep about it."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from campaigns import addresses
from campaigns.models import Lead, Suppression

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
        _keep_only_the_hash(lead)
        lead.delete()
    return True


def _keep_only_the_hash(lead: Lead) -> None:
    digest = addresses.digest(lead.email)
    reason = _REASONS.get(Lead.Status(lead.status))
    if reason:
        Suppression.objects.get_or_create(
            kind=Suppression.Kind.ADDRESS, digest=digest, defaults={"reason": reason, "source": "erased lead"}
        )
    Suppression.objects.filter(digest=digest, kind=Suppression.Kind.ADDRESS).update(value="")


_REASONS = {
    Lead.Status.UNSUBSCRIBED: Suppression.Reason.UNSUBSCRIBE,
    Lead.Status.BOUNCED: Suppression.Reason.HARD_BOUNCE,
    Lead.Status.COMPLAINED: Suppression.Reason.COMPLAINT,
}
