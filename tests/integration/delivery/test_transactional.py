"""Transactional mail from acceptance to its outcome."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Sequence

import pytest
from django.db import connection

from bench.sink import Rule, Sink
from campaigns.addresses import AddressInvalid, digest
from campaigns.content import ContentInvalid
from campaigns.leads.erase import erase_person
from campaigns.models import Campaign, Suppression
from delivery import circuit, message_sender, runtime, sweep
from delivery.directory import Directory
from delivery.engine.message import Mailbox
from delivery.messages import events, raw
from delivery.messages.accept import Outgoing, Recipient, accept
from delivery.messages.content import MIME, Stored
from delivery.models import Message, Provider
from delivery.providers import add_provider
from delivery.transactional import queue_message, queue_test

pytestmark = pytest.mark.usefixtures("worker")
HTML = "<p>Your order {{ data.number }} is on its way, {{ data.name }}.</p>"


@pytest.fixture(autouse=True)
def provider(worker: object, sink: Sink) -> None:
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}")


def order(**options: object) -> int:
    return queue_message(
        to="Ada@Example.com", subject="Order {{ data.number }}", html=HTML, data={"number": 7, "name": "Ada"}, **options
    )


def test_an_order_confirmation_arrives(sink: Sink) -> None:
    message_id = order(sender="Shop <shop@shop.example>")
    assert message_sender.send_due() == 1
    message = Message.objects.get(id=message_id)
    assert (message.status, message.tries, message.code) == ("sent", 1, 250)
    (received,) = sink.messages()
    parsed = email.message_from_bytes(received.content, policy=email.policy.default)
    assert parsed["To"] == "ada@example.com"
    assert parsed["From"] == "Shop <shop@shop.example>"
    assert parsed["Subject"] == "Order 7"
    assert "Your order 7 is on its way, Ada." in parsed.get_body(("html",)).get_content()
    assert parsed["List-Unsubscribe"] is None


def test_a_hundred_and_twenty_are_drained_by_one_wake_up(sink: Sink) -> None:
    for _ in range(120):
        order()
    assert message_sender.send_due() == 120
    assert len(sink.accepted()) == 120
    assert message_sender.send_due() == 0


def test_providers_are_looked_up_once_for_all_that_is_claimed_together(
    worker: runtime.Runtime, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, read = worker.read_directory, []

    async def read_directory() -> Directory:
        read.append(await real())
        return read[-1]

    monkeypatch.setattr(worker, "read_directory", read_directory)
    for to in ("ada@example.com", "grace@gmail.com", "joan@yahoo.com", "mary@outlook.com"):
        queue_message(to=to, subject="Order", html=HTML, data={"number": 7, "name": "Ada"})
    assert message_sender.send_due() == 4
    assert len(sink.accepted()) == 4
    assert len(read) == 1


def test_a_temporary_failure_is_tried_again_when_due(sink: Sink) -> None:
    sink.behave([Rule("RCPT", text="451 4.3.0 later")])
    message_id = order()
    message_sender.send_due()
    assert Message.objects.get(id=message_id).status == "deferred"
    sink.behave([])
    assert message_sender.send_due() == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_message SET due_at = now()")
    message_sender.send_due()
    assert Message.objects.get(id=message_id).status == "sent"


def test_retries_of_one_claim_each_go_on_to_another_provider(sink: Sink) -> None:
    first = Provider.objects.get()
    with Sink() as other:
        second = add_provider(name="Other", url=f"smtp://127.0.0.1:{other.port}")
        for provider in (first, second):
            order()
            Message.objects.filter(provider_id=None).update(
                status="deferred", tries=1, provider_id=provider.pk, due_at="2020-01-01T00:00:00Z"
            )
        message_sender.send_due()
        before_and_after = list(Message.objects.order_by("id").values_list("status", "provider_id"))
        assert before_and_after == [("sent", second.pk), ("sent", first.pk)]
        assert (len(sink.accepted()), len(other.accepted())) == (1, 1)


def test_a_submitted_message_reaches_everybody_whom_it_names(sink: Sink) -> None:
    said = raw.pack(b"From: shop@shop.example\r\nTo: team@example.com\r\nSubject: Hello\r\n\r\nHello team\r\n")
    team = [Recipient(f"{name}@example.com") for name in "abcdefgh"]
    accept(Outgoing(team, Stored.of(MIME, said), Mailbox("shop@shop.example")), any_sender=True)
    message_sender.send_due()
    assert list(Message.objects.values_list("status", flat=True)) == ["sent"] * 8
    assert len(sink.accepted()) == 8


def test_two_messages_to_an_address_that_does_not_exist_cost_nothing_of_what_goes_out_with_them(sink: Sink) -> None:
    sink.behave([Rule("RCPT", pattern="nobody@*", text="550 5.1.1 no such user")])
    receipt = order()
    for _ in range(2):
        queue_message(to="nobody@example.com", subject="Order", html=HTML, data={"number": 7, "name": "Ada"})
    assert message_sender.send_due() == 3
    assert list(Message.objects.order_by("id").values_list("status", flat=True)) == ["sent", *2 * ["bounced_hard"]]
    assert Message.objects.get(id=receipt).code == 250
    assert Suppression.objects.get().reason == "hard_bounce"


def test_what_cannot_be_recorded_together_is_recorded_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def listener(changes: Sequence[events.Change]) -> list[events.Statement]:
        return [events.Statement("SELECT 1 / (%(count)s - 3)", {"count": len(changes)})]

    for _ in range(3):
        order()
    monkeypatch.setattr(events, "_listeners", {listener: frozenset({"accepted", "sent"})})
    assert message_sender.send_due() == 3
    assert set(Message.objects.values_list("status", flat=True)) == {"sent"}


def test_a_fault_of_what_learns_of_outcomes_costs_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(runtime.get().usage, "add", broken)
    message_id = order()
    message_sender.send_due()
    assert Message.objects.get(id=message_id).status == "sent"


def test_who_is_erased_while_a_worker_has_the_message_gets_no_other_try(sink: Sink) -> None:
    message_id = order(at_least_once=True)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_message SET status = 'sending', lease_until = now() - interval '1 second'")
    erase_person("ada@example.com")
    sweep.publish_messages()
    message_sender.send_due()
    message = Message.objects.get(id=message_id)
    assert (message.status, message.reply, sink.accepted()) == ("skipped", "erased", [])


def test_no_reply_after_the_dot_is_unknown_and_never_sent_again(sink: Sink) -> None:
    sink.behave([Rule("DOT", action="close")])
    message_id = order()
    message_sender.send_due()
    assert Message.objects.get(id=message_id).status == "unknown"
    assert message_sender.send_due() == 0


@pytest.mark.parametrize(("at_least_once", "status"), [(False, "unknown"), (True, "deferred")])
def test_a_lost_worker_leaves_unknown_unless_at_least_once(at_least_once: bool, status: str) -> None:
    message_id = order(at_least_once=at_least_once)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_message SET status = 'sending', lease_until = now() - interval '1 second'")
    sweep.publish_messages()
    assert Message.objects.get(id=message_id).status == status


def test_at_least_once_is_tried_again_when_the_answer_was_lost(sink: Sink) -> None:
    sink.behave([Rule("DOT", action="close")])
    message_id = order(at_least_once=True)
    message_sender.send_due()
    assert Message.objects.get(id=message_id).status == "deferred"
    for _ in range(3):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE delivery_message SET due_at = now()")
        # three lost answers in a row open the circuit, which is not this test's business
        circuit.reset(Provider.objects.get().pk)
        message_sender.send_due()
    # a fourth answer that is lost ends it: a person decides
    assert Message.objects.get(id=message_id).status == "unknown"


def test_at_least_once_keeps_its_message_id(sink: Sink) -> None:
    order(at_least_once=True)
    for _ in range(2):
        message_sender.send_due()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE delivery_message SET status = 'sending', lease_until = now() - interval '1 second'")
        sweep.publish_messages()
    identifiers = {message_id for _, message_id in sink.accepted()}
    assert len(sink.accepted()) == 2
    assert len(identifiers) == 1


def test_a_suppressed_address_is_skipped_but_an_unsubscribe_is_not_a_reason(sink: Sink) -> None:
    Suppression.objects.create(kind="address", digest=digest("ada@example.com"), reason="unsubscribe")
    assert order()
    message_sender.send_due()
    assert len(sink.accepted()) == 1
    Suppression.objects.update(reason="hard_bounce")
    message_id = order()
    message_sender.send_due()
    message = Message.objects.get(id=message_id)
    assert (message.status, message.reply) == ("skipped", "suppressed: hard_bounce")


@pytest.mark.parametrize(
    ("reason", "arrives"),
    [
        ("hard_bounce", False), ("complaint", False), ("manual", False),
        ("unsubscribe", True), ("soft_bounces", True), ("imported", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["address", "hash", "domain"])
def test_only_some_reasons_hold_for_transactional_mail(sink: Sink, kind: str, reason: str, arrives: bool) -> None:
    value = "example.com" if kind == "domain" else "ada@example.com"
    Suppression.objects.create(kind=kind, digest=digest(value), reason=reason)
    message_id = order()
    message_sender.send_due()
    message = Message.objects.get(id=message_id)
    assert message.status == ("sent" if arrives else "skipped")
    assert len(sink.accepted()) == arrives


def test_bad_input_is_refused_before_anything_is_stored() -> None:
    with pytest.raises(AddressInvalid):
        queue_message(to="not an address", subject="x", html="<p>x</p>")
    with pytest.raises(ContentInvalid, match="line 1"):
        queue_message(to="a@example.com", subject="x", html="<p>{{ dta.name }}</p>")
    with pytest.raises(AddressInvalid):
        queue_message(to="a@example.com\r\nBcc: b@example.com", subject="x", html="<p>x</p>")
    assert not Message.objects.exists()


def test_a_test_mail_shows_a_campaign_with_a_leads_values(make_campaign: Callable[..., Campaign], sink: Sink) -> None:
    campaign = make_campaign(leads=1)
    queue_test(campaign_id=campaign.pk, to="marketer@example.com")
    message_sender.send_due()
    (received,) = sink.messages()
    parsed = email.message_from_bytes(received.content, policy=email.policy.default)
    assert parsed["Subject"] == "[Test] News for Ada0"
    assert "Dear Ada0 of Zürich" in parsed.get_body(("html",)).get_content()
