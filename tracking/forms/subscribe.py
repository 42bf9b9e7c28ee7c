"""From a form that was sent to a pending membership and a confirmation e-mail, or to a subscription."""

from __future__ import annotations

import datetime as dt
import logging

from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Now
from django.utils import timezone

from campaigns import addresses, mail_domains
from campaigns.models import Consent, Lead, ListMembership, SubscriptionForm, Suppression
from campaigns.suppression.release import forbids, release_own
from tracking.forms import mail
from tracking.forms.submission import Submission
from tracking.preferences import join

log = logging.getLogger(__name__)

# who does not find the e-mail may ask again, but a form must not be a way to flood a stranger's mailbox
WAIT_BETWEEN_MAILS = dt.timedelta(minutes=5)
MAILS_A_DAY = 4
STOPPED = (Suppression.Reason.HARD_BOUNCE, Suppression.Reason.COMPLAINT, Suppression.Reason.MANUAL)
PLAIN = ("first_name", "last_name", "language")


def subscribe(form: SubscriptionForm, submission: Submission, *, network: str) -> None:
    """Do what the form asks, or ask its owner by e-mail first. Says nothing: the answer is the same for everybody.

    A new address is a lead whom nothing is sent until it confirms. Whoever left, or whose mail we know nothing good of,
    is never subscribed by a form alone.
    """
    if _is_stopped(submission.email):
        log.info("form %s: the address is suppressed, nothing is done", form.pk)
        return
    with transaction.atomic():
        lead, is_new = _lead(submission)
        consent = _open_consent(form, lead, submission, network)
        if (
            not form.double_opt_in
            and (is_new or lead.status == Lead.Status.SUBSCRIBED)
            and not _left_any(lead, consent)
        ):
            fulfil(consent, lead, network=network, overwrite=is_new)
            return
        _wait_on_lists(lead, consent.list_ids)
        _send_confirmation(form, consent, lead)


def confirm(consent_id: int, *, network: str) -> Consent | None:
    """Subscribe who followed the link; again changes nothing. None where the consent is gone: erased, or forgotten."""
    with transaction.atomic():
        found = Consent.objects.filter(pk=consent_id).select_related("form").first()
        lead = Lead.objects.select_for_update().filter(pk=found.lead_id).first() if found else None
        consent = Consent.objects.select_for_update(of=["self"]).filter(pk=consent_id).first() if lead else None
        if consent is None or lead is None:
            return None
        if consent.confirmed_at is None:
            fulfil(consent, lead, network=network, overwrite=True)
        return consent


def fulfil(consent: Consent, lead: Lead, *, network: str, overwrite: bool) -> None:
    """The person wants it: memberships, answers, topics, status. A bounce or complaint of before stays what it is.

    overwrite: answers replace what is known; otherwise they fill what is empty, as a stranger might have typed them.
    """
    release_own(lead.email, by="the person themselves", why=f"subscribed by the form {consent.form_name}")
    join(lead, consent.list_ids)
    if lead.status in (Lead.Status.PENDING, Lead.Status.UNSUBSCRIBED):
        lead.status = Lead.Status.SUBSCRIBED
    for field, text in consent.answers.items():
        _set(lead, field, text, overwrite)
    lead.declined_topics = sorted(set(lead.declined_topics) | set(consent.declined_topics))
    lead.save(update_fields=["status", *PLAIN, "attributes", "declined_topics"])
    Lead.objects.filter(pk=lead.pk).update(updated_at=Now())
    consent.confirmed_at, consent.confirmed_network = timezone.now(), network
    consent.save(update_fields=["confirmed_at", "confirmed_network"])


def _is_stopped(address: str) -> bool:
    """Mail to it bounced, was called spam, or was stopped by hand: neither an e-mail nor a form changes that."""
    bad = Lead.objects.filter(email=address, status__in=(Lead.Status.BOUNCED, Lead.Status.COMPLAINED))
    return forbids(address) in STOPPED or bad.exists()


def _lead(submission: Submission) -> tuple[Lead, bool]:
    """The lead of this address, locked, and whether it is new."""
    made = Lead(
        email=submission.email,
        status=Lead.Status.PENDING,
        mailbox_group=addresses.mailbox_group(submission.email),
    )
    Lead.objects.bulk_create([made], ignore_conflicts=True)
    lead = Lead.objects.select_for_update().get(email=submission.email)
    is_new = lead.status == Lead.Status.PENDING and not lead.consents.exists()
    if is_new:
        mail_domains.settle_lead(lead)
    return lead, is_new


def _open_consent(form: SubscriptionForm, lead: Lead, submission: Submission, network: str) -> Consent:
    """The consent that waits for this person's confirmation: one a form, however often it is sent."""
    now = timezone.now()
    fields = {
        "form_name": form.name,
        "wording": form.wording,
        "wording_version": form.wording_version,
        "list_ids": submission.list_ids,
        "declined_topics": submission.declined_topics,
        "answers": submission.answers,
        "network": network,
        "asked_at": now,
    }
    waiting = lead.consents.filter(form=form, confirmed_at__isnull=True, expires_at__gt=now).first()
    if waiting is None:
        return Consent.objects.create(
            lead=lead, form=form, expires_at=now + dt.timedelta(hours=form.expiry_hours), **fields
        )
    for name, value in fields.items():
        setattr(waiting, name, value)
    waiting.save()
    return waiting


def _left_any(lead: Lead, consent: Consent) -> bool:
    left = lead.memberships.filter(mailing_list_id__in=consent.list_ids, status=ListMembership.Status.UNSUBSCRIBED)
    digest = addresses.digest(lead.email)
    return left.exists() or Suppression.objects.filter(digest=digest).exists()


def _wait_on_lists(lead: Lead, list_ids: list[int]) -> None:
    """Pending where there was nothing: whoever is on the list stays on it, and whoever left has left it."""
    pending = ListMembership.Status.UNCONFIRMED
    ListMembership.objects.bulk_create(
        [ListMembership(mailing_list_id=pk, lead=lead, status=pending) for pk in list_ids], ignore_conflicts=True
    )


def _send_confirmation(form: SubscriptionForm, consent: Consent, lead: Lead) -> None:
    now = timezone.now()
    recent = lead.consents.filter(last_mail_at__gt=now - dt.timedelta(days=1))
    sent = recent.aggregate(mails=Sum("mails"))["mails"] or 0
    if sent >= MAILS_A_DAY or recent.filter(last_mail_at__gt=now - WAIT_BETWEEN_MAILS, form=form).exists():
        log.info("form %s: consent %s waits for the e-mail that was sent before", form.pk, consent.pk)
        return
    Consent.objects.filter(pk=consent.pk).update(mails=consent.mails + 1, last_mail_at=now)
    mail.send(form, consent, lead.email)


def _set(lead: Lead, field: str, text: str, overwrite: bool) -> None:
    if field.startswith("attributes."):
        name = field.removeprefix("attributes.")
        if overwrite or not lead.attributes.get(name):
            lead.attributes[name] = text
    elif field in PLAIN and (overwrite or not getattr(lead, field)):
        setattr(lead, field, text)
