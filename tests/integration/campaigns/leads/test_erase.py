"""Erasing a person."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from campaigns import addresses
from campaigns.leads import erase
from campaigns.models import Lead, ListMembership, MailingList, Suppression
from delivery.partitions import ensure_email_partition

pytestmark = pytest.mark.django_db


def test_the_lead_and_its_memberships_go() -> None:
    lead = Lead.objects.create(email="ann@example.com")
    ListMembership.objects.create(mailing_list=MailingList.objects.create(name="News"), lead=lead)
    assert erase.erase_lead(lead.pk)
    assert not Lead.objects.exists()
    assert not ListMembership.objects.exists()
    assert not Suppression.objects.exists()
    assert not erase.erase_lead(lead.pk)


def test_the_ledger_keeps_what_happened_and_forgets_who_it_was() -> None:
    ann, bob = (Lead.objects.create(email=f"{name}@example.com") for name in ("ann", "bob"))
    with transaction.atomic():
        ensure_email_partition(7)
    with connection.cursor() as cursor:
        for lead, status, reply in (
            (ann, "bounced_hard", "550 ann@example.com unknown"), (bob, "sent", "250 bob@example.com ok"),
        ):  # fmt: skip
            cursor.execute(
                "INSERT INTO delivery_email (campaign_id, lead_id, at, attempt, tries, variant, status, code, reply, "
                "address_hash, esp_message_id) VALUES (7, %s, now(), 1, 1, 0, %s, 550, %s, %s, 'esp-1')",
                [lead.pk, status, reply, addresses.address_hash(lead.email)],
            )
        cursor.execute(
            "INSERT INTO delivery_email (campaign_id, lead_id, at, attempt, tries, variant, status, reply) "
            "VALUES (8, %s, now(), 1, 0, 0, 'skipped', 'unsubscribed')",
            [ann.pk],
        )
        erase.erase_lead(ann.pk)
        cursor.execute("SELECT * FROM delivery_email WHERE lead_id = %s ORDER BY campaign_id", [ann.pk])
        names = [column.name for column in cursor.description]
        bounced, skipped = (dict(zip(names, row, strict=True)) for row in cursor.fetchall())
        cursor.execute("SELECT reply FROM delivery_email WHERE lead_id = %s", [bob.pk])
        assert cursor.fetchone() == ("250 bob@example.com ok",)
    assert (bounced["status"], bounced["code"]) == ("bounced_hard", 550)
    assert (bounced["reply"], bounced["address_hash"], bounced["esp_message_id"]) == (None, None, None)
    assert (skipped["status"], skipped["reply"]) == ("skipped", "unsubscribed")


@pytest.mark.parametrize(
    ("status", "reason"),
    [("unsubscribed", "unsubscribe"), ("bounced", "hard_bounce"), ("complained", "complaint"), ("subscribed", None)],
)
def test_of_who_must_not_be_mailed_a_hash_stays(status, reason) -> None:
    lead = Lead.objects.create(email="ann@example.com", status=status)
    erase.erase_lead(lead.pk)
    kept = [(row.reason, row.value, bytes(row.digest)) for row in Suppression.objects.all()]
    assert kept == ([(reason, "", addresses.digest("ann@example.com"))] if reason else [])


def test_a_suppression_that_was_there_loses_its_address_and_keeps_its_reason() -> None:
    lead = Lead.objects.create(email="ann@example.com", status="unsubscribed")
    digest = addresses.digest(lead.email)
    Suppression.objects.create(kind="address", digest=digest, value=lead.email, reason="complaint")
    erase.erase_lead(lead.pk)
    row = Suppression.objects.get()
    assert (row.reason, row.value) == ("complaint", "")


def test_an_eraser_that_fails_keeps_everything(monkeypatch) -> None:
    lead = Lead.objects.create(email="ann@example.com")

    def fail(lead_id: int) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(erase, "_erasers", [fail])
    with pytest.raises(RuntimeError), transaction.atomic():
        erase.erase_lead(lead.pk)
    assert Lead.objects.filter(pk=lead.pk).exists()
