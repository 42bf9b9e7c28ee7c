"""Operators are told once, by e-mail and by a signed webhook, and a webhook that is down is told later."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from bench.sink import Sink
from campaigns.models import Campaign
from delivery import alerts, message_sender, outgoing
from delivery.dead import alert as dead_alert
from delivery.models import Alert, AlertSettings, Message
from delivery.providers import add_provider
from tests.integration.delivery.unknowns import forget_rows
from tests.people import a_campaign
from tests.unit.delivery.outgoing.servers import Receiver, receiving

LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    with receiving() as running:
        settings.WEBHOOK_PRIVATE_HOSTS = [f"127.0.0.1:{running.port}"]
        yield running


def told(**fields: Any) -> AlertSettings:
    made = AlertSettings(**fields)
    made.webhook_secret = outgoing.new_secret()
    made.save()
    return made


def hook(receiver: Receiver) -> str:
    return f"http://127.0.0.1:{receiver.port}/alerts"


def raised(key: str = "circuit:3", **fields: str) -> Alert | None:
    words = {"subject": "The relay is down", "text": "It refused ten times.", "link": "/admin/", **fields}
    return alerts.raise_alert(key=key, **words)


@pytest.mark.django_db
class TestRaising:
    @pytest.fixture(autouse=True)
    def house(self) -> None:
        forget_rows()

    def test_one_key_is_told_once_within_the_repeat_time(self) -> None:
        assert raised() is not None
        assert raised() is None
        assert raised("circuit:4") is not None
        Alert.objects.filter(key="circuit:3").update(created_at=LONG_AGO)
        assert raised() is not None
        assert Alert.objects.count() == 3

    def test_without_settings_it_is_kept_and_nobody_is_written_to(self) -> None:
        alert = raised()
        assert alert is not None
        assert (alert.emailed_at, alert.next_try_at, alert.error) == (None, None, "")
        assert not Message.objects.exists()

    def test_each_operator_gets_a_message_of_their_own(self) -> None:
        told(emails="ada@example.com\ngrace@example.com\n")
        alert = raised()
        assert alert is not None
        assert alert.emailed_at is not None
        rows = Message.objects.order_by("id")
        assert [row.to_address for row in rows] == ["ada@example.com", "grace@example.com"]
        assert all(row.metadata == {"alert": alert.pk} and row.priority == 9 for row in rows)

    def test_an_address_that_cannot_be_is_said_and_the_others_are_written_to(self) -> None:
        told(emails="nobody\ngrace@example.com")
        alert = raised()
        assert alert is not None
        assert "nobody" in alert.error
        assert Message.objects.get().to_address == "grace@example.com"

    def test_long_and_odd_words_are_no_reason_to_fail(self) -> None:
        alert = raised("k" * 300, subject="s\0" * 300, text="a\0b", link="/" * 300)
        assert alert is not None
        assert (len(alert.key), len(alert.subject), alert.text) == (100, 200, "ab")


def test_what_an_alert_quotes_is_text_and_reaches_the_mailbox(sink: Sink, worker: object) -> None:
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}")
    told(emails="ada@example.com")
    raised(subject="It said {{ lead.email }} <b>", text="{% raw %} <script>\n\nSecond paragraph")
    assert message_sender.send_due() == 1
    ((address, _),) = sink.accepted()
    assert address == "ada@example.com"
    row = Message.objects.get()
    assert row.status == "sent"


def test_two_at_once_tell_once(transactional_db: None) -> None:
    found: list[Alert | None] = []
    barrier = threading.Barrier(5)

    def run() -> None:
        barrier.wait()
        found.append(raised())
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [alert is not None for alert in found].count(True) == 1
    assert Alert.objects.count() == 1


@pytest.mark.django_db
class TestTheWebhook:
    def test_an_alert_is_posted_once_and_signed(self, receiver: Receiver) -> None:
        made = told(webhook_url=hook(receiver))
        alert = raised()
        assert alert is not None
        assert alerts.deliver_due() == 1
        assert alerts.deliver_due() == 0

        ((path, headers, body),) = receiver.seen
        assert path == "/alerts"
        found = json.loads(body)
        assert found["type"] == "alert.raised"
        assert found["data"]["key"] == "circuit:3"
        assert found["data"]["link"].startswith("http://localhost")
        assert headers["webhook-id"] == f"alert_{alert.pk}"
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(made.webhook_secret.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
        alert.refresh_from_db()
        assert alert.posted_at is not None
        assert (alert.tried, alert.next_try_at, alert.error) == (1, None, "")

    def test_a_receiver_that_is_down_is_told_when_it_is_back(self, receiver: Receiver) -> None:
        told(webhook_url=hook(receiver))
        alert = raised()
        assert alert is not None
        receiver.status = 503
        assert alerts.deliver_due(rng=random.Random(1)) == 0
        alert.refresh_from_db()
        assert (alert.tried, alert.error, alert.posted_at) == (1, "The answer was 503.", None)
        assert alert.next_try_at is not None
        assert 59 <= (alert.next_try_at - alert.created_at).total_seconds() <= 80

        receiver.status = 204
        assert alerts.deliver_due() == 0  # it is not due yet
        Alert.objects.update(next_try_at=Now())
        assert alerts.deliver_due() == 1
        alert.refresh_from_db()
        assert (alert.tried, alert.error, alert.next_try_at) == (2, "", None)
        assert [headers["webhook-id"] for _, headers, _ in receiver.seen] == [f"alert_{alert.pk}"] * 2

    def test_after_eight_tries_it_is_given_up(self, receiver: Receiver) -> None:
        told(webhook_url=hook(receiver))
        receiver.status = 500
        raised()
        for _ in range(10):
            alerts.deliver_due()
            Alert.objects.filter(next_try_at__isnull=False).update(next_try_at=Now())
        alert = Alert.objects.get()
        assert (alert.tried, alert.next_try_at, len(receiver.seen)) == (8, None, 8)
        assert alert.error

    def test_a_private_address_that_nobody_listed_is_not_called(self, receiver: Receiver, settings: Any) -> None:
        settings.WEBHOOK_PRIVATE_HOSTS = []
        told(webhook_url=hook(receiver))
        raised()
        alerts.deliver_due()
        assert "is not called" in Alert.objects.get().error
        assert not receiver.seen

    def test_a_run_begins_no_post_after_a_second(self, receiver: Receiver) -> None:
        told(webhook_url=hook(receiver))
        for number in range(4):
            raised(f"circuit:{number}")
        moments = iter([0.0, 0.5, 1.5])
        assert alerts.deliver_due(clock=lambda: next(moments)) == 2
        assert alerts.deliver_due() == 2

    def test_a_webhook_that_was_taken_away_is_said(self, receiver: Receiver) -> None:
        made = told(webhook_url=hook(receiver))
        raised()
        made.webhook_url = ""
        made.save()
        alerts.deliver_due()
        assert "no webhook address" in Alert.objects.get().error


@pytest.mark.django_db
class TestDeadLetters:
    @pytest.fixture(autouse=True)
    def house(self) -> None:
        forget_rows()
        campaign = a_campaign(state="sent", name="Spring")
        Campaign.objects.filter(pk=campaign.pk).update(dead=90)

    def dead_messages(self, count: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO delivery_message (to_address, sender, content, status) "
                "SELECT 'ada@example.com', 'a@b.example', '', 'dead' FROM generate_series(1, %s)",
                [count],
            )

    def test_they_are_told_when_more_wait_than_the_threshold(self) -> None:
        assert dead_alert.check() is False
        self.dead_messages(10)
        assert dead_alert.check() is False
        self.dead_messages(1)
        assert dead_alert.check() is True
        assert dead_alert.check() is False
        alert = Alert.objects.get()
        assert (alert.key, alert.subject) == ("dead-letters", "101 dead letters wait for a decision")
        assert "90 of “Spring”, 11 transactional messages" in alert.text

    def test_a_threshold_of_0_is_never_told(self) -> None:
        told(dead_letter_threshold=0)
        assert dead_alert.check() is False

    def test_dead_messages_are_found_by_their_index(self) -> None:
        self.dead_messages(1)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {dead_alert.COUNT_MESSAGES}", [10])
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "_dead" in plan
        assert "Seq Scan" not in plan
