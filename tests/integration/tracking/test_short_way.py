"""Pixels and links on their short way, through gunicorn: what they answer and note is what Django answers and notes."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis

from campaigns.public_limits import limiter
from delivery.models import Link
from delivery.tokens import signer
from delivery.transactional import queue_message
from massmailer import doors
from massmailer.processes.ports import find_free
from tests.integration.tracking.conftest import FIREFOX, ROOT, MakeSent, Sent, process_environment
from tracking import stream
from tracking.occurrence import decode

WAYS = ("application", "django_application")
LIMIT = 4
PHONE = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Mobile/15E148"}


class Answer(NamedTuple):
    """What came back. Numbers that count seconds are taken out."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Web:
    """One gunicorn, and one connection to it that is kept."""

    port: int
    process: subprocess.Popen[bytes]
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def wait(self) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until and self.process.poll() is None:
            try:
                self.ask("GET", "/health/live")
                return
            except OSError:
                self.connection.close()
                time.sleep(0.05)
        raise AssertionError("gunicorn did not come up")

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None) -> Answer:
        self.connection.request(method, path, headers={"Host": "anything.example", **(headers or {})})
        response = self.connection.getresponse()
        found = sorted((name, value) for name, value in response.getheaders() if name not in ("Date", "Connection"))
        seconds = [(name, "N" if name == "Retry-After" else value) for name, value in found]
        if response.status != 429:
            return Answer(response.status, found, response.read())
        lengths = [(name, "N" if name == "Content-Length" else value) for name, value in seconds]
        return Answer(response.status, lengths, re.sub(rb"\d+", b"N", response.read()))


@contextmanager
def gunicorn(way: str, log: Path) -> Iterator[Web]:
    """The product's web server with one of the two callables, low limits, and two proxies before it."""
    port = find_free()
    environment = {
        **process_environment(),
        "MASSMAILER_TRUSTED_PROXIES": "2",
        "MASSMAILER_PUBLIC_LIMITS": f"open={LIMIT}/d,click={LIMIT}/d",
    }
    command = [sys.executable, "-m", "gunicorn", f"massmailer.wsgi:{way}", "--bind", f"127.0.0.1:{port}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--worker-class", "gthread", "--threads", "2", "--no-control-socket"],
            cwd=ROOT, env=environment, stdout=output, stderr=output,
        )  # fmt: skip
        web = Web(port, process)
        try:
            yield web
        finally:
            web.connection.close()
            process.terminate()
            process.wait(30)


def questions(sent: Sent, message_id: int) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Method, path and headers. Each comes from a network of its own, or the limits would answer."""
    tokens, of_message = sent.tokens(), signer().sign_all("message", message_id, 0)
    pixel, link = f"/o/{tokens.open}.gif", f"/c/{tokens.click}/1"
    for method in ("GET", "HEAD", "POST"):
        yield method, pixel, PHONE
        yield method, link, PHONE
    for name in ("Purpose", "Sec-Purpose", "X-Purpose", "X-Moz"):
        yield "GET", link, {**PHONE, name: "Prefetch;x"}
    for agent in ("", "curl/8.0", "a\tb", "\xe4\xff", "x" * 900, FIREFOX):
        yield "GET", pixel, {"User-Agent": agent}
    for path in (
        f"{link}?url=https://evil.example", f"{pixel}?x=1", f"/c/{tokens.click}/2", f"/c/{tokens.click}/3",
        f"/c/{tokens.click}/0", f"/c/{tokens.click}/99", f"/c/{tokens.click}/40000", f"/c/{tokens.click}/{'9' * 30}",
        f"/c/{tokens.click}/%31", f"/c/{tokens.click}/1/", f"/c/{tokens.click}/1%0a", f"/c/{tokens.click}/\u0661",
        f"/c/{tokens.open}/1", f"/o/{tokens.click}.gif", f"/o/{tokens.open}", f"/o/{tokens.open[:-1]}.gif",
        f"/o/{tokens.open.swapcase()}.gif", "/o/.gif", "/c/", "//c/x/1", f"/O/{tokens.open}.gif",
        f"/o/{of_message.open}.gif", f"/c/{of_message.click}/1",
    ):  # fmt: skip
        yield "GET", path.replace("\u0661", "%D9%A1"), PHONE


FORWARDED = (
    "{0}, 10.0.0.9", "7.7.7.7, {0}, 10.0.0.9", " {0} ,10.0.0.9", "{0}", "nonsense, 10.0.0.9", "2001:db8:{1:x}::7, ::1",
    "::ffff:{0}, ::1", "127.0.0.1, 127.0.0.1",
)  # fmt: skip


def noted(redis_client: redis.Redis) -> list[dict[str, Any]]:
    """The events on the stream without what is each one's own; the stream is empty afterwards."""
    found = [decode(fields[stream.FIELD])._asdict() for _, fields in redis_client.xrange(stream.EVENTS)]
    redis_client.delete(stream.EVENTS)
    return [{name: value for name, value in one.items() if name not in ("id", "at")} for one in found]


@pytest.mark.django_db(transaction=True)
def test_the_short_way_answers_and_notes_what_django_does(
    make_sent: MakeSent, redis_client: redis.Redis, tmp_path: Path
) -> None:
    sent = make_sent()
    message_id = queue_message(
        to="ada@example.com", subject="Order", html="<a href='https://shop.example/o'>x</a>", sender="s@sender.example"
    )
    answers: dict[str, list[Answer]] = {}
    events: dict[str, list[dict[str, Any]]] = {}
    with ExitStack() as stack:
        webs = {way: stack.enter_context(gunicorn(way, tmp_path / way)) for way in WAYS}
        for way, web in webs.items():
            web.wait()
            redis_client.delete(stream.EVENTS, *redis_client.keys("public:*"))
            answers[way] = list(dialogue(web, sent, message_id))
            events[way] = noted(redis_client)
    short, long = (answers[way] for way in WAYS)
    assert {one.status for one in short} >= {200, 302, 400, 404, 429}
    for number, (one, other) in enumerate(zip(short, long, strict=True)):
        assert one == other, number
    assert len(events["application"]) > 25
    assert events["application"] == events["django_application"]


def dialogue(web: Web, sent: Sent, message_id: int) -> Iterator[Answer]:
    # the first click of a process reads the campaign's links, on Django's way
    yield web.ask("GET", f"/c/{sent.tokens().click}/1", {"X-Forwarded-For": "198.18.0.1, 10.0.0.9"})
    for number, (method, path, headers) in enumerate(questions(sent, message_id)):
        yield web.ask(method, path, {**headers, "X-Forwarded-For": f"198.51.{number}.7, 10.0.0.9"})
    pixel, link = f"/o/{sent.tokens().open}.gif", f"/c/{sent.tokens().click}/1"
    for number, form in enumerate(FORWARDED):
        yield web.ask("GET", link, {**PHONE, "X-Forwarded-For": form.format(f"203.0.{number}.5", number + 1)})
    for path in (pixel, link):
        for _ in range(LIMIT + 2):
            yield web.ask("GET", path, {**PHONE, "X-Forwarded-For": "192.0.2.1, 10.0.0.9"})


def environ(path: str, method: str = "GET") -> dict[str, str]:
    return {"PATH_INFO": path, "REQUEST_METHOD": method, "REMOTE_ADDR": "203.0.113.9"}


@pytest.mark.django_db
def test_good_pixels_and_known_links_do_not_reach_django_and_all_else_does(
    sent: Sent, redis_client: redis.Redis, django_assert_num_queries: Any
) -> None:
    limiter.forget()
    tokens = sent.tokens()
    message = signer().sign_all("message", 7, 0)
    with django_assert_num_queries(0):
        assert doors.answer(environ(f"/c/{tokens.click}/1")) is None, "its links were not read yet"
        for path in ("/", f"/o/{tokens.click}.gif", f"/c/{message.click}/1", f"/v/{tokens.view}"):
            assert doors.answer(environ(path)) is None
        assert doors.answer(environ(f"/o/{tokens.open}.gif", "POST")) is None
    assert redis_client.xlen(stream.EVENTS) == 0
    from delivery import content

    Link.objects.create(campaign=sent.campaign, number=9, url="whatsapp://send?text=hi", label="")
    content.link_target(campaign_id=sent.campaign.pk, number=1, lead_id=sent.leads[0].pk)
    with django_assert_num_queries(0):
        pixel, link = doors.answer(environ(f"/o/{tokens.open}.gif")), doors.answer(environ(f"/c/{tokens.click}/1"))
        assert doors.answer(environ(f"/c/{tokens.click}/2")) is None, "its target has merge tags"
        assert doors.answer(environ(f"/c/{tokens.click}/9")) is None, "its target is not of the web"
    assert pixel is not None
    assert link is not None
    assert (pixel.status, link.status) == ("200 OK", "302 Found")
    assert redis_client.xlen(stream.EVENTS) == 2
