"""A campaign with and without people who look at reports, in turns while it is sent."""

from __future__ import annotations

import itertools
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
# with or without readers: whatever grows or tires in the course of a campaign falls on both alike
TURNS = (False, True, True, False)
# connections, plans, caches and, of the readers, the web processes' templates are warm afterwards
WARM_UP_SECONDS = 3.0
BODY = """<html><body><h1>Dear {{ lead.first_name }}</h1><p><a href="https://shop.example/one">One</a>
<a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>"""
MEMBERS = """
INSERT INTO campaigns_listmembership (mailing_list_id, lead_id)
SELECT %s, id FROM campaigns_lead ORDER BY id LIMIT %s ON CONFLICT DO NOTHING
"""


class Readers:
    """Asks report pages ten times a second while it is `on`; how long they took."""

    def __init__(self, url: str, cookie: str, made: Any, rng: random.Random) -> None:
        self._url, self._cookie, self._made, self._rng = url, cookie, made, rng
        self.milliseconds: list[float] = []
        self.failed = 0
        self.on = threading.Event()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(CLIENTS)]

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.on.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        step = CLIENTS / REQUESTS_A_SECOND
        due = time.monotonic() + number / REQUESTS_A_SECOND
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self.on.wait()
            # a client that is late does not catch up: ten a second are the most
            due = max(due + step, time.monotonic())
            if not self._stop.is_set():
                self._ask()

    def _ask(self) -> None:
        from bench.reports import addresses

        address = self._rng.choice(list(addresses(self._made, self._rng).values()))
        started = time.perf_counter()
        try:
            with urlopen(Request(self._url + address, headers={"Cookie": self._cookie}), timeout=30) as answer:
                answer.read()
        except OSError:
            self.failed += 1
        self.milliseconds.append((time.perf_counter() - started) * 1000)


def compare(made: Any, leads: int, campaigns: int, turn_seconds: float, rng: random.Random) -> bool:
    """Send campaigns, with and without readers in turns; whether the mark is kept. Prints each turn."""
    from bench.main_job import follow, manage
    from bench.sink import Options, Sink
    from bench.throughput_meter import Meter
    from massmailer.processes import record
    from massmailer.processes.background import BackgroundStack
    from massmailer.processes.options import StackOptions
    from massmailer.processes.ports import find_free

    stack = BackgroundStack(StackOptions(port=find_free(), flower_port=find_free(), sandbox=False))
    with TemporaryDirectory() as folder, stack, Sink(Options(keep_recipients=False), process=True) as sink:
        manage("add_provider", "--name", f"Sink {time.time_ns()}", "--smtp", f"smtp://127.0.0.1:{sink.port}")
        _only_this_provider()
        _make_list(leads)
        cookie = _log_in(made.user_id)
        with Readers(stack.url, cookie, made, rng) as readers:
            _warm_up(readers)
            meter = Meter(lambda: {"web": [record.read().children["web"]]})
            rates: dict[bool, list[float]] = {False: [], True: []}
            for _ in range(campaigns):
                campaign = _launch(Path(folder), leads)
                _turns(int(campaign), readers, turn_seconds, rates)
                follow(campaign, timeout_seconds=1800)
            seconds, _ = meter.finish()
    return _judge(rates, readers, seconds["web"])


def _warm_up(readers: Readers) -> None:
    readers.on.set()
    time.sleep(WARM_UP_SECONDS)
    readers.on.clear()
    readers.milliseconds.clear()


def _turns(campaign_id: int, readers: Readers, turn_seconds: float, rates: dict[bool, list[float]]) -> None:
    """E-mails a second in each turn, with and without readers, until the campaign ends; its last turn is left out.

    Whole rounds of TURNS alone are added to `rates`.
    """
    _wait_for_first(campaign_id)
    time.sleep(WARM_UP_SECONDS)
    found: list[tuple[bool, float]] = []
    for is_read in itertools.cycle(TURNS):
        (readers.on.set if is_read else readers.on.clear)()
        started, before = time.perf_counter(), _recorded(campaign_id)
        time.sleep(turn_seconds)
        after, seconds = _recorded(campaign_id), time.perf_counter() - started
        if after is None or before is None:
            break
        found.append((is_read, (after - before) / seconds))
        print(f"{'with' if is_read else 'without':8} {found[-1][1]:9,.0f}/s", flush=True)
    readers.on.clear()
    for is_read, rate in found[: len(found) // len(TURNS) * len(TURNS)]:
        rates[is_read].append(rate)


def _judge(rates: dict[bool, list[float]], readers: Readers, web_seconds: float) -> bool:
    if not rates[True]:
        print(f"the campaign ended before {len(TURNS)} turns were over: give it more leads, or the turns fewer seconds")
        return False
    without, with_readers = (statistics.mean(rates[key]) for key in (False, True))
    slower, waits = 1 - with_readers / without, readers.milliseconds
    print(
        f"\nsending {without:,.0f}/s without reports, {with_readers:,.0f}/s with: {slower:.1%} slower, mark {MARK:.0%}"
    )
    print(
        f"{len(waits)} pages meanwhile, {readers.failed} failed: p50 {statistics.median(waits):.0f} ms, "
        f"the slowest {max(waits):.0f} ms; {web_seconds / len(waits) * 1000:.0f} ms of the web's processor each"
    )
    return slower <= MARK and not readers.failed


def _recorded(campaign_id: int) -> int | None:
    """E-mails recorded so far; None when the last one is."""
    from delivery.numbers import campaign_numbers

    numbers = campaign_numbers(campaign_id)
    return numbers.settled if numbers.pending else None


def _wait_for_first(campaign_id: int, timeout_seconds: float = 60) -> None:
    until = time.monotonic() + timeout_seconds
    while time.monotonic() < until:
        if _recorded(campaign_id):
            return
        time.sleep(0.1)
    raise SystemExit(f"campaign {campaign_id} sent nothing within {timeout_seconds} s, or all of it at once")


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
        # else autovacuum does it in the middle of some turn, and takes a core for seconds
        cursor.execute("VACUUM ANALYZE campaigns_listmembership, delivery_batch")


def _log_in(user_id: int) -> str:
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.get(pk=user_id))
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def _launch(folder: Path, leads: int) -> str:
    """The id of a campaign that is being sent."""
    from bench.main_job import manage

    body = folder / "body.html"
    body.write_text(BODY)
    campaign = manage(
        "create_campaign", "--name", "With and without readers", "--subject", "News", "--from",
        "News <news@sender.example>", "--html", str(body), "--list", f"{LIST} {leads}",
    )  # fmt: skip
    manage("launch", campaign)
    return campaign
