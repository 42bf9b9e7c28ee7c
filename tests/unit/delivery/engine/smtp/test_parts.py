"""The parts of the SMTP engine that need no network: replies, addresses of servers, pacing, health."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.engine.outcome import Kind
from delivery.engine.smtp import Endpoint, SmtpMessage, Timeouts
from delivery.engine.smtp.envelope import Capabilities, Envelope, build_envelope
from delivery.engine.smtp.failures import SetupFailed
from delivery.engine.smtp.health import Health
from delivery.engine.smtp.pacing import Latency, backoff_delay, wanted_connections
from delivery.engine.smtp.replies import MAX_REPLY_BYTES, Reply, ReplyParser, enhanced_of, one_line
from delivery.engine.smtp.window import not_attempted

# --- replies

STREAM = b"220 hi\r\n250-one\r\n250-two\r\n250 three\r\n354\r\n550-5.1.1 no such\n550 5.1.1 user\n421 bye\r\n"
REPLIES = [
    Reply(220, "hi"),
    Reply(250, "one\ntwo\nthree"),
    Reply(354, ""),
    Reply(550, "5.1.1 no such\n5.1.1 user"),
    Reply(421, "bye"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_replies_are_the_same_however_the_stream_is_cut(cuts: list[int]) -> None:
    parser = ReplyParser()
    edges = [0, *sorted(cuts), len(STREAM)]
    replies = [reply for start, end in pairwise(edges) for reply in parser.feed(STREAM[start:end])]
    assert replies == REPLIES
    assert parser.is_empty
    assert not parser.error


@given(st.lists(st.binary(max_size=400), max_size=30))
def test_any_bytes_are_read_within_bounds(chunks: list[bytes]) -> None:
    parser = ReplyParser()
    for chunk in chunks:
        for reply in parser.feed(chunk):
            assert 200 <= reply.code <= 599
        if parser.error:
            break


@pytest.mark.parametrize("line", [b"250-x\r\n", b"250-" + b"y" * 1000 + b"\r\n", b"z" * 100])
def test_endless_replies_end_with_an_error_before_they_fill_the_memory(line: bytes) -> None:
    parser, sent = ReplyParser(), 0
    while not parser.error:
        assert parser.feed(line) == []
        sent += len(line)
        assert sent < 4 * MAX_REPLY_BYTES


def test_replies_before_garbage_still_count() -> None:
    parser = ReplyParser()
    assert parser.feed(b"250 queued\r\ngarbage\r\n250 more\r\n") == [Reply(250, "queued")]
    assert parser.error


def test_a_sentence_that_runs_over_lines_is_joined_without_its_repeated_code() -> None:
    assert one_line("5.1.1 The account that you tried\n5.1.1 to reach does not exist") == (
        "5.1.1 The account that you tried to reach does not exist"
    )
    assert one_line("hello\n world ") == "hello world"


@pytest.mark.parametrize(
    ("text", "enhanced"),
    [
        ("5.7.26 no", "5.7.26"),
        ("2.0.0", "2.0.0"),
        ("192.0.2.1 no", None),
        ("5.7 no", None),
        ("no 5.1.1", None),
        ("", None),
    ],
)
def test_an_enhanced_code_stands_at_the_beginning(text: str, enhanced: str | None) -> None:
    assert enhanced_of(text) == enhanced


# --- what the server offers, and the envelope


def test_the_ehlo_answer_is_read_keyword_by_keyword() -> None:
    offers = Capabilities.from_ehlo("mail.example\nSIZE 1000\nauth login PLAIN\nAUTH=LOGIN\nPipelining\n8BITMIME\nX-Y")
    assert offers == Capabilities(
        pipelining=True, eight_bit=True, size_offered=True, size=1000, auth=frozenset({"LOGIN", "PLAIN"})
    )
    assert Capabilities.from_ehlo("PIPELINING") == Capabilities()  # the first line is the server's name
    assert Capabilities.from_ehlo("x\nSIZE 0").size is None
    assert Capabilities.from_ehlo("x\nSIZE many").size is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_address_can_add_a_command(sender: str, recipient: str) -> None:
    built = build_envelope(SmtpMessage(sender, recipient, b"x\r\n"), Capabilities(smtputf8=True))
    if isinstance(built, Envelope):
        for line in built:
            assert line.count(b"\r") == line.count(b"\n") == 1
            assert line.endswith(b"\r\n")
            assert (line.count(b"<"), line.count(b">")) == (1, 1)
    else:
        assert built.kind in (Kind.SENDER, Kind.UNDETERMINED)


def test_the_null_sender_is_allowed() -> None:
    built = build_envelope(SmtpMessage("", "a@x.example", b"x\r\n"), Capabilities(size_offered=True))
    assert built == Envelope(b"MAIL FROM:<> SIZE=3\r\n", b"RCPT TO:<a@x.example>\r\n")


# --- endpoints


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("smtp://127.0.0.1:1025", Endpoint("127.0.0.1", 1025)),
        ("smtp://mail.example", Endpoint("mail.example", 25)),
        ("smtps://mail.example", Endpoint("mail.example", 465, "tls")),
        ("SMTP+STARTTLS://ann%40x:p%3As@mail.example", Endpoint("mail.example", 587, "starttls", "ann@x", "p:s")),
        ("smtp://[::1]:2525", Endpoint("::1", 2525)),
        (
            "smtps://h.example:99?verify=no&ca_file=/a%20b&helo=me.example&local_address=192.0.2.1",
            Endpoint(
                "h.example", 99, "tls", verify=False, ca_file="/a b", helo="me.example", local_address="192.0.2.1"
            ),
        ),
    ],
)
def test_an_address_is_read_and_shown_again_without_its_password(url: str, endpoint: Endpoint) -> None:
    read = Endpoint.from_url(url)
    assert read == endpoint
    again = Endpoint.from_url(read.url)
    assert (again.host, again.port, again.security, again.username) == (
        read.host,
        read.port,
        read.security,
        read.username,
    )
    assert (again.verify, again.ca_file, again.helo) == (read.verify, read.ca_file, read.helo)
    if read.password:
        assert read.password not in read.url + str(read) + repr(read)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://x.example", "must begin with smtp://"),
        ("mail.example:25", "must begin with smtp://"),
        ("smtp://", "host is missing"),
        ("smtp://h:abc", "not a number"),
        ("smtp://h:99999", "not between"),
        ("smtp://h?colour=red", "Unknown option 'colour'"),
        ("smtp://h?helo=a%20b", "no spaces"),
        ("smtp://u:hidden@h:abc", "not a number"),
    ],
)
def test_a_wrong_address_is_explained(url: str, words: str) -> None:
    with pytest.raises(ValueError, match="SMTP") as caught:
        Endpoint.from_url(url)
    assert words in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_the_default_time_outs_of_one_message_stay_below_the_lease() -> None:
    limits = Timeouts()
    # started at most 30 s after its claim, then its DATA and its final dot; the lease is 45 s
    assert 30 + limits.data + limits.dot < 45
    with pytest.raises(ValueError, match="dot"):
        Timeouts(dot=0)


# --- pacing


@pytest.mark.parametrize(
    ("waiting", "busy", "latency", "ceiling", "wanted"),
    [
        (50, 0, None, 20, 1),
        (0, 0, None, 20, 0),
        (50, 0, 0.0002, 20, 4),
        (2, 0, 0.0002, 20, 2),
        (50, 4, 0.0019, 20, 4),
        (50, 0, 0.050, 100, 50),
        (200, 0, 0.050, 100, 100),
        (10, 60, 0.050, 100, 50),
        (200, 0, 0.005, 1000, 100),
        (1, 0, 5.0, 100, 1),
        (50, 0, 0.050, 1, 1),
    ],
)
def test_connections_follow_the_latency(
    waiting: int, busy: int, latency: float | None, ceiling: int, wanted: int
) -> None:
    assert wanted_connections(waiting, busy, latency, ceiling) == wanted


@given(st.integers(0, 5000), st.integers(0, 500), st.none() | st.floats(0, 60), st.integers(1, 500))
def test_there_are_never_more_connections_than_messages_or_allowed(
    waiting: int, busy: int, latency: float | None, ceiling: int
) -> None:
    assert 0 <= wanted_connections(waiting, busy, latency, ceiling) <= min(waiting + busy, ceiling)


def test_the_latency_is_the_best_of_the_last_measurements() -> None:
    latency = Latency()
    latency.observe(0.5)
    assert latency.value == 0.5
    for seconds in [0.3] * 10 + [0.1] + [0.4] * 5:
        latency.observe(seconds)
    assert latency.value == 0.1
    latency.at_least(0.05)
    assert latency.value == 0.1
    latency.at_least(2.0)
    assert latency.value == 2.0


def test_waiting_doubles_up_to_half_a_minute_with_jitter() -> None:
    rng = random.Random(1)
    for failures, full in [(1, 0.25), (2, 0.5), (3, 1.0), (7, 16.0), (8, 30.0), (500, 30.0)]:
        delays = [backoff_delay(failures, rng) for _ in range(100)]
        assert full / 2 <= min(delays) < max(delays) <= full


# --- health


def _failure(*, permanent: bool = False) -> SetupFailed:
    return SetupFailed(not_attempted("no"), permanent=permanent)


def test_failures_at_one_moment_count_once_and_three_in_a_row_are_enough() -> None:
    health = Health(10, random.Random(1))
    for _ in range(5):
        health.failed(100.0, _failure())
    assert health.failures == 1
    assert not health.is_given_up
    assert not health.may_open(100.1)
    health.failed(101.0, _failure())
    health.failed(102.0, _failure())
    assert health.is_given_up
    health.served()
    assert health.may_open(102.0)
    assert not health.is_given_up


def test_a_wrong_password_is_not_tried_again_for_seconds() -> None:
    health = Health(10, random.Random(1))
    health.failed(100.0, _failure(permanent=True))
    assert health.is_given_up
    assert health.hopeless(100.1) is not None
    assert not health.may_open(103.0)
    assert health.hopeless(108.0) is None


def test_the_ceiling_falls_at_once_and_rises_slowly() -> None:
    health = Health(10, random.Random(1))
    health.lower_ceiling(100.0, 3)
    assert health.ceiling == 3
    health.raise_ceiling(105.0)
    assert health.ceiling == 3
    health.raise_ceiling(111.0)
    assert health.ceiling == 4
    health.lower_ceiling(112.0, 0)
    assert health.ceiling == 1
