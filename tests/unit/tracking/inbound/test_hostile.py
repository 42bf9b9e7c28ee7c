"""Messages that mean harm, and what is left of messages: always an answer, in a time that their size explains."""

from __future__ import annotations

import base64
import random
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.tracking.inbound.samples import AUTOREPLIES, BOUNCES, block, complaint, dsn
from tracking.inbound.message import MAX_BYTES, MAX_TEXT, read_message
from tracking.inbound.parse import parse

SAMPLES = [one[1] for one in BOUNCES] + [*AUTOREPLIES, complaint()]
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def nested(depth: int, kind: str) -> bytes:
    if kind == "rfc822":
        return b"Content-Type: message/rfc822\n\n" * depth + b"Subject: x\n\nx"
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (number, number) for number in range(depth)
    )


HOSTILE = {
    "thousands of headers": b"X: y\n" * 200_000 + b"\nx",
    "one huge header": b"Subject: " + b"=?utf-8?q?a?= " * 60_000 + b"\n\nx",
    "a folded header without end": b"Subject: x\n" + b" y\n" * 250_000,
    "parameters without end": b"Content-Type: multipart/mixed; " + b'a=";' * 200_000 + b"\n\nx",
    "folded parameters without end": b"Content-Type: multipart/mixed;\n" + b' a=";"\n' * 100_000 + b"\n\nx",
    "multiparts within multiparts": nested(2_000, "multipart"),
    "messages within messages": nested(5_000, "rfc822"),
    "a hundred thousand parts": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 100_000,
    "a hundred thousand blocks": b"Content-Type: message/delivery-status\n\n" + b"Action: failed\n\n" * 60_000,
    "hundreds of recipients": dsn(
        *(block(f"a{number}@there.example", "failed", "5.0.0") for number in range(5_000)),
        words="a1@there.example: recipient\n" * 1_400,
    ),
    "hundreds of addresses in words": b"From: mailer-daemon@x.y\nSubject: failure notice\n\n"
    + b"".join(b"<a%d@b.example>:\n" % number for number in range(50_000)),
    "addresses without end": b"From: mailer-daemon@x.y\nSubject: failure notice\n\n" + b"a@b.c, " * 100_000,
    "one address": b"From: mailer-daemon@x.y\nSubject: failure notice\n\n" + b"a" * 900_000 + b"@b.c",
    "dots": b"From: mailer-daemon@x.y\nSubject: failure notice\n\n" + b"a@" + b"b." * 400_000,
    "angle brackets": b"Content-Type: text/html\n\n" + b"<" * 900_000,
    "open tags": b"Content-Type: text/html\n\n" + b"<style" * 150_000,
    "styles that never end": b"Content-Type: text/html\n\n" + b"<style>" * 130_000,
    "styles that end once": b"Content-Type: text/html\n\n" + b"<style>" * 20_000 + b"</style>",
    "blanks": b"From: mailer-daemon@x.y\nSubject: failure notice\n\n" + b" " * 900_000,
    "lines": b"From: mailer-daemon@x.y\nSubject: failure notice\n\n" + b"-\n" * 450_000,
    "the same words": b"From: mailer-daemon@x.y\nSubject: failure notice\n\n" + b"recipient address delivery " * 30_000,
    "digits": b"From: mailer-daemon@x.y\nSubject: failure notice\n\n" + b"550 5.1.1 550-" * 60_000,
    "braces": b'From: x@y.z\n\n{"notificationType":' + b"[" * 400_000 + b"}",
    "nul bytes": b"\0" * 900_000,
}


def classes(raw: bytes) -> list[tuple[str, str]]:
    return [(one.address, one.refusal.value) for one in parse(raw).recipients]


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_message_takes_little_time(raw: bytes) -> None:
    began = time.process_time()
    parse(raw)
    assert time.process_time() - began < 4


def test_of_a_page_only_what_people_see_is_read() -> None:
    page = b"a<style>b{}</STYLE >c<p>d</p><script>x<b>y</script>e &amp; f<head>g<style>h</style> i"
    assert read_message(b"Content-Type: text/html\n\n" + page).text.split() == ["a", "c", "d", "e", "&", "f", "g", "i"]


def test_no_more_than_the_limits_is_kept() -> None:
    read = read_message(b"Subject: x\n\n" + b"word " * MAX_BYTES)
    assert len(read.text) <= MAX_TEXT


@pytest.mark.parametrize(
    "charset", ["none-such", "utf-16", "utf-7", "idna", "base64", "rot13", "unicode-escape", "\udcff"]
)
def test_a_charset_that_nobody_knows_hides_no_bounce(charset: str) -> None:
    raw = SAMPLES[8].replace(
        b"Subject:", f"Content-Type: text/plain; charset={charset}\nSubject:".encode("utf-8", "replace"), 1
    )
    assert parse(raw).kind == "bounce"


@pytest.mark.parametrize(
    "more", ["charset*=a'b'%ff", "charset*0*=a'b'%ff; charset*1=c", "name*=\xff''x", "charset*=utf-8''x"]
)
def test_a_malformed_parameter_hides_no_bounce(more: str) -> None:
    head = f"Content-Type: text/plain; {more}\nSubject:".encode("latin-1")
    raw = SAMPLES[8].replace(b"Subject:", head, 1).replace(b"Hi.", b"H\xff.")
    assert classes(raw) == [("lea@there.example", "hard")]


def test_an_encoded_status_part_is_read() -> None:
    status = base64.encodebytes(
        b"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; lea@there.example\nAction: failed\nStatus: 5.1.1\n"
    )
    head = b"Content-Type: multipart/report; report-type=delivery-status; boundary=B\n\n--B\n"
    part = b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
    assert classes(head + part + status + b"\n--B--\n") == [("lea@there.example", "hard")]


@QUIET
@given(st.binary(max_size=3_000))
def test_random_bytes_raise_nothing(raw: bytes) -> None:
    parse(raw)


@QUIET
@given(st.sampled_from(SAMPLES), st.integers(0, 2**32), st.integers(1, 40))
def test_damaged_messages_raise_nothing(raw: bytes, seed: int, damages: int) -> None:
    rng = random.Random(seed)
    damaged = bytearray(raw)
    for _ in range(damages):
        place = rng.randrange(len(damaged) + 1)
        piece = rng.choice(
            (b"", b"\0", b"\xff\xfe", b"\n", b"\n\n", b"--B", b"=?x?b?!?=", b";", b'"', b"charset*=a'b'%ff", b"@", b":")
        )
        damaged[place : place + rng.choice((0, 1, 30))] = piece
    parse(bytes(damaged))


@QUIET
@given(st.sampled_from(SAMPLES), st.integers(0, 3_000))
def test_a_message_that_breaks_off_raises_nothing(raw: bytes, length: int) -> None:
    parse(raw[:length])
