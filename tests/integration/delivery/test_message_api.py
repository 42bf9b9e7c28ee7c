"""Transactional messages through the API's door, to the server that they are handed to."""

from __future__ import annotations

import base64
import email
import email.policy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import psycopg
import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from bench.sink import Rule, Sink
from campaigns.addresses import digest
from campaigns.models import Suppression, Template
from delivery import message_sender
from delivery.messages import content, events, senders
from delivery.models import Message, MessageContent, SendingDomain
from delivery.providers import add_provider
from massmailer.embedded import postgres
from tests.api_client import Program, places

pytestmark = pytest.mark.usefixtures("worker")
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=")
ORDER: dict[str, Any] = {
    "to": [{"email": "Ada@Example.com", "name": "Ada Lovelace", "data": {"name": "Ada"}}],
    "from": {"email": "shop@shop.example", "name": "The Shop"},
    "subject": "Order {{ data.number }}",
    "html": "<p>Hello {{ data.name }}, order {{ data.number }} is on its way.</p>",
    "data": {"number": 7, "name": "somebody"},
}


@pytest.fixture(autouse=True)
def provider(worker: object, sink: Sink) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE delivery_messageevent, delivery_messagecontent, delivery_messagecopy")
    content.recent.clear()
    senders.names.expire()
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}")
    yield
    senders.names.expire()


def ids(response: Any) -> list[int]:
    assert response.status_code == 202, response.content
    return [one["id"] for one in response.json()["messages"]]


def received(sink: Sink) -> list[EmailMessage]:
    return [email.message_from_bytes(one.content, policy=email.policy.default) for one in sink.messages()]  # type: ignore[misc]


def test_a_message_whose_content_is_known_costs_one_statement_that_commits_by_itself(
    django_assert_num_queries: Callable[[int], AbstractContextManager[CaptureQueriesContext]],
) -> None:
    program = Program()
    ids(program.post("messages", ORDER))
    with django_assert_num_queries(1):
        (message_id,) = ids(program.post("messages", ORDER))

    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        (statement,) = cursor.fetchone()
        assert not cursor.fetchone(), "nothing else is prepared"
    assert "INSERT INTO delivery_message " in statement
    with psycopg.connect(postgres.url(f"test_{postgres.DATABASE}")) as other:
        row = other.execute("SELECT status FROM delivery_message WHERE id = %s", [message_id]).fetchone()
    assert row == ("queued",)


def test_an_order_arrives_as_it_was_sent_and_tells_its_history(sink: Sink) -> None:
    program = Program()
    pdf = bytes(range(256)) * 40
    body = {
        **ORDER,
        "html": ORDER["html"] + '<img src="cid:logo"><a href="https://shop.example/o">See it</a>',
        "reply_to": "help@shop.example",
        "tags": ["order", "first"],
        "metadata": {"order": "7"},
        "headers": {"X-Order": "7", "In-Reply-To": "<earlier@shop.example>", "References": "<earlier@shop.example>"},
        "attachments": [
            {"filename": "Rechnung für Ada.pdf", "content_type": "application/pdf", "content": b64(pdf)},
            {"filename": "logo.png", "content_type": "image/png", "content": b64(PNG), "content_id": "logo"},
        ],
    }
    (message_id,) = ids(program.post("messages", body))
    assert message_sender.send_due() == 1

    (arrived,) = received(sink)
    assert arrived["Subject"] == "Order 7"
    assert arrived["To"] == "Ada Lovelace <ada@example.com>"
    assert arrived["From"] == "The Shop <shop@shop.example>"
    assert (arrived["Reply-To"], arrived["X-Order"]) == ("help@shop.example", "7")
    assert arrived["In-Reply-To"] == "<earlier@shop.example>"
    assert "Hello Ada, order 7" in arrived.get_body(("html",)).get_content()
    files = {part.get_filename(): part for part in arrived.walk() if part.get_filename()}
    assert files["Rechnung für Ada.pdf"].get_content() == pdf
    assert files["logo.png"].get_content() == PNG
    assert files["logo.png"]["Content-ID"] == "<logo>"
    assert [part.get_content_type() for part in arrived.walk()] == [
        "multipart/mixed", "multipart/related", "multipart/alternative", "text/plain", "text/html", "image/png",
        "application/pdf",
    ]  # fmt: skip

    shown = program.get(f"messages/{message_id}").json()
    assert (shown["status"], shown["to"], shown["code"]) == ("sent", "ada@example.com", 250)
    assert (shown["tags"], shown["metadata"]) == (["order", "first"], {"order": "7"})
    assert [one["kind"] for one in shown["events"]] == ["accepted", "sent"]
    assert shown["events"][0]["detail"] == "by the API key Test"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_thousand_recipients_have_their_own_data_and_one_content(sink: Sink) -> None:
    program = Program()
    to = [{"email": f"lead{number}@example.com", "data": {"name": f"Lead {number}"}} for number in range(1000)]

    found = ids(program.post("messages", {**ORDER, "to": to}))

    rows = {message.id: message for message in Message.objects.all()}
    assert [rows[one].to_address for one in found] == [one["email"] for one in to]
    assert MessageContent.objects.count() == 1
    assert message_sender.send_due() == 1000
    assert {one["Subject"] for one in received(sink)} == {"Order 7"}
    bodies = {one["To"]: one.get_body(("plain",)).get_content() for one in received(sink)}
    assert "Hello Lead 617," in bodies["lead617@example.com"]


def test_what_is_wrong_is_named_with_its_place() -> None:
    program, large = Program(), "y" * 70_000
    response = program.post(
        "messages",
        {
            **ORDER,
            "to": [{"email": "a@example.com"}, {"email": "nobody"}, {"email": "b@example.com", "data": {"x": large}}],
            "stream": "receipts",
            "headers": {"Return-Path": "<a@example.com>"},
        },
    )  # fmt: skip
    assert response.status_code == 422
    assert places(response).keys() == {"#/to/1/email", "#/to/2/data", "#/stream", "#/headers"}
    assert places(program.post("messages", {**ORDER, "html": "<p>\n{{ dta.x }}</p>"})).keys() == {"#/html"}
    twice = program.post("messages", {**ORDER, "html": "", "template": "Nothing"})
    assert places(twice) == {"#/template": "There is no template 'Nothing'."}
    exe = {**ORDER, "attachments": [{"filename": "setup.exe", "content": ""}]}
    assert places(program.post("messages", exe)).keys() == {"#/attachments/0"}
    assert places(program.post("messages", {**ORDER, "to": ORDER["to"] * 1001})).keys() == {"#/to"}
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("From", "a@b.example"), ("To", "a@b.example"), ("Bcc", "a@b.example"), ("DKIM-Signature", "v=1"),
        ("Return-Path", "<a@b.example>"), ("Sender", "a@b.example"), ("X-MassMailer-Stream", "x"),
        ("X-Note", "a\r\nBcc: b@c.example"), ("X-Note", "a\0b"), ("X-Note\r\nBcc", "b@c.example"), ("X Note", "a"),
        ("Content-Type", "text/html"), ("Message-ID", "<a@b>"), ("Received", "x"), ("X-Note", ""),
    ],
)  # fmt: skip
def test_a_header_that_could_change_the_way_is_refused(name: str, value: str) -> None:
    response = Program().post("messages", {**ORDER, "headers": {name: value}})
    assert response.status_code == 422
    assert not Message.objects.exists()


def test_the_sender_is_of_a_sending_domain_once_there_are_some() -> None:
    program = Program()
    assert program.post("messages", ORDER).status_code == 202
    SendingDomain.objects.create(domain="other.example")
    senders.names.expire()
    refused = program.post("messages", ORDER)
    assert "not among the sending domains" in places(refused)["#/from"]
    theirs = {**ORDER, "from": {"email": "a@news.other.example"}}
    assert program.post("messages", theirs).status_code == 202


def test_a_stored_template_takes_data_by_name_and_by_id(sink: Sink) -> None:
    program = Program()
    template = Template.objects.create(
        name="Order", subject="Order {{ data.number }}", body_format="html", body="<p>Hi</p>"
    )
    for wanted in (template.pk, "Order"):
        ids(
            program.post(
                "messages", {"to": [{"email": "ada@example.com", "data": {"number": wanted}}], "template": wanted}
            )
        )
    message_sender.send_due()
    assert {one["Subject"] for one in received(sink)} == {f"Order {template.pk}", "Order Order"}


def test_text_alone_arrives_as_text_with_its_lines(sink: Sink) -> None:
    body = {key: value for key, value in ORDER.items() if key != "html"}
    ids(Program().post("messages", {**body, "text": "Hello {{ data.name }} <you>\nyour order & more"}))
    message_sender.send_due()
    (arrived,) = received(sink)
    plain, html = (arrived.get_body((kind,)).get_content().replace("\r\n", "\n") for kind in ("plain", "html"))
    assert plain == "Hello Ada <you>\nyour order & more\n"
    assert "Hello Ada &lt;you&gt;\nyour order &amp; more" in html


def test_a_scheduled_message_waits_and_can_be_called_back_until_it_is_taken_up(sink: Sink) -> None:
    program = Program()
    (message_id,) = ids(program.post("messages", {**ORDER, "send_at": soon()}))
    assert message_sender.send_due() == 0
    cancelled = program.post(f"messages/{message_id}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert [one["kind"] for one in cancelled.json()["events"]] == ["accepted", "cancelled"]
    assert program.post(f"messages/{message_id}/cancel").status_code == 409
    assert message_sender.send_due() == 0
    assert places(program.post("messages", {**ORDER, "send_at": "2099-01-01T00:00:00Z"})).keys() == {"#/send_at"}


def soon() -> str:
    return (datetime.now(UTC) + timedelta(days=2)).isoformat()


def test_a_dead_message_is_tried_again_and_only_a_dead_one(sink: Sink) -> None:
    program = Program()
    (message_id,) = ids(program.post("messages", ORDER))
    assert program.post(f"messages/{message_id}/retry").status_code == 409
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_message SET tries = 3")
    sink.behave([Rule("RCPT", text="451 4.3.0 later")])
    message_sender.send_due()
    assert program.get(f"messages/{message_id}").json()["status"] == "dead"
    sink.behave([])
    assert program.post(f"messages/{message_id}/retry").json()["status"] == "deferred"
    message_sender.send_due()
    shown = program.get(f"messages/{message_id}").json()
    assert [one["kind"] for one in shown["events"]] == ["accepted", "dead", "deferred", "sent"]
    # the values were kept for the second time, and went when it was done
    assert received(sink)[-1]["Subject"] == "Order 7"
    assert Message.objects.get(id=message_id).data == {}


def test_a_suppressed_recipient_is_accepted_and_skipped_in_sight(sink: Sink) -> None:
    Suppression.objects.create(kind="address", digest=digest("ada@example.com"), reason="hard_bounce")
    program = Program()
    (message_id,) = ids(program.post("messages", ORDER))
    message_sender.send_due()
    shown = program.get(f"messages/{message_id}").json()
    assert (shown["status"], shown["events"][-1]["detail"]) == ("skipped", "suppressed: hard_bounce")
    assert not sink.accepted()


def test_the_log_is_asked_by_recipient_tag_status_and_day_in_pages() -> None:
    program = Program()
    for number in range(5):
        ids(
            program.post("messages", {**ORDER, "to": [{"email": f"a{number % 2}@example.com"}], "tags": [f"t{number}"]})
        )
    first = program.get("messages?limit=3").json()
    second = program.get(f"messages?limit=3&cursor={first['next']}").json()
    found = [one["id"] for one in first["items"] + second["items"]]
    assert found == sorted(found, reverse=True)
    assert (len(found), second["next"]) == (5, None)
    assert len(program.get("messages?to=A0@example.com").json()["items"]) == 3
    assert len(program.get("messages?tag=t3").json()["items"]) == 1
    assert len(program.get("messages?status=queued&stream=transactional").json()["items"]) == 5
    assert program.get("messages?status=sent").json()["items"] == []
    assert program.get("messages?since=2099-01-01T00:00:00Z").json()["items"] == []
    assert program.get("messages?status=lost").status_code == 422
    assert program.get("messages/999999999").status_code == 404


def test_fifty_equal_posts_at_once_make_one_message() -> None:
    program = Program()

    def post(_: int) -> Any:
        try:
            return program.post("messages", ORDER, idempotency_key="order-7")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(50) as threads:
        responses = list(threads.map(post, range(50)))
    answered = [one for one in responses if one.status_code == 202]
    assert {one.status_code for one in responses} <= {202, 409}
    assert len({one.content for one in answered}) == 1
    assert Message.objects.count() == 1


def test_listeners_write_in_the_transaction_of_the_change(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[events.Change] = []

    def listener(changes: Any) -> list[events.Statement]:
        heard.extend(changes)
        remark = "UPDATE delivery_message SET to_name = to_name || %(kind)s WHERE id = ANY(%(ids)s)"
        kinds = {change.kind for change in changes}
        return [
            events.Statement(
                remark, {"kind": f" {kind}", "ids": [one.message_id for one in changes if one.kind == kind]}
            )
            for kind in sorted(kinds)
        ]

    monkeypatch.setattr(events, "_listeners", {listener: frozenset({"accepted", "sent"})})
    (message_id,) = ids(Program().post("messages", {**ORDER, "tags": ["order"], "metadata": {"order": "7"}}))
    message_sender.send_due()
    assert Message.objects.get(id=message_id).to_name == "Ada Lovelace accepted sent"
    assert [(one.message_id, one.kind, one.tags, one.metadata) for one in heard] == [
        (message_id, kind, ["order"], {"order": "7"}) for kind in ("accepted", "sent")
    ]
