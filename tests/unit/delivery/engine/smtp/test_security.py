"""TLS and logging in: what is trusted, what is refused, and that the person is told the cure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.sink import Sink
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp import Endpoint, ProbeReport, SmtpMessage, SmtpPool, probe

StartSink = Callable[..., Sink]
Message = Callable[..., SmtpMessage]
Send = Callable[..., list[Outcome]]
USERS = {"ann": "s3cret pässword"}


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_mail_goes_over_tls_with_a_trusted_certificate(
    start_sink: StartSink, send: Send, message: Message, endpoint: Any, tls: str
) -> None:
    sink = start_sink(tls=tls)
    messages = [message(n, body=b"z" * 76 * 400 + b"\r\n") for n in range(40)]
    assert {outcome.kind for outcome in send(endpoint(sink), messages)} == {Kind.ACCEPTED}
    assert sink.stats()["messages"] == 40


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_an_untrusted_certificate_ends_everything_unsent_with_the_cure(
    start_sink: StartSink, send: Send, message: Message, endpoint: Any, tls: str
) -> None:
    sink = start_sink(tls=tls)
    outcomes = send(endpoint(sink, ca_file=""), [message(n) for n in range(3)])
    assert {outcome.kind for outcome in outcomes} == {Kind.NOT_ATTEMPTED}
    assert "is not trusted" in outcomes[0].reply
    assert "ca_file" in outcomes[0].reply
    assert sink.stats()["messages"] == 0


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_for_another_name_is_refused(
    start_sink: StartSink, send: Send, message: Message, tls: str
) -> None:
    sink = start_sink(tls=tls, host="127.0.0.2")
    security = "starttls" if tls == "starttls" else "tls"
    [outcome] = send(Endpoint("127.0.0.2", sink.port, security, ca_file=sink.ca_file), [message(1)])
    assert outcome.kind is Kind.NOT_ATTEMPTED
    assert "127.0.0.2" in outcome.reply


def test_verification_can_be_turned_off(start_sink: StartSink, send: Send, message: Message, endpoint: Any) -> None:
    sink = start_sink(tls="implicit")
    assert send(endpoint(sink, ca_file="", verify=False), [message(1)])[0].kind is Kind.ACCEPTED


def test_a_missing_ca_file_is_named(start_sink: StartSink, send: Send, message: Message, endpoint: Any) -> None:
    sink = start_sink(tls="implicit")
    [outcome] = send(endpoint(sink, ca_file="/nowhere/ca.pem"), [message(1)])
    assert outcome.kind is Kind.NOT_ATTEMPTED
    assert "/nowhere/ca.pem" in outcome.reply


def test_starttls_that_is_not_offered_is_not_skipped(start_sink: StartSink, send: Send, message: Message) -> None:
    sink = start_sink()
    [outcome] = send(Endpoint("127.0.0.1", sink.port, "starttls"), [message(1)])
    assert outcome.kind is Kind.NOT_ATTEMPTED
    assert "does not offer STARTTLS" in outcome.reply


def test_plain_speech_on_a_tls_port_and_tls_on_a_plain_port_name_the_port(
    start_sink: StartSink, send: Send, message: Message, quick: Any
) -> None:
    plain = start_sink()
    [outcome] = send(Endpoint("127.0.0.1", plain.port, "tls", timeouts=quick), [message(1)])
    assert outcome.kind is Kind.NOT_ATTEMPTED
    assert "465" in outcome.reply
    secure = start_sink(tls="implicit")
    [outcome] = send(Endpoint("127.0.0.1", secure.port, timeouts=quick), [message(1)])
    assert outcome.kind is Kind.NOT_ATTEMPTED


def test_replies_smuggled_in_before_tls_end_the_session(run: Any, scripted: Any, message: Message) -> None:
    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        await reader.readline()
        writer.write(b"250-x\r\n250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 go ahead\r\n250 smuggled\r\n")
        await reader.read()

    async def main() -> list[Outcome]:
        async with scripted(dialogue) as port:
            pool = SmtpPool(Endpoint("127.0.0.1", port, "starttls"), max_connections=1)
            outcomes = await pool.send_window([message(1)])
            await pool.close()
            return outcomes

    [outcome] = run(main())
    assert outcome.kind is Kind.NOT_ATTEMPTED
    assert "before TLS" in outcome.reply


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN", "LOGIN PLAIN", "CRAM-MD5 LOGIN"])
@pytest.mark.parametrize("tls", ["", "starttls", "implicit"])
def test_the_right_password_opens_the_door(
    start_sink: StartSink, send: Send, message: Message, endpoint: Any, mechanisms: str, tls: str
) -> None:
    sink = start_sink(users=USERS, auth_mechanisms=mechanisms, tls=tls)
    place = endpoint(sink, username="ann", password=USERS["ann"])
    assert send(place, [message(1)])[0].kind is Kind.ACCEPTED


def test_a_wrong_password_ends_everything_unsent_at_the_first_try(
    start_sink: StartSink, send: Send, message: Message, endpoint: Any
) -> None:
    sink = start_sink(users=USERS)
    outcomes = send(endpoint(sink, username="ann", password="wrong"), [message(n) for n in range(30)], connections=8)
    assert {(outcome.kind, outcome.code) for outcome in outcomes} == {(Kind.NOT_ATTEMPTED, 535)}
    assert "Check user name and password" in outcomes[0].reply
    assert "wrong" not in outcomes[0].reply
    assert sink.stats()["refused_auth"] == 1


def test_unknown_mechanisms_are_named(start_sink: StartSink, send: Send, message: Message, endpoint: Any) -> None:
    sink = start_sink(users=USERS, auth_mechanisms="GSSAPI")
    [outcome] = send(endpoint(sink, username="ann", password="x"), [message(1)])
    assert outcome.kind is Kind.NOT_ATTEMPTED
    assert "GSSAPI" in outcome.reply


def test_no_password_goes_over_an_open_line_to_another_machine(
    start_sink: StartSink, send: Send, message: Message, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = start_sink(users=USERS)
    monkeypatch.setattr("delivery.engine.smtp.handshake.is_loopback", lambda address: False)
    [outcome] = send(endpoint(sink, username="ann", password=USERS["ann"]), [message(1)])
    assert outcome.kind is Kind.NOT_ATTEMPTED
    assert "unencrypted" in outcome.reply
    assert sink.stats()["messages"] == 0


def test_a_probe_tells_what_the_server_offers(start_sink: StartSink, run: Any, endpoint: Any) -> None:
    sink = start_sink(tls="starttls", users=USERS, size_limit=1234567)
    report: ProbeReport = run(probe(endpoint(sink, username="ann", password=USERS["ann"])))
    assert report.ok
    assert report.tls_version in ("TLSv1.2", "TLSv1.3")
    assert report.auth_mechanisms == ("LOGIN", "PLAIN")
    assert (report.size_limit, report.pipelining, report.eight_bit, report.smtputf8) == (1234567, True, True, True)
    assert report.authenticated
    assert 0 < report.latency_seconds < report.connect_seconds
    assert sink.stats()["quits"] == 1


def test_a_probe_names_the_cure(start_sink: StartSink, run: Any, endpoint: Any, tmp_path: Path) -> None:
    sink = start_sink(users=USERS)
    report: ProbeReport = run(probe(endpoint(sink, username="ann", password="wrong")))
    assert not report.ok
    assert report.code == 535
    assert "Check user name and password" in report.error
    bad = tmp_path / "ca.pem"
    bad.write_text("not a certificate")
    assert "cannot be read" in run(probe(Endpoint("127.0.0.1", sink.port, "tls", ca_file=str(bad)))).error
