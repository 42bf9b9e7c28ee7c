"""The log of transactional messages in the admin: finding, reading, calling back, and who may what."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from bench.sink import Sink
from delivery import message_sender
from delivery.messages import content
from delivery.messages.streams import book
from delivery.models import Message, MessageStream
from delivery.providers import add_provider
from delivery.transactional import queue_message
from tests.people import boss, somebody

pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture(autouse=True)
def provider(worker: object, sink: Sink) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE delivery_messageevent, delivery_messagecontent, delivery_messagecopy")
    content.recent.clear()
    book.expire()
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}")


def queue(to: str = "ada@example.com", **options: object) -> int:
    return queue_message(
        to=to, subject="Reset", html="<p>Open {{ data.link }} now.</p>", data={"link": "tangerine"}, **options
    )


def test_messages_are_found_by_tag_status_stream_and_day() -> None:
    MessageStream.objects.update_or_create(name="receipts")
    wanted, other = queue(tags=["order"], stream="receipts"), queue("grace@example.com")
    client, today = boss(), timezone.localdate()
    message_sender.send_due()
    waiting = queue(send_at=timezone.now() + dt.timedelta(days=1))

    def found(**asked: object) -> set[int]:
        response = client.get(reverse("delivery_messages"), asked)
        return {row["message"].id for row in response.context["rows"]}

    assert found() == {wanted, other, waiting}
    assert found(tag="order") == {wanted}
    assert found(stream="receipts", status="sent") == {wanted}
    assert found(status="queued") == {waiting}
    assert found(since=today, until=today) == {wanted, other, waiting}
    assert found(until=today - dt.timedelta(days=1)) == set()
    assert found(since="yesterday", status="lost", tag="\0") == {wanted, other, waiting}


def test_the_record_tells_the_history_and_the_copy_is_for_those_who_may_read_it() -> None:
    message_id = queue()
    message_sender.send_due()
    record, copy, frame = (
        reverse(name, args=[message_id])
        for name in ("delivery_message", "delivery_message_copy", "delivery_message_frame")
    )
    operator = somebody("Operators")
    shown = operator.get(record).content.decode()
    assert "accepted" in shown
    assert "You may not read it" in shown
    assert "tangerine" not in shown
    assert operator.get(copy).status_code == operator.get(frame).status_code == 403

    reader = somebody("Operators", "delivery.view_messagecopy")
    assert "Show what was sent" in reader.get(record).content.decode()
    assert "Open tangerine now." in reader.get(copy).content.decode()
    framed = reader.get(frame)
    assert "Open tangerine now." in framed.content.decode()
    assert framed["Content-Security-Policy"].startswith("sandbox")
    assert "no-store" in framed["Cache-Control"]


def test_a_waiting_message_is_called_back_by_post_alone() -> None:
    message_id = queue(send_at=timezone.now() + dt.timedelta(days=1))
    address = reverse("delivery_message_cancel", args=[message_id])
    operator = somebody("Operators")
    assert operator.get(address).status_code == 405
    assert somebody("Marketers").post(address).status_code == 403
    assert operator.post(address).status_code == 302
    assert Message.objects.get(id=message_id).status == "cancelled"
    shown = operator.post(address, follow=True).content.decode()
    assert "It was too late" in shown


def test_streams_are_kept_while_mail_names_them() -> None:
    client = boss()
    client.post(reverse("admin:delivery_messagestream_add"), {"name": "receipts", "copy_days": "30"})
    stream = MessageStream.objects.get(name="receipts")
    queue(stream="receipts", send_at=timezone.now() + dt.timedelta(days=1))
    delete = reverse("admin:delivery_messagestream_delete", args=[stream.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403
    Message.objects.update(status="sent")
    assert client.post(delete, {"post": "yes"}).status_code == 302
    wrong = client.post(reverse("admin:delivery_messagestream_add"), {"name": "My Receipts", "copy_days": "91"})
    assert set(wrong.context["adminform"].form.errors) == {"name", "copy_days"}
