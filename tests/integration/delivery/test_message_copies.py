"""What is kept of messages, for how long, and what is not."""

from __future__ import annotations

import pytest
from django.db import connection

from bench.sink import Sink
from campaigns.content import ContentSource
from delivery import message_sender
from delivery.engine.message import Attachment, Mailbox
from delivery.messages import content, copies, doors, look
from delivery.messages.accept import Outgoing, Recipient, accept
from delivery.messages.streams import book
from delivery.models import Message, MessageContent, MessageCopy, MessageStream
from delivery.providers import add_provider
from delivery.transactional import queue_message

pytestmark = pytest.mark.usefixtures("worker")
HTML = '<p>Your secret is {{ data.secret }}.</p><p><a href="https://shop.example/o">See it</a></p>'


@pytest.fixture(autouse=True)
def provider(worker: object, sink: Sink) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE delivery_messageevent, delivery_messagecontent, delivery_messagecopy")
    content.recent.clear()
    book.expire()
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}")


def send(**options: object) -> int:
    message_id = queue_message(
        to="ada@example.com", subject="Yours", html=HTML, data={"secret": "tangerine"}, **options
    )
    message_sender.send_due()
    return message_id


def test_the_copy_is_what_arrived_and_nobody_reads_it_in_the_database() -> None:
    message_id = send()
    copy = copies.find(message_id)
    assert copy is not None
    assert copy.subject == "Yours"
    assert "Your secret is tangerine." in copy.html
    assert doors.html(message_id) == copy.html
    with connection.cursor() as cursor:
        for table in ("delivery_message", "delivery_messagecopy", "delivery_messagecontent", "delivery_messageevent"):
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {table}::text LIKE '%%tangerine%%'")
            assert cursor.fetchone()[0] == 0, table


def test_a_stream_that_keeps_nothing_keeps_nothing() -> None:
    MessageStream.objects.update_or_create(name="resets", defaults={"copy_days": 0})
    message_id = send(stream="resets")
    assert Message.objects.get(id=message_id).status == "sent"
    assert not MessageCopy.objects.exists()
    assert doors.html(message_id) is None


def test_copies_go_when_their_days_are_over() -> None:
    send()
    assert copies.drop_expired() == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_messagecopy SET expires_at = now() - interval '1 second'")
    assert copies.drop_expired() == 1


def test_contents_go_when_no_open_message_needs_them_and_links_go_on_leading() -> None:
    waiting = queue_message(to="ada@example.com", subject="Yours", html=HTML, data={"secret": "tangerine"})
    unused()
    assert content.forget() == 0
    message_sender.send_due()
    assert Message.objects.get(id=waiting).status == "sent"
    assert content.forget() == 1
    assert bytes(MessageContent.objects.get().payload) == b""
    assert doors.link_target(waiting, 1) == "https://shop.example/o"
    # the same again is stored again
    content.recent.clear()
    assert Message.objects.get(id=send()).status == "sent"


def test_files_of_a_content_that_is_used_again_wait_for_its_message(sink: Sink) -> None:
    attached, file = content.stored_file(Attachment("offer.pdf", "application/pdf", b"%PDF-1.7"))
    stored, _ = content.compiled(ContentSource("Yours", "", HTML, "html", ""), True, True, (attached,))
    outgoing = Outgoing([Recipient("ada@example.com")], stored, Mailbox("shop@shop.example"), files=[file])
    (first,) = accept(outgoing, any_sender=True)
    assert look.cancel(first.id, "not yet")
    unused()
    assert content.forget() == 1
    content.recent.clear()
    (again,) = accept(outgoing, any_sender=True)
    unused()
    content.forget()
    message_sender.send_due()
    assert Message.objects.get(id=again.id).status == "sent"
    assert all(b"offer.pdf" in one.content for one in sink.messages())


def unused() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_messagecontent SET used_at = now() - interval '2 hours'")
