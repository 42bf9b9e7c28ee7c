"""The SMTP door in a process of its own: what applications hand in arrives, and what is accepted is committed."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import os
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import connection

from bench.sink import Options, Sink
from campaigns.api import keys
from delivery import message_sender, runtime
from delivery.models import Message, MessageEvent, MessageStream, SendingDomain
from delivery.providers import add_provider
from tests.acceptance.delivery.conftest import wait_for
from tests.acceptance.delivery.test_engines_away import Database

PDF = bytes(range(256)) * 300


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost and its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "door.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


class Door:
    """A running door. port: STARTTLS; tls_port: TLS."""

    def __init__(self, database: Database, certificate: Path) -> None:
        self.port, self.tls_port = free_port(), free_port()
        self.trust = ssl.create_default_context(cafile=str(certificate))
        environment = {
            **os.environ,
            "DATABASE_URL": database.url,
            "MASSMAILER_PROCESS": "submission",
            "MASSMAILER_SUBMISSION_CERTIFICATE": str(certificate),
        }
        ports = ["--port", str(self.port), "--tls-port", str(self.tls_port)]
        self.process = subprocess.Popen([sys.executable, "manage.py", "submission_server", *ports], env=environment)
        wait_for(self._answers, 30, "the door is open")

    def _answers(self) -> bool:
        assert self.process.poll() is None
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def enter(self, secret: str) -> smtplib.SMTP:
        session = smtplib.SMTP("localhost", self.port, timeout=20)
        try:
            session.starttls(context=self.trust)
            session.login("api", secret)
        except smtplib.SMTPException:
            session.close()
            raise
        return session

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def database(django_db_setup: None) -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="mm-") as folder:
        yield Database(Path(folder))


@pytest.fixture(scope="module")
def door(database: Database, certificate: Path) -> Iterator[Door]:
    running = Door(database, certificate)
    yield running
    assert running.stop() == 0


@pytest.fixture(autouse=True)
def empty(transactional_db: None, redis_client: object) -> None:
    with connection.cursor() as cursor:
        # not the contents: the door remembers for minutes which of them are stored
        cursor.execute("TRUNCATE delivery_message, delivery_messageevent")


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink(Options(keep_content=True)) as running:
        yield running


@pytest.fixture
def worker(sink: Sink, empty: None) -> Iterator[None]:
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}")
    yield
    runtime.shut_down()


@pytest.fixture
def secret(empty: None) -> str:
    return keys.create_key(name="Shop", scopes=["messages:write"])[1]


def order(**headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "The Shop <shop@shop.example>"
    message["To"] = "Ada <ada@example.com>"
    message["Subject"] = "Ihre Bestellung für Äpfel"
    message["Message-ID"] = "<order-7@shop.example>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("Hello Ada,\n.a line with a dot\n")
    message.add_alternative('<p>Hello Ada</p><img src="cid:logo">', subtype="html")
    message.get_payload()[1].add_related(b"\x89PNG" + PDF, "image", "png", cid="<logo>")  # type: ignore[union-attr]
    message.add_attachment(PDF, maintype="application", subtype="pdf", filename="Rechnung für Ada.pdf")
    return message


@pytest.mark.usefixtures("worker")
def test_a_message_arrives_as_it_was_written(door: Door, secret: str, sink: Sink) -> None:
    MessageStream.objects.update_or_create(name="receipts", defaults={"at_least_once": True})
    message = order(
        X_MassMailer_Stream="receipts",
        X_MassMailer_Tags="order, first",
        X_MassMailer_Priority="9",
        X_MassMailer_Metadata='{"order": "7"}',
        Bcc="archive@example.com",
        X_Shop="7",
    )
    written = message.as_bytes(policy=email.policy.SMTP)
    with door.enter(secret) as session:
        session.sendmail("shop@shop.example", ["ada@example.com", "archive@example.com"], written)
    rows = Message.objects.order_by("id")
    assert [row.to_address for row in rows] == ["ada@example.com", "archive@example.com"]
    assert {(row.stream, row.priority, row.at_least_once) for row in rows} == {("receipts", 9, True)}
    assert (rows[0].tags, rows[0].metadata) == (["order", "first"], {"order": "7"})
    assert MessageEvent.objects.filter(message_id=rows[0].id).get().detail == "by SMTP with the key Shop"

    assert message_sender.send_due() == 2
    assert {row.status for row in Message.objects.all()} == {"sent"}
    arrived = [email.message_from_bytes(one.content, policy=email.policy.default) for one in sink.messages()]
    assert len(arrived) == 2
    for one in arrived:
        assert [name for name in one.keys() if name.lower().startswith(("x-massmailer", "bcc"))] == []  # noqa: SIM118
        assert one["Subject"] == "Ihre Bestellung für Äpfel"
        assert (one["Message-ID"], one["X-Shop"]) == ("<order-7@shop.example>", "7")
        files = {part.get_filename() or part["Content-ID"]: part for part in one.walk()}
        assert files["Rechnung für Ada.pdf"].get_content() == PDF  # type: ignore[attr-defined]
        assert files["<logo>"].get_content() == b"\x89PNG" + PDF  # type: ignore[attr-defined]
    # what stands below the header is the same to the byte
    body = written.partition(b"\r\n\r\n")[2]
    assert sink.messages()[0].content.partition(b"\r\n\r\n")[2].rstrip(b"\r\n") == body.rstrip(b"\r\n")


@pytest.mark.usefixtures("worker")
def test_django_sends_through_the_door_with_its_own_backend(door: Door, secret: str, sink: Sink) -> None:
    backend = get_connection(
        "django.core.mail.backends.smtp.EmailBackend", host="localhost", port=door.port, username="api",
        password=secret,
    )  # fmt: skip
    message = EmailMultiAlternatives(
        "Grüße", "Guten Tag, Zoë 🍏", "shop@shop.example", ["ada@example.com"], connection=backend
    )
    message.attach_alternative("<p>Guten Tag, Zoë 🍏</p>", "text/html")
    # loopback needs no TLS
    assert message.send() == 1
    message_sender.send_due()
    (one,) = sink.messages()
    arrived = email.message_from_bytes(one.content, policy=email.policy.default)
    assert arrived["Subject"] == "Grüße"
    assert arrived.get_body(("plain",)).get_content().strip() == "Guten Tag, Zoë 🍏"  # type: ignore[attr-defined]
    assert one.content.isascii()


def test_only_keys_come_in_and_each_refusal_says_why(door: Door, secret: str) -> None:
    with smtplib.SMTP_SSL("localhost", door.tls_port, timeout=20, context=door.trust) as session:
        assert session.docmd("MAIL FROM:<a@shop.example>")[0] in (503, 530)
        session.ehlo()
        assert session.docmd("MAIL FROM:<a@shop.example>")[0] == 530
        with pytest.raises(smtplib.SMTPAuthenticationError) as wrong:
            session.login("api", secret[:-1] + ("a" if secret[-1] != "a" else "b"))
        assert wrong.value.smtp_code == 535
        session.login("api", secret)
    reader = keys.create_key(name="Reader", scopes=["messages:read"])[1]
    with pytest.raises(smtplib.SMTPAuthenticationError, match="messages:write"):
        door.enter(reader)
    elsewhere = keys.create_key(name="Elsewhere", scopes=["messages:write"], networks=["192.0.2.0/24"])[1]
    with pytest.raises(smtplib.SMTPAuthenticationError, match="may not be used from"):
        door.enter(elsewhere)


def test_what_cannot_be_carried_is_refused_with_the_reason(door: Door, secret: str) -> None:
    SendingDomain.objects.create(domain="shop.example")

    def hand_in(message: EmailMessage | bytes, to: str = "ada@example.com") -> tuple[int, str]:
        with door.enter(secret) as session:
            data = message if isinstance(message, bytes) else message.as_bytes(policy=email.policy.SMTP)
            try:
                session.sendmail("a@shop.example", [to], data)
            except smtplib.SMTPDataError as error:
                return error.smtp_code, error.smtp_error.decode()  # type: ignore[union-attr]
        return 250, ""

    stranger = order()
    stranger.replace_header("From", "a@stranger.example")
    wait_for(lambda: hand_in(stranger)[0] == 550, 10, "the door knows the sending domains")
    Message.objects.all().delete()
    assert "no stream" in hand_in(order(X_MassMailer_Stream="recipts"))[1]
    assert "Priority" in hand_in(order(X_MassMailer_Priority="11"))[1]
    assert "X-MassMailer-Steam" in hand_in(order(X_MassMailer_Steam="a"))[1]
    assert "more than once" in hand_in(b"From: a@shop.example\r\nSubject: a\r\nSubject: b\r\n\r\nHi\r\n")[1]
    assert "From" in hand_in(b"Subject: a\r\n\r\nHi\r\n")[1]
    assert "charset" in hand_in(b"From: a@shop.example\r\n\r\nGr\xfc\xdfe\r\n")[1]
    assert not Message.objects.exists()
    assert hand_in(b"From: a@shop.example\r\n\r\nHi\r\n") == (250, "")


def test_the_same_idempotency_key_is_one_message(door: Door, secret: str) -> None:
    for _ in range(2):
        with door.enter(secret) as session:
            session.send_message(order(X_MassMailer_Idempotency_Key="order-7"))
    with door.enter(secret) as session, pytest.raises(smtplib.SMTPDataError, match="another request"):
        session.send_message(order(X_MassMailer_Idempotency_Key="order-7"), to_addrs=["grace@example.com"])
    assert Message.objects.count() == 1


def test_without_the_database_nothing_is_accepted_and_the_sender_is_told_to_come_again(
    door: Door, secret: str, database: Database
) -> None:
    with door.enter(secret) as session:
        database.go_away()
        with pytest.raises(smtplib.SMTPDataError) as away:
            session.send_message(order())
        assert away.value.smtp_code == 451
        with pytest.raises(smtplib.SMTPAuthenticationError) as unknown:
            door.enter("mm_abcdefgh_" + "a" * 43)
        assert unknown.value.smtp_code == 454
        assert not Message.objects.exists()
        database.come_back()
        session.send_message(order())
    assert Message.objects.count() == 1
