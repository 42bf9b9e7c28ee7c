"""Taking something off the suppression list. That it was, by whom and why, stays."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from campaigns import addresses
from campaigns.models import Lead, Suppression, SuppressionRelease
from campaigns.suppression.add import RANKS, STATUS_BY_REASON

Reason = Suppression.Reason
# releasing these wants a second yes: mailing such addresses is what a sender's name is ruined by
DELICATE = (Reason.HARD_BOUNCE, Reason.COMPLAINT)


def release(suppression_id: int, *, by: str, why: str, and_unsubscribe: bool = False) -> bool:
    """Take one entry off the list; False where it is gone already.

    A person who had unsubscribed before the stronger reason came stays unsubscribed, unless `and_unsubscribe`.
    The lead gets mail again where its status came with this reason and nothing else forbids it.
    """
    with transaction.atomic():
        row = Suppression.objects.select_for_update().filter(pk=suppression_id).first()
        if row is None:
            return False
        SuppressionRelease.objects.create(
            kind=row.kind, digest=row.digest, value=row.value, reason=row.reason, source=row.source,
            suppressed_at=row.created_at, released_by=by[:150], why=why[:300],
        )  # fmt: skip
        stays_away = row.unsubscribed_at is not None and row.reason != Reason.UNSUBSCRIBE and not and_unsubscribe
        if stays_away:
            Suppression.objects.filter(pk=row.pk).update(reason=Reason.UNSUBSCRIBE, source="unsubscribed before")
        else:
            row.delete()
        _restore_lead(row, Lead.Status.UNSUBSCRIBED if stays_away else Lead.Status.SUBSCRIBED)
    return True


def release_own(address: str, *, by: str, why: str) -> bool:
    """Undo what the person did, never what a bounce, a complaint or an operator did. True when anything changed."""
    rows = Suppression.objects.filter(digest=addresses.digest(address), kind=Suppression.Kind.ADDRESS)
    own = rows.filter(reason=Reason.UNSUBSCRIBE).first()
    if own is not None:
        return release(own.pk, by=by, why=why)
    rows.filter(unsubscribed_at__isnull=False).update(unsubscribed_at=None)
    return False


def forbids(address: str) -> str:
    """Why this address may not be mailed for another reason than the person's own wish; "" where nothing does."""
    digests = [addresses.digest(address), addresses.digest(addresses.domain_of(address))]
    found = Suppression.objects.filter(digest__in=digests).exclude(reason=Reason.UNSUBSCRIBE)
    # the strongest of them: the address, its hash and its domain may stand there for different reasons
    return max(found.values_list("reason", flat=True), key=lambda reason: RANKS.index(Reason(reason)), default="")


def _restore_lead(row: Suppression, status: Lead.Status) -> None:
    """By address alone, as when it was suppressed; not while another entry speaks of the same address."""
    if row.kind != Suppression.Kind.ADDRESS or not row.value:
        return
    others = Suppression.objects.filter(digest=row.digest).exclude(pk=row.pk)
    came_with = STATUS_BY_REASON[Reason(row.reason)]
    if not others.exists():
        Lead.objects.filter(email=row.value, status=came_with).update(status=status, updated_at=Now())
