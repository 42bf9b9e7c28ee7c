"""The sandbox mailbox: takes mail as real servers do, keeps the newest, reads it back."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from massmailer.embedded import paths
from massmailer.processes.ports import find_free
from massmailer.sandbox import mailbox, maildir
from massmailer.sandbox.maildir import MaildirWriter

KEEP = 40


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """Port and Maildir of a running sandbox that keeps the newest 40 messages."""
    root, port = tmp_path_factory.mktemp("sandbox"), find_free()
    arguments = ["--port", str(port), "--dir", str(root), "--keep", str(KEEP)]
    process = subprocess.Popen([sys.executable, "-m", "massmailer.sandbox", *arguments], cwd=paths.checkout())
    deadline = time.monotonic() + 15
    while not _listens(port):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield port, root
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Dialogue:
    """A raw SMTP client that says exactly what a test wants."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._file = self._socket.makefile("rb")
        assert self.reply() == b"220"
        self.send(b"EHLO test\r\n")
        assert self.reply() == b"250"

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def reply(self) -> bytes:
        while True:
            line = self._file.readline()
            if line[3:4] != b"-":
                return line[:3]

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture
def dialogue(server: tuple[int, Path]) -> Iterator[Dialogue]:
    client = Dialogue(server[0])
    yield client
    client.close()


def envelope(name: str) -> bytes:
    return f"MAIL FROM:<shop@example.com>\r\nRCPT TO:<{name}@example.org>\r\nDATA\r\n".encode()


def raw(root: Path, search: str) -> bytes:
    return mailbox.read_raw(root, mailbox.list_messages(root, search=search).entries[0].id)


def test_it_offers_what_the_engine_uses(server: tuple[int, Path]) -> None:
    with smtplib.SMTP("127.0.0.1", server[0], timeout=10) as client:
        client.ehlo()
        assert {"pipelining", "8bitmime", "smtputf8", "size"} <= set(client.esmtp_features)


def test_the_next_envelope_may_ride_with_the_final_dot(server: tuple[int, Path], dialogue: Dialogue) -> None:
    dialogue.send(envelope("pipe0"))
    for number in range(5):
        assert [dialogue.reply() for _ in range(3)] == [b"250", b"250", b"354"]
        following = envelope(f"pipe{number + 1}") if number < 4 else b"QUIT\r\n"
        dialogue.send(f"Subject: pipe {number}\r\n\r\nbody\r\n.\r\n".encode() + following)
        assert dialogue.reply() == b"250"
    assert dialogue.reply() == b"221"
    found = mailbox.list_messages(server[1], search="pipe").entries
    assert [entry.subject for entry in found] == [f"pipe {number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    ("name", "sent", "kept"),
    [
        ("stuffed", b"A: b\r\n\r\n..dot\r\n...\r\n.\r\n", b"A: b\r\n\r\n.dot\r\n..\r\n"),
        ("stuffedfirst", b"..A: b\r\n.\r\n", b".A: b\r\n"),
        ("empty", b".\r\n", b""),
        ("barelf", b"A: b\r\n\r\nx\n.\ny\r\n.\r\n", b"A: b\r\n\r\nx\n.\ny\r\n"),
        ("longline", b"A: b\r\n\r\n" + b"x" * 5000 + b"\r\n.\r\n", b"A: b\r\n\r\n" + b"x" * 5000 + b"\r\n"),
    ],
)
def test_a_message_is_kept_byte_by_byte(
    server: tuple[int, Path], dialogue: Dialogue, name: str, sent: bytes, kept: bytes
) -> None:
    dialogue.send(envelope(name))
    assert [dialogue.reply() for _ in range(3)] == [b"250", b"250", b"354"]
    # in pieces of one byte around the end, the worst that a network does
    for piece in (sent[:-5], *(sent[-5:][i : i + 1] for i in range(5))):
        dialogue.send(piece)
    assert dialogue.reply() == b"250"
    assert raw(server[1], f"{name}@") == kept


def test_odd_addresses_are_taken(server: tuple[int, Path], dialogue: Dialogue) -> None:
    dialogue.send(
        'MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<"two words"@example.org>\r\nRCPT TO:<grå@exämple.org>\r\nDATA\r\n'.encode()
    )
    assert [dialogue.reply() for _ in range(4)] == [b"250", b"250", b"250", b"354"]
    dialogue.send(b"Subject: odd\r\n\r\n.\r\n")
    assert dialogue.reply() == b"250"
    entry = mailbox.list_messages(server[1], search="GRÅ@").entries[0]
    assert entry.recipients == ('"two words"@example.org', "grå@exämple.org")


def test_data_without_a_recipient_is_refused_and_the_dialogue_goes_on(dialogue: Dialogue) -> None:
    dialogue.send(b"MAIL FROM:<a@example.com>\r\nDATA\r\nRSET\r\n")
    assert [dialogue.reply() for _ in range(3)] == [b"250", b"503", b"250"]


def test_the_oldest_are_dropped_beyond_the_cap_and_counted(server: tuple[int, Path]) -> None:
    root = server[1]
    with smtplib.SMTP("127.0.0.1", server[0], timeout=10) as client:
        for number in range(2 * KEEP):
            client.sendmail("a@example.com", "many@example.org", f"Subject: many {number}\r\n\r\nx\r\n")
    page = mailbox.list_messages(root, page_size=1000)
    assert page.total <= KEEP
    assert page.entries[0].subject == f"many {2 * KEEP - 1}"
    assert page.dropped >= KEEP
    assert len(list((root / "new").iterdir())) == page.total


def store(root: Path, subject: str, recipient: str = "ada@example.org", data: bytes | None = None) -> maildir.Entry:
    writer = MaildirWriter(root)
    entry = writer.store("shop@example.com", (recipient,), data or f"Subject: {subject}\r\n\r\nx\r\n".encode())
    writer.close()
    return entry


def test_the_list_is_paged_newest_first_and_searched_without_case(tmp_path: Path) -> None:
    for number in range(7):
        store(tmp_path, f"Hello {number}", recipient=f"r{number % 2}@example.org")
    first = mailbox.list_messages(tmp_path, page_size=3)
    assert [entry.subject for entry in first.entries] == ["Hello 6", "Hello 5", "Hello 4"]
    assert (first.number, first.pages, first.total) == (1, 3, 7)
    assert [entry.subject for entry in mailbox.list_messages(tmp_path, page=99, page_size=3).entries] == ["Hello 0"]
    assert mailbox.list_messages(tmp_path, search="R1@").total == 3
    assert mailbox.list_messages(tmp_path, search="hello 2").total == 1
    assert mailbox.list_messages(tmp_path, search="absent").entries == ()


def test_a_mailbox_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    page = mailbox.list_messages(tmp_path / "none")
    assert (page.entries, page.total, page.pages, page.dropped) == ((), 0, 1, 0)


def test_one_message_is_taken_apart(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message["To"] = "Zoë <zoe@example.org>"
    message.set_content("plain ä\n")
    message.add_alternative("<p>rich ä</p>", subtype="html")
    message.add_attachment(b"1234", maintype="application", subtype="pdf", filename="bill.pdf")
    entry = store(tmp_path, "", data=message.as_bytes().replace(b"\n", b"\r\n"))
    assert entry.subject == "Grüße"
    read = mailbox.read_message(tmp_path, entry.id)
    assert ("To", "Zoë <zoe@example.org>") in read.headers
    assert (read.subject, read.text, read.html) == ("Grüße", "plain ä\n", "<p>rich ä</p>\n")
    assert read.attachments == (("bill.pdf", "application/pdf", 4),)
    assert abs(read.at.timestamp() - time.time()) < 60


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"Subject: =?nonsense?q?=E4?=\r\n\r\nx",
        b"Content-Type: text/html; charset=klingon\r\n\r\n<p>\xe4</p>\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nbroken",
        b"To: <<>>,,\r\nDate: never\r\nSubject: a\r\n b\r\n\r\n",
    ],
)
def test_a_broken_message_can_be_read(tmp_path: Path, data: bytes) -> None:
    entry = store(tmp_path, "", data=data or b"\r\n")
    assert mailbox.read_message(tmp_path, entry.id).raw == (data or b"\r\n")
    assert mailbox.list_messages(tmp_path).total == 1


@pytest.mark.parametrize("name", ["../../secret", "", "new", "00000000000000000001.1_1", "1.1_1\n"])
def test_a_name_that_is_no_message_is_gone(tmp_path: Path, name: str) -> None:
    store(tmp_path, "x")
    with pytest.raises(mailbox.MessageGone):
        mailbox.read_raw(tmp_path, name)


def test_a_restart_after_a_crash_forgets_lines_without_a_message(tmp_path: Path) -> None:
    lost, kept = store(tmp_path, "lost"), store(tmp_path, "kept")
    maildir.message_file(tmp_path, lost.id).unlink()
    with maildir.index_file(tmp_path).open("ab") as index:
        index.write(b'{"id": "half a li')
    MaildirWriter(tmp_path).close()
    assert [entry.id for entry in maildir.read_index(tmp_path)] == [kept.id]


def test_a_taken_port_is_said_without_a_traceback(server: tuple[int, Path], tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "massmailer.sandbox", "--port", str(server[0]), "--dir", str(tmp_path)],
        cwd=paths.checkout(), env={**os.environ}, capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert result.returncode == 1
    assert f"cannot listen on 127.0.0.1:{server[0]}" in result.stderr
    assert "Traceback" not in result.stderr
