"""Parts of the demo that need no engine: it must notice when a promise did not hold."""

from __future__ import annotations

import http.server
import io
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from rich.console import Console

from massmailer.demo import mailbox, places
from massmailer.demo.errors import DemoFailed
from massmailer.demo.leaving import Leaving, Stopped
from massmailer.demo.mailbox import Arrived
from massmailer.demo.show import Show
from massmailer.demo.visitors import Visitor
from massmailer.processes import record
from massmailer.sandbox.maildir import MaildirWriter

HTML = (
    '<a href="http://localhost:8000/c/tok/1">One</a> <a href="http://localhost:8000/c/tok/2">Two</a>'
    '<img src="http://localhost:8000/o/tok.gif">'
)


def raw_message(message_id: str, recipient: str) -> bytes:
    lines = (
        f"To: {recipient}",
        "Subject: Hello",
        f"Message-ID: <{message_id}>",
        "List-Unsubscribe: <http://localhost:8000/u/tok>",
        "MIME-Version: 1.0",
        "Content-Type: text/html; charset=utf-8",
        "",
        HTML,
    )
    return "\r\n".join(lines).encode() + b"\r\n"


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[MaildirWriter]:
    writer = MaildirWriter(tmp_path)
    yield writer
    writer.close()


def deliver(writer: MaildirWriter, message_id: str, recipient: str) -> None:
    writer.store("demo@example.com", (recipient,), raw_message(message_id, recipient))


def test_only_this_campaigns_mail_is_counted(writer, tmp_path: Path):
    deliver(writer, "2a.ff.1@example.com", "a@example.com")
    deliver(writer, "2b.ff.1@example.com", "b@example.com")
    deliver(writer, "m-17@example.com", "c@example.com")
    (found,) = mailbox.of_campaign(tmp_path, 0x2A, since=0)
    assert (found.recipient, found.lead_id) == ("a@example.com", 255)
    assert mailbox.of_campaign(tmp_path, 0x2A, since=time.time() + 1) == []


def test_the_doors_of_a_message(writer, tmp_path: Path):
    deliver(writer, "2a.1.1@example.com", "a@example.com")
    (found,) = mailbox.of_campaign(tmp_path, 0x2A, since=0)
    doors = mailbox.doors(tmp_path, found.id)
    assert doors.pixel == "http://localhost:8000/o/tok.gif"
    assert doors.links == ("http://localhost:8000/c/tok/1", "http://localhost:8000/c/tok/2")
    assert doors.unsubscribe == "http://localhost:8000/u/tok"


@pytest.mark.parametrize(
    ("recipients", "sent", "unknown", "words"),
    [
        (["a", "b"], {"a", "b"}, set(), []),
        (["a"], {"a"}, {"b"}, []),
        (["a", "b"], {"a"}, {"b"}, []),
        (["a", "a"], {"a"}, set(), ["more than once"]),
        (["a"], {"a", "b"}, set(), ["not in the mailbox"]),
        (["a", "b"], {"a"}, set(), ["does not call sent"]),
        (["a", "a", "c"], {"a", "b"}, set(), ["more than once", "not in the mailbox", "does not call sent"]),
    ],
)
def test_mailbox_against_ledger(recipients: list[str], sent: set[str], unknown: set[str], words: list[str]):
    arrived = [Arrived(str(number), 0.0, recipient, number) for number, recipient in enumerate(recipients)]
    problems = mailbox.compare(arrived, sent, unknown)
    assert len(problems) == len(words)
    for problem, word in zip(problems, words, strict=True):
        assert word in problem


def test_taken_ports_are_replaced_and_named(settings):
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        taken = server.getsockname()[1]
        chosen = places.choose(taken)
    assert chosen.web != taken
    assert f"Port {taken} is taken" in chosen.moved[0]
    assert len({chosen.web, chosen.flower, chosen.sandbox}) == 3
    assert chosen.stack_options().environment["TRACKING_URL"] == f"http://localhost:{chosen.web}"


def test_a_stack_that_is_up_is_left_alone(monkeypatch):
    monkeypatch.setattr(record, "read", lambda: record.Running(manager=1))
    with pytest.raises(DemoFailed, match="bin/down"):
        places.choose(8000)


def test_without_a_terminal_a_bar_is_a_few_plain_lines():
    out = io.StringIO()
    with Show(Console(file=out, width=80)).bar("Sending", 1000) as update:
        for done in range(1001):
            update(done, "")
    lines = out.getvalue().splitlines()
    assert len(lines) == 11
    assert lines[-1].strip() == "Sending 1,000 of 1,000"


class Refusing(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing to the terminal."""


@pytest.fixture
def refusing_server() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_visitor_notices_a_dead_link(refusing_server: str):
    with pytest.raises(DemoFailed, match="404 instead of 302"):
        Visitor(refusing_server).click(f"{refusing_server}/c/tok/1")


def test_a_visitor_never_leaves_our_own_web_server():
    with pytest.raises(DemoFailed, match="was not visited"):
        Visitor("http://localhost:8000").click("http://example.com/c/tok/1")


@pytest.mark.parametrize(
    ("count", "embedded", "words"), [(50_000, True, "mailbox keeps"), (200, False, "DATABASE_URL")]
)
def test_what_the_demo_refuses_before_anything_starts(settings, count: int, embedded: bool, words: str):
    settings.EMBEDDED = embedded
    with pytest.raises(CommandError, match=words):
        call_command("demo", once=True, leads=count)


def test_the_first_signal_raises_and_later_ones_are_not_heard():
    with Leaving() as leaving:
        with pytest.raises(Stopped) as stopped:
            os.kill(os.getpid(), signal.SIGTERM)
        assert stopped.value.number == signal.SIGTERM
        os.kill(os.getpid(), signal.SIGINT)
        leaving.ignore_more()
        os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_waits_while_a_process_is_being_started():
    seen: list[str] = []

    def start_a_process(leaving: Leaving) -> None:
        with leaving.held():
            os.kill(os.getpid(), signal.SIGINT)
            seen.append("its number is known")

    with Leaving() as leaving, pytest.raises(Stopped):
        start_a_process(leaving)
    assert seen
