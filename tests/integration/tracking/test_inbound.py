"""Bounces by e-mail through all three doors: mail server, mailbox, pipe."""

from __future__ import annotations

import datetime as dt
import os
import poplib
import smtplib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
from django.conf import settings
from django.db import connection

from campaigns.models import Lead, Suppression
from delivery.models import SendingDomain
from delivery.tokens import signer
from delivery.transactional import queue_message
from tests.integration.tracking import mail_house
from tests.integration.tracking.conftest import MakeSent, Sent
from tests.integration.tracking.tls_front import TlsFront, make_certificate
from tests.unit.tracking.inbound.samples import AUTOREPLIES, block, complaint, dsn, plain
from tracking import stream
from tracking.consume import drain
from tracking.inbound import mailbox
from tracking.inbound.receive import receive
from tracking.models import Event, MailAccount, StrayMail

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[3]
DOMAIN = "bounces.sender.example"
TODAY = format_datetime(dt.datetime.now(dt.UTC)).encode()


@pytest.fixture(autouse=True)
def bounce_domain(settings: Any) -> None:
    settings.BOUNCE_DOMAIN = DOMAIN


def bounce(sent: Sent, n: int = 0, *, said: str = "550 5.1.1 No such user", status: str = "5.1.1") -> bytes:
    """The notification that comes back for the n-th lead's e-mail."""
    address = sent.leads[n].email
    return dsn(block(address, "failed", status, said), to=address)


def return_path(sent: Sent, n: int = 0) -> str:
    return f"b+{sent.tokens(n).bounce}@{DOMAIN}"


def unsubscribe_mail(sent: Sent, n: int = 0) -> bytes:
    return plain("ada@example.com", sent.tokens(n).unsubscribe, "").replace(
        b"To: bounce@sender.example", f"To: unsubscribe@{DOMAIN}".encode()
    )


def environment(**more: str) -> dict[str, str]:
    """Of a process on this test's database."""
    url = urlsplit(settings.DATABASE_URL)
    return {
        **os.environ,
        "DATABASE_URL": urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}")),
        "REDIS_URL": settings.REDIS_URL, "SECRET_KEY": settings.SECRET_KEY,
        "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS), "ALLOWED_HOSTS": "localhost",
        "FLOWER_BASIC_AUTH": "test:test", "BOUNCE_DOMAIN": DOMAIN, "DJANGO_SETTINGS_MODULE": "massmailer.settings",
        **more,
    }  # fmt: skip


@contextmanager
def mail_server(*options: str, dies: int = 0, **more: str) -> Iterator[int]:
    """The port of an inbound server in a process of its own. dies: the status that it ends with."""
    command = [sys.executable, "manage.py", "inbound_server", "--port", "0", *options]
    with subprocess.Popen(
        command, env=environment(**more), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        try:
            assert running.stdout is not None
            yield int(running.stdout.readline().rstrip(".\n").rpartition(" ")[2])
        finally:
            running.terminate()
            assert running.wait(20) == dies


# --- one function ----------------------------------------------------------------------------------------------------


def test_a_bounce_complaint_and_unsubscribe_do_what_they_say(make_sent: MakeSent) -> None:
    sent = make_sent(leads=4)
    assert receive(bounce(sent), [return_path(sent)], via="pipe") == "bounce"
    # the case of an address is folded on the way
    full = bounce(sent, 1, said="552 5.2.2 Mailbox full", status="5.2.2")
    assert receive(full, [return_path(sent, 1).upper()], via="pipe") == "bounce"
    angry = complaint(more=f"Original-Rcpt-To: {sent.leads[2].email}\n")
    assert receive(angry, [return_path(sent, 2)], via="pipe") == "complaint"
    assert receive(unsubscribe_mail(sent, 3), [f"Unsubscribe@{DOMAIN}"], via="pipe") == "unsubscribe"
    assert [sent.row(n).status for n in range(4)] == ["bounced_hard", "bounced_soft", "sent", "sent"]
    leads = {lead.email: lead.status for lead in Lead.objects.all()}
    assert [leads[lead.email] for lead in sent.leads] == ["bounced", "subscribed", "complained", "unsubscribed"]
    reasons = dict(Suppression.objects.values_list("value", "reason"))
    assert reasons == {
        "ada0@example.com": "hard_bounce", "ada2@example.com": "complaint", "ada3@example.com": "unsubscribe",
    }  # fmt: skip
    assert Event.objects.count() == 4
    # servers that lost our answer send it again
    again = b"Received: from elsewhere\r\n" + bounce(sent).replace(b"\n", b"\r\n")
    receive(b"Message-ID: <x@y>\nDate: " + TODAY + b"\n" + bounce(sent), [return_path(sent)], via="pipe")
    receive(b"Message-ID: <x@y>\nDate: " + TODAY + b"\n" + again, [return_path(sent)], via="pipe")
    assert Event.objects.filter(kind="bounce", lead_id=sent.leads[0].pk).count() == 2


def test_a_delay_is_no_bounce_and_an_automatic_reply_is_nothing(make_sent: MakeSent) -> None:
    sent = make_sent()
    late = dsn(block(sent.leads[0].email, "delayed", "4.4.1", "451 4.4.1 timed out"), to=sent.leads[0].email)
    assert receive(late, [return_path(sent)], via="pipe") == "bounce"
    assert receive(AUTOREPLIES[0], [return_path(sent)], via="pipe") == "autoreply"
    assert sent.row().status == "sent"
    assert Event.objects.get().kind == "deferred"
    assert not StrayMail.objects.exists()


def test_a_transactional_message_bounces_too(sent: Sent) -> None:
    message_id = queue_message(to="bob@example.com", subject="Order", html="<p>Hi</p>")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_message SET status = 'sent'")
    token = signer().sign_base32("bounce", "message", message_id, 0)
    raw = dsn(block("bob@example.com", "failed", "5.1.1", "550 5.1.1 No such user"), to="bob@example.com")
    assert receive(raw, [f"b+{token}@{DOMAIN}"], via="pipe") == "bounce"
    assert Suppression.objects.get().value == "bob@example.com"


def test_a_copy_of_our_message_says_whose_it_was(make_sent: MakeSent) -> None:
    sent = make_sent(leads=2)
    link = f"List-Unsubscribe: <https://mail.example/u/{sent.tokens(0).unsubscribe}>\n"
    angry = complaint(more="").replace(b"Subject: Spring\n", b"Subject: Spring\n" + link.encode())
    assert receive(angry, [f"complaints@{DOMAIN}"], via="smtp") == "complaint"
    quoted = bounce(sent, 1).replace(
        b"Subject: Spring\n", f"Return-Path: <{return_path(sent, 1)}>\nSubject: Spring\n".encode()
    )
    assert receive(quoted, via="mailbox") == "bounce"
    assert sent.row(0).complained_at is not None
    assert sent.row(1).status == "bounced_hard"


def test_what_cannot_be_told_is_kept_once_and_forged_tokens_say_nothing(make_sent: MakeSent) -> None:
    sent = make_sent()
    token = sent.tokens().bounce
    forged = ("a" if token[-1] != "a" else "b").join((token[:-1], ""))
    for _ in range(2):
        assert receive(bounce(sent), [f"b+{forged}@{DOMAIN}"], via="pipe") == "stray"
    assert receive(plain("ada@example.com", "Re: Spring", "Thank you!\0"), [return_path(sent)], via="pipe") == "stray"
    assert receive(plain("ada@example.com", "please", ""), [f"unsubscribe@{DOMAIN}"], via="pipe") == "stray"
    for rubbish in (b"", b"\xff\0\xfe" * 100, b"Subject: =?utf-8?b?//79?=\n\n"):
        assert receive(rubbish, via="pipe") == "stray"
    assert sent.row().status == "sent"
    assert StrayMail.objects.count() == 6
    assert StrayMail.objects.get(reason="about no e-mail of ours", sender__contains="DAEMON").report["kind"] == "bounce"


# --- the mail server -------------------------------------------------------------------------------------------------


def test_the_mail_server_takes_mail_for_our_addresses_alone(make_sent: MakeSent) -> None:
    sent = make_sent(leads=3)
    SendingDomain.objects.create(domain="brand.example", bounce_domain="back.brand.example")
    with mail_server() as port, smtplib.SMTP("127.0.0.1", port, timeout=20) as session:
        session.ehlo()
        session.mail("")
        assert session.rcpt(f"nobody@{DOMAIN}")[0] == 550
        assert session.rcpt(f"b+{'a' * 30}@{DOMAIN}")[0] == 550
        assert session.rcpt(return_path(sent).replace(DOMAIN, "other.example"))[0] == 550
        session.rset()
        session.sendmail("", [return_path(sent)], bounce(sent))
        session.sendmail("", [return_path(sent, 1).replace(DOMAIN, "BACK.brand.example")], bounce(sent, 1))
        session.sendmail("ada@example.com", [f"unsubscribe@{DOMAIN}"], unsubscribe_mail(sent, 2))
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            session.sendmail("", [return_path(sent)], b"x" * 78 + b"\r\n" + (b"y" * 78 + b"\r\n") * 70_000)
        assert refused.value.smtp_code == 552
    assert [sent.row(n).status for n in range(3)] == ["bounced_hard", "bounced_hard", "sent"]
    assert Lead.objects.get(pk=sent.leads[2].pk).status == "unsubscribed"


def test_lmtp_answers_for_each_recipient_and_sessions_are_bounded(make_sent: MakeSent) -> None:
    sent = make_sent(leads=2)
    with mail_server("--lmtp", "--connections", "2") as port:
        with smtplib.LMTP("127.0.0.1", port, timeout=20) as session:
            session.ehlo()
            session.mail("")
            assert [session.rcpt(return_path(sent, n))[0] for n in range(2)] == [250, 250]
            assert session.data(bounce(sent)) == (250, b"2.0.0 OK: bounce")
            assert session.getreply() == (250, b"2.0.0 OK: bounce")
            with socket.create_connection(("127.0.0.1", port)) as second:
                assert second.recv(100).startswith(b"220")
                with socket.create_connection(("127.0.0.1", port)) as third:
                    assert third.recv(100).startswith(b"421")
        assert sent.row().status == "bounced_hard"


def test_the_mail_server_says_later_where_nothing_can_be_kept(make_sent: MakeSent, redis_client: redis.Redis) -> None:
    sent = make_sent()
    nowhere = "postgres://nobody@127.0.0.1:1/nothing"
    with mail_server(DATABASE_URL=nowhere) as port, smtplib.SMTP("127.0.0.1", port, timeout=30) as session:
        session.sendmail("", [return_path(sent)], bounce(sent))
        # what has to be kept aside has no place in the stream
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            session.sendmail("ada@example.com", [f"unsubscribe@{DOMAIN}"], plain("ada@example.com", "hm", ""))
        assert refused.value.smtp_code == 451
        session.mail("")
        assert session.rcpt(return_path(sent).replace(DOMAIN, "other.example"))[0] == 451
    assert redis_client.xlen(stream.PRIORITY) == 1
    drain()
    assert sent.row().status == "bounced_hard"
    away = {"DATABASE_URL": nowhere, "REDIS_URL": "redis://127.0.0.1:1/0"}
    with mail_server(**away) as port, smtplib.SMTP("127.0.0.1", port, timeout=30) as session:
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            session.sendmail("", [return_path(sent)], bounce(sent))
        assert refused.value.smtp_code == 451


def test_a_server_killed_before_its_answer_costs_nothing(make_sent: MakeSent, tmp_path: Path) -> None:
    sent = make_sent()
    raw = b"Message-ID: <x@y>\nDate: " + TODAY + b"\n" + bounce(sent)
    with (
        mail_server(MASSMAILER_FAILPOINT=f"inbound_after_commit:{tmp_path / 'hit'}", dies=-9) as port,
        smtplib.SMTP("127.0.0.1", port, timeout=20) as session,
        pytest.raises(smtplib.SMTPServerDisconnected),
    ):
        session.sendmail("", [return_path(sent)], raw)
    assert sent.row().status == "bounced_hard"
    # its sender has no answer and comes again
    receive(b"Received: from elsewhere\n" + raw, [return_path(sent)], via="smtp")
    assert Event.objects.count() == 1


# --- the pipe --------------------------------------------------------------------------------------------------------


def piped(raw: bytes, *arguments: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "manage.py", "receive_mail", *arguments],
        input=raw, env=environment(**more), cwd=ROOT, capture_output=True, check=False, timeout=60,
    )  # fmt: skip


def test_the_pipe_takes_a_message_or_says_later(make_sent: MakeSent) -> None:
    sent = make_sent()
    # without the envelope its own headers tell
    done = piped(addressed(sent, 0, bounce(sent)))
    assert (done.returncode, done.stdout) == (0, b"bounce\n")
    assert sent.row().status == "bounced_hard"
    away = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing", "REDIS_URL": "redis://127.0.0.1:1/0"}
    assert piped(bounce(sent), return_path(sent), **away).returncode == 75


# --- the mailbox -----------------------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Callable[..., tuple[int, int]]]:
    """A function that starts IMAP and POP3 servers with these messages; their ports, without TLS."""
    started: list[subprocess.Popen[str]] = []

    def start(*messages: bytes) -> tuple[int, int]:
        folder = tmp_path / f"box{len(started)}"
        folder.mkdir()
        for number, raw in enumerate(messages):
            (folder / f"{number:03}.eml").write_bytes(raw.replace(b"\n", b"\r\n"))
        command = [sys.executable, str(Path(mail_house.__file__)), str(folder)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout is not None
        imap, pop = started[-1].stdout.readline().split()
        return int(imap), int(pop)

    yield start
    for one in started:
        one.terminate()
        one.wait(10)
        assert one.stdout is not None
        one.stdout.close()


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate for localhost that this process trusts."""
    certificate = make_certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate


def account_for(protocol: str, port: int, **fields: Any) -> MailAccount:
    account = MailAccount(
        name=f"{protocol} {port}", protocol=protocol, host="localhost", port=port, username=mail_house.USER, **fields
    )
    account.password = mail_house.PASSWORD
    account.save()
    return account


def left_in(port: int) -> int:
    """Messages that are still there, asked by POP3."""
    session = poplib.POP3("127.0.0.1", port, timeout=20)
    session.user(mail_house.USER)
    session.pass_(mail_house.PASSWORD)
    count = session.stat()[0]
    session.quit()
    return count


def addressed(sent: Sent, n: int, raw: bytes) -> bytes:
    return f"Delivered-To: {return_path(sent, n)}\n".encode() + raw


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_mailbox_is_emptied(
    make_sent: MakeSent, house: Callable[..., tuple[int, int]], trusted: Path, protocol: str
) -> None:
    sent = make_sent(leads=2)
    large = addressed(sent, 1, bounce(sent, 1)) + (b"z" * 3000 + b"\n") * 500
    imap, pop = house(addressed(sent, 0, bounce(sent)), plain("a@b.example", "Hello", "You won!"), large)
    with TlsFront(imap if protocol == "imap" else pop, trusted) as front:
        account = account_for(protocol, front.port)
        visit = mailbox.visit_all()[account.name]
    assert (visit.taken, visit.error) == (3, "")
    assert [sent.row(n).status for n in range(2)] == ["bounced_hard", "bounced_hard"]
    assert StrayMail.objects.get().subject == "Hello"
    assert left_in(pop) == 0
    account.refresh_from_db()
    assert (account.taken, account.last_error) == (3, "")
    assert account.last_visit_at is not None


def test_messages_may_stay_and_are_taken_once(
    make_sent: MakeSent, house: Callable[..., tuple[int, int]], trusted: Path
) -> None:
    sent = make_sent()
    imap, pop = house(addressed(sent, 0, bounce(sent)))
    with TlsFront(imap, trusted) as front:
        account = account_for("imap", front.port, keeps_messages=True)
        assert [mailbox.visit(account.pk).taken for _ in range(2)] == [1, 0]
    assert left_in(pop) == 1


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_message_that_could_not_be_kept_stays_in_the_mailbox(
    make_sent: MakeSent, house: Callable[..., tuple[int, int]], trusted: Path, protocol: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    sent = make_sent()
    imap, pop = house(addressed(sent, 0, bounce(sent)), addressed(sent, 0, bounce(sent)))
    taken = iter([None, stream.StreamAway("both engines are away")])

    def unsteady(raw: bytes, **options: Any) -> str:
        trouble = next(taken)
        if trouble:
            raise trouble
        return receive(raw, **options)

    monkeypatch.setattr(mailbox, "receive", unsteady)
    with TlsFront(imap if protocol == "imap" else pop, trusted) as front:
        account = account_for(protocol, front.port)
        visit = mailbox.visit(account.pk)
    assert (visit.taken, visit.error) == (1, "both engines are away")
    assert left_in(pop) == 1
    assert MailAccount.objects.get().last_error == "both engines are away"


def test_a_server_that_is_not_who_it_says_gets_no_password(
    house: Callable[..., tuple[int, int]], trusted: Path, tmp_path: Path
) -> None:
    imap, pop = house(b"Subject: hello\n\n")
    with TlsFront(imap, make_certificate(tmp_path, "elsewhere.example")) as front:
        assert "not who it says" in mailbox.visit(account_for("imap", front.port).pk).error
    # nor one without TLS
    assert mailbox.visit(account_for("pop3", pop).pk).error
    with TlsFront(imap, trusted) as front:
        wrong = account_for("imap", front.port)
        wrong.password = "wrong"
        wrong.save()
        assert mailbox.visit(wrong.pk).error
    assert left_in(pop) == 1
