"""A campaign with and without people who look at reports, in turns."""

from __future__ import annotations

import random
import statistics
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import Request, urlopen

REQUESTS_A_SECOND = 10
CLIENTS = 5
MARK = 0.10
LIST = "bench report sending"
BODY = """<html><body><h1>Dear {{ lead.first_name }}</h1><p><a href="https://shop.example/one">One</a>
<a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>"""
MEMBERS = """
INSERT INTO campaigns_listmembership (mailing_list_id, lead_id)
SELECT %s, id FROM campaigns_lead ORDER BY id LIMIT %s ON CONFLICT DO NOTHING
"""


class Readers:
    """Asks report pages ten times a second until it is stopped; how long they took."""

    def __init__(self, url: str, cookie: str, made: Any, rng: random.Random) -> None:
        self._url, self._cookie, self._made, self._rng = url, cookie, made, rng
        self.milliseconds: list[float] = []
        self.failed = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(CLIENTS)]

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        from bench.reports import addresses

        step = CLIENTS / REQUESTS_A_SECOND
        due = time.monotonic() + number / REQUESTS_A_SECOND
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            # a client that is late does not catch up: ten a second are the most
            due = max(due + step, time.monotonic())
            address = self._rng.choice(list(addresses(self._made, self._rng).values()))
            started = time.perf_counter()
            try:
                with urlopen(Request(self._url + address, headers={"Cookie": self._cookie}), timeout=30) as answer:
                    answer.read()
            except OSError:
                self.failed += 1
            self.milliseconds.append((time.perf_counter() - started) * 1000)


def compare(made: Any, leads: int, pairs: int, rng: random.Random) -> bool:
    """Send `pairs` campaigns without and as many with readers; whether the mark is kept."""
    from bench.main_job import manage
    from bench.sink import Options, Sink
    from massmailer.processes.background import BackgroundStack
    from massmailer.processes.options import StackOptions
    from massmailer.processes.ports import find_free

    rates: dict[bool, list[float]] = {False: [], True: []}
    waits: list[float] = []
    stack = BackgroundStack(StackOptions(port=find_free(), flower_port=find_free(), sandbox=False))
    with TemporaryDirectory() as folder, stack, Sink(Options(keep_recipients=False), process=True) as sink:
        manage("add_provider", "--name", f"Sink {time.time_ns()}", "--smtp", f"smtp://127.0.0.1:{sink.port}")
        _only_this_provider()
        _make_list(leads)
        cookie = _log_in(made.user_id)
        _send(Path(folder), leads)  # connections, plans and caches are warm afterwards
        for _ in range(pairs):
            rates[False].append(_send(Path(folder), leads))
            with Readers(stack.url, cookie, made, rng) as readers:
                rates[True].append(_send(Path(folder), leads))
            waits += readers.milliseconds
            print(
                f"without {rates[False][-1]:9,.0f}/s   with {rates[True][-1]:9,.0f}/s   "
                f"{len(readers.milliseconds)} pages, {readers.failed} failed",
                flush=True,
            )
    without, with_readers = (statistics.median(rates[key]) for key in (False, True))
    slower = 1 - with_readers / without
    print(
        f"\nsending {without:,.0f}/s without reports, {with_readers:,.0f}/s with: {slower:.1%} slower, mark {MARK:.0%}"
    )
    print(f"pages meanwhile: p50 {statistics.median(waits):.0f} ms, the slowest {max(waits):.0f} ms")
    return slower <= MARK


def _only_this_provider() -> None:
    from delivery.models import Provider

    newest = Provider.objects.order_by("-id").values_list("pk", flat=True)[0]
    Provider.objects.exclude(pk=newest).update(state=Provider.State.PAUSED)


def _make_list(leads: int) -> None:
    from django.db import connection

    from campaigns.models import MailingList

    mailing_list, _ = MailingList.objects.get_or_create(name=f"{LIST} {leads}")
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS, [mailing_list.pk, leads])


def _log_in(user_id: int) -> str:
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.get(pk=user_id))
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def _send(folder: Path, leads: int) -> float:
    """E-mails a second from the launch to the last recorded outcome."""
    from bench.main_job import follow, manage

    body = folder / "body.html"
    body.write_text(BODY)
    campaign = manage(
        "create_campaign", "--name", "With or without readers", "--subject", "News", "--from",
        "News <news@sender.example>", "--html", str(body), "--list", f"{LIST} {leads}",
    )  # fmt: skip
    started = time.monotonic()
    manage("launch", campaign)
    follow(campaign, timeout_seconds=1800)
    return leads / (time.monotonic() - started)
