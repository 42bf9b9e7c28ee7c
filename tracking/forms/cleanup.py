"""Forgetting who never confirmed: an address that nobody vouched for is not ours to keep."""

from __future__ import annotations

import datetime as dt
import logging

from django.db import transaction
from django.utils import timezone

from campaigns.leads.erase import erase_lead
from campaigns.models import Consent, Lead, ListMembership

log = logging.getLogger(__name__)

# whoever clicks an old link reads that it is over, and is offered the form again
KEPT_AFTER = dt.timedelta(days=7)
A_RUN = 500
Status = ListMembership.Status


def forget_unconfirmed() -> int:
    """Delete consents that ran out a week ago, and the leads that came with them and nothing else; how many consents.

    Twice at once is harmless: each lead is locked and looked at again.
    """
    old = Consent.objects.filter(confirmed_at__isnull=True, expires_at__lt=timezone.now() - KEPT_AFTER)
    rows = list(old.order_by("expires_at").values_list("pk", "lead_id")[:A_RUN])
    for consent_id, lead_id in rows:
        _forget(consent_id, lead_id)
    if rows:
        log.info("%s subscriptions were never confirmed and are forgotten", len(rows))
    return len(rows)


def _forget(consent_id: int, lead_id: int) -> None:
    with transaction.atomic():
        lead = Lead.objects.select_for_update().filter(pk=lead_id).first()
        Consent.objects.filter(pk=consent_id, confirmed_at__isnull=True).delete()
        if lead is None or lead.consents.filter(confirmed_at__isnull=True).exists():
            return
        lead.memberships.filter(status=Status.UNCONFIRMED).delete()
        if lead.status == Lead.Status.PENDING and not lead.memberships.exists():
            erase_lead(lead.pk)
