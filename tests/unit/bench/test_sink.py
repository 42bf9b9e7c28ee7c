"""The sink itself: what it records, how it misbehaves, how it is asked and told."""

from __future__ import annotations

import asyncio
import json
import smtplib
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from bench.sink import Options, Rule, Sink
from bench.sink_rules import Behaviour, parse_rule, rule_from_json
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp import Endpoint, SmtpMessage, SmtpPool

DATA = b"Message-ID: <1@example.com>\r\n\r\nHello\r\n"


def _send(sink: Sink, count: int, data: bytes = DATA) -> list[Outcome]:
    async def main() -> list[Outcome]:
        pool = SmtpPool(Endpoint("127.0.0.1", sink.port), max_connections=2)
        outcomes = await pool.send_window(
            [SmtpMessage("s@example.com", f"user{n}@example.com", data) for n in range(count)]
        )
        await pool.close()
        return outcomes

    return asyncio.run(main())


@pytest.mark.parametrize("process", [False, True])
def test_it_counts_and_logs_before_it_answers(tmp_path: Path, process: bool) -> None:
    log = tmp_path / "accepted.log"
    with Sink(Options(log=str(log)), process=process) as sink:
        assert {outcome.kind for outcome in _send(sink, 20)} == {Kind.ACCEPTED}
        lines = log.read_text().splitlines()
        stats = sink.stats()
    assert sorted(lines) == sorted(f"user{n}@example.com\t<1@example.com>" for n in range(20))
    assert (stats["messages"], stats["recipients"], stats["distinct_recipients"]) == (20, 20, 20)
    assert stats["bytes"] == 20 * len(DATA)


@pytest.mark.parametrize("size", [1, 4000, 5000, 70_000, 300_000])
@pytest.mark.parametrize("keep", [False, True])
def test_fast_mode_counts_every_message_and_byte(size: int, keep: bool) -> None:
    data = DATA + b"".join(b"y" * 70 + b"\r\n" for _ in range(size // 72)) + b"z\r\n"
    with Sink(Options(keep_recipients=False, keep_content=keep)) as sink:
        assert {outcome.kind for outcome in _send(sink, 30, data)} == {Kind.ACCEPTED}
        assert (sink.stats()["messages"], sink.stats()["bytes"]) == (30, 30 * len(data))
        if keep:
            assert {stored.content for stored in sink.messages()} == {data}


def test_content_goes_to_a_maildir(tmp_path: Path) -> None:
    with Sink(Options(maildir=str(tmp_path / "box"))) as sink:
        _send(sink, 3)
    files = sorted((tmp_path / "box" / "new").iterdir())
    assert len(files) == 3
    assert all(file.read_bytes().endswith(DATA) and b"X-Original-To: user" in file.read_bytes() for file in files)


def test_another_client_gets_on_with_it(tmp_path: Path) -> None:
    with Sink(Options(keep_content=True)) as sink, smtplib.SMTP("127.0.0.1", sink.port, timeout=10) as client:
        client.sendmail("a@x.example", ["b@x.example", "c@x.example"], "Subject: x\r\n\r\n.dot\r\n")
        assert sink.stats()["recipients"] == 2
        assert sink.messages()[0].content == b"Subject: x\r\n\r\n.dot\r\n"
        assert client.noop()[0] == 250
        assert client.docmd("WHAT")[0] == 500
        assert client.docmd("DATA")[0] == 503


def test_behaviour_changes_while_it_runs_in_another_process() -> None:
    with Sink(process=True) as sink:
        assert _send(sink, 1)[0].kind is Kind.ACCEPTED
        sink.behave([Rule("RCPT", "*@example.com", text="452 4.2.2 mailbox full")])
        assert _send(sink, 1)[0].kind is Kind.SOFT
        sink.behave([])
        sink.reset()
        assert _send(sink, 1)[0].kind is Kind.ACCEPTED
        assert sink.stats()["messages"] == 1
        assert sink.accepted() == [("user0@example.com", "<1@example.com>")]


def test_the_control_port_explains_what_it_cannot_do() -> None:
    with Sink() as sink:
        for path, body in [("/nothing", b"{}"), ("/behaviour", b"{}"), ("/behaviour", b'{"rules": [{"stage": "X"}]}')]:
            request = urllib.request.Request(f"http://127.0.0.1:{sink.control_port}{path}", body, method="POST")
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request, timeout=10)
            assert caught.value.code == 400
            assert json.load(caught.value)["error"]
            caught.value.close()


def test_it_runs_from_the_command_line_and_ends_with_its_counts(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.sink", "--reply", "RCPT:user1@*=550 5.1.1 no such user", "--user", "a:b"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3])
    assert process.stdout is not None
    ports = json.loads(process.stdout.readline())
    endpoint = Endpoint("127.0.0.1", ports["port"], username="a", password="b")

    async def main() -> list[Outcome]:
        pool = SmtpPool(endpoint, max_connections=1)
        outcomes = await pool.send_window([SmtpMessage("s@x.example", f"user{n}@x.example", DATA) for n in range(2)])
        await pool.close()
        return outcomes

    assert [outcome.kind for outcome in asyncio.run(main())] == [Kind.ACCEPTED, Kind.HARD]
    process.terminate()
    rest, _ = process.communicate(timeout=10)
    assert json.loads(rest)["messages"] == 1
    assert process.returncode == 0


def test_it_never_listens_for_other_machines() -> None:
    with pytest.raises(ValueError, match="loopback"):
        Options(host="0.0.0.0")


# --- rules


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        ("RCPT:*@full.example=452 4.2.2 mailbox full", Rule("RCPT", "*@full.example", text="452 4.2.2 mailbox full")),
        ("dot=451 4.3.0 a=b;c", Rule("DOT", text="451 4.3.0 a=b;c")),
        ("MAIL;every=10;probability=0.5=421 x", Rule("MAIL", text="421 x", every=10, probability=0.5)),
        ("CONNECT;above_rate=5=421 slow", Rule("CONNECT", text="421 slow", above_rate=5.0)),
    ],
)
def test_a_rule_is_read_from_one_word(spec: str, rule: Rule) -> None:
    assert parse_rule(spec, "reply") == rule
    assert rule_from_json(json.loads(json.dumps(rule.to_json()))) == rule


def test_other_actions_are_read_too() -> None:
    assert parse_rule("DOT:a@*;times=1;keeps=0", "close") == Rule("DOT", "a@*", "close", times=1, keeps=0)
    assert parse_rule("RCPT;delay_ms=50", "delay") == Rule("RCPT", action="delay", delay_ms=50.0)


@pytest.mark.parametrize("spec", ["", "NOWHERE=1", "RCPT;every=x=2", "RCPT;colour=1=2"])
def test_a_rule_that_makes_no_sense_is_refused(spec: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        parse_rule(spec, "reply")


def _applied(rule: Rule, count: int) -> list[int]:
    behaviour = Behaviour([rule], seed=7)
    return [n for n in range(count) if behaviour.find(rule.stage, ["A@x.example"]) is not None]


def test_counts_and_chances_decide_when_a_rule_applies() -> None:
    assert _applied(Rule("RCPT", every=3), 9) == [2, 5, 8]
    assert _applied(Rule("RCPT", skip=2, times=2), 9) == [2, 3]
    assert _applied(Rule("RCPT", "a@*"), 3) == [0, 1, 2]
    assert _applied(Rule("RCPT", "b@*"), 3) == []
    assert 300 < len(_applied(Rule("RCPT", probability=0.4), 1000)) < 500
    assert _applied(Rule("RCPT", probability=0.4), 50) == _applied(Rule("RCPT", probability=0.4), 50)


def test_what_goes_beyond_a_rate_is_refused() -> None:
    with Sink(rules=[Rule("MAIL", text="451 4.7.1 too fast", above_rate=10)]) as sink:
        kinds = [outcome.kind for outcome in _send(sink, 60)]
    assert kinds.count(Kind.ACCEPTED) >= 10
    assert kinds.count(Kind.THROTTLE) >= 1
