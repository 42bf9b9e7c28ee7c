"""Messages that leave over real SMTP carry signatures which another implementation verifies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import pytest
from django.db import connection
from django.db.models.functions import Now

from bench.sink import Sink
from campaigns import crypto
from campaigns.models import Campaign
from delivery import domain_keys, launch, message_sender, runtime, send
from delivery.domain_keys import SigningImpossible
from delivery.domains import REREAD_SECONDS, DomainBook
from delivery.engine import rsa_library
from delivery.engine.rsa_eight import EightSigner
from delivery.models import Batch, Message, SendingDomain
from delivery.providers import add_provider
from delivery.transactional import queue_message
from tests.dkim_verifier import Verifier

MakeCampaign = Callable[..., Campaign]
TODAY = date(2026, 11, 26)


def signing(domain: str = "sender.example", *, with_ed25519: bool = False, **fields: object) -> SendingDomain:
    row = SendingDomain.objects.create(domain=domain, **fields)
    domain_keys.generate(domain_id=row.pk, today=TODAY, with_ed25519=with_ed25519)
    domain_keys.switch_signing(domain_id=row.pk, on=True, is_sure=True)
    row.refresh_from_db()
    return row


def verifier(row: SendingDomain) -> Verifier:
    """Knows the records of the keys that are in use now."""
    keys = row.keys
    pairs = ((row.dkim_selector, "rsa"), (row.ed25519_selector, "ed25519"))
    return Verifier({(selector, row.domain): keys[kind] for selector, kind in pairs if selector})


def batches(campaign: Campaign) -> list[int]:
    assert launch.launch_campaign(campaign_id=campaign.pk)
    return list(Batch.objects.filter(campaign=campaign).order_by("seq").values_list("pk", flat=True))


def verdicts(sink: Sink, row: SendingDomain) -> list[list[bool]]:
    check = verifier(row)
    return [check.verdicts(message.content) for message in sink.messages()]


def test_every_message_of_a_campaign_verifies_where_it_arrives(make_campaign: MakeCampaign, sink: Sink) -> None:
    row = signing(with_ed25519=True)
    for batch_id in batches(make_campaign(leads=230)):
        send.send_batch(batch_id)
    assert verdicts(sink, row) == [[True, True]] * 230
    assert b"h=content-type:mime-version:list-unsubscribe:" in sink.messages()[0].content


def test_the_messages_of_a_window_are_signed_by_eights(
    make_campaign: MakeCampaign, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        rsa_library.load()
    except rsa_library.LibraryUnusable as error:
        pytest.skip(f"signing by eights cannot be tried here: {error}")
    signed, sign = list[int](), EightSigner.sign

    def counted(self: EightSigner, digests: Sequence[bytes]) -> list[bytes]:
        signed.append(len(digests))
        return sign(self, digests)

    row = signing()
    (batch_id,) = batches(make_campaign(leads=48))
    monkeypatch.setattr(EightSigner, "sign", counted)
    # a key that is loaded signs eight digests to see how long that takes
    monkeypatch.setattr(EightSigner, "_measured", lambda _: 5)
    send.send_batch(batch_id)
    assert signed == [8] * 6
    assert verdicts(sink, row) == [[True]] * 48


def test_a_subdomain_is_signed_by_its_nearest_parent_and_returns_to_its_bounce_domain(
    make_campaign: MakeCampaign, sink: Sink
) -> None:
    signing("example")
    row = signing("sender.example", bounce_domain="back.sender.example")
    campaign = make_campaign(leads=3)
    Campaign.objects.filter(pk=campaign.pk).update(from_email="a@news.sender.example")
    for batch_id in batches(campaign):
        send.send_batch(batch_id)
    assert verdicts(sink, row) == [[True]] * 3
    assert all(message.sender.endswith("@back.sender.example") for message in sink.messages())


def test_a_domain_that_does_not_sign_sends_as_before(make_campaign: MakeCampaign, sink: Sink) -> None:
    SendingDomain.objects.create(domain="sender.example")
    for batch_id in batches(make_campaign(leads=2)):
        send.send_batch(batch_id)
    assert [b"DKIM-Signature" in message.content for message in sink.messages()] == [False, False]


def test_a_switch_and_a_new_key_reach_a_running_worker(
    make_campaign: MakeCampaign, sink: Sink, worker: runtime.Runtime
) -> None:
    now = [0.0]
    worker.domains = DomainBook(clock=lambda: now[0])
    campaign = make_campaign(leads=1)
    assert launch.launch_campaign(campaign_id=campaign.pk)
    (variant,) = Batch.objects.values_list("variant", flat=True)

    assert worker.prepared(campaign.pk, variant) is worker.prepared(campaign.pk, variant)
    unsigned = worker.prepared(campaign.pk, variant)
    row = signing()
    assert worker.prepared(campaign.pk, variant) is unsigned
    now[0] += REREAD_SECONDS
    first = worker.prepared(campaign.pk, variant)
    domain_keys.generate(domain_id=row.pk, today=TODAY)
    domain_keys.promote(domain_id=row.pk)
    now[0] += REREAD_SECONDS

    (batch_id,) = Batch.objects.values_list("pk", flat=True)
    send.send_batch(batch_id)
    row.refresh_from_db()
    assert first is not unsigned
    assert row.dkim_selector == "mm202611b"
    assert verdicts(sink, row) == [[True]]


def test_a_pause_or_a_report_makes_nothing_anew(worker: runtime.Runtime) -> None:
    now = [0.0]
    book = DomainBook(clock=lambda: now[0])
    row = signing()
    before = book.refresh()
    SendingDomain.objects.filter(pk=row.pk).update(dns_report={"state": "ok"}, paused_until="2030-01-01T00:00Z")
    now[0] += REREAD_SECONDS
    assert book.refresh() == before
    known = book.find("news@sender.example")
    assert known is not None
    assert known.paused_until is not None


def test_a_key_that_cannot_be_opened_holds_mail_back(
    make_campaign: MakeCampaign, sink: Sink, worker: runtime.Runtime
) -> None:
    row = signing()
    SendingDomain.objects.filter(pk=row.pk).update(sealed_keys="broken")
    (batch_id,) = batches(make_campaign(leads=2))
    with pytest.raises(SigningImpossible, match=r"sender\.example cannot be opened"):
        send.send_batch(batch_id)
    message_id = queue_message(to="ada@example.com", subject="Hi", html="<p>Hi</p>", sender="a@sender.example")
    message_sender.send_due()

    assert sink.accepted() == []
    assert Batch.objects.get(pk=batch_id).cursor == 0
    message = Message.objects.get(id=message_id)
    assert (message.status, message.tries) == ("deferred", 0)
    assert "cannot be opened" in message.reply

    Campaign.objects.update(state=Campaign.State.CANCELLED)
    Batch.objects.update(not_before=Now())
    assert send.send_batch(batch_id) == 2, "a cancelled campaign drains all the same"
    assert sink.accepted() == []


def test_transactional_mail_is_signed_and_follows_a_new_key(sink: Sink, worker: runtime.Runtime) -> None:
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}")
    row = signing("shop.example", bounce_domain="back.shop.example")
    for _ in range(2):
        queue_message(to="ada@example.com", subject="Order", html="<p>Thank you.</p>", sender="Shop <a@shop.example>")
        message_sender.send_due()
        domain_keys.generate(domain_id=row.pk, today=TODAY)
        domain_keys.promote(domain_id=row.pk)
        worker.domains = DomainBook()
    first, second = sink.messages()
    assert first.sender.endswith("@back.shop.example")
    assert b"s=mm202611a;" in first.content
    assert b"s=mm202611b;" in second.content


def test_private_keys_are_sealed(worker: runtime.Runtime) -> None:
    row = signing()
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(d)::text FROM delivery_sendingdomain d")
        (stored,) = cursor.fetchone()
    assert "PRIVATE KEY" not in stored
    assert "PRIVATE KEY" in crypto.unseal(row.sealed_keys)["rsa"]
