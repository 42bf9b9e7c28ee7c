"""What POST /messages has accepted outlives whatever is killed: a web worker, PostgreSQL, the broker, a provider."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import psutil
import pytest
from django.db import connection

from bench import crash_engines
from bench.sink import Sink
from campaigns.api import keys
from delivery.models import Message, PoolMember
from delivery.providers import add_provider
from massmailer.embedded import postgres
from massmailer.processes.background import BackgroundStack
from massmailer.processes.options import StackOptions
from tests.acceptance.delivery.conftest import wait_for
from tests.environment import free_ports

PROCESSES = ("web", "worker-transactional", "worker-control", "beat")


@pytest.fixture
def stack(transactional_db: None, redis_client: object) -> Iterator[BackgroundStack]:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE delivery_message, delivery_messageevent")
    (port,) = free_ports(1)
    options = StackOptions(
        port=port, only=PROCESSES, environment={"DATABASE_URL": postgres.url(f"test_{postgres.DATABASE}")}
    )
    with BackgroundStack(options) as running:
        yield running


@dataclass
class Shop(threading.Thread):
    """An application that sends each order until it is accepted, by its Idempotency-Key. accepted: id by order."""

    port: int
    secret: str
    first: int
    accepted: dict[int, int] = field(default_factory=dict)
    slowest_seconds: float = 0.0
    is_over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        number = self.first
        while not self.is_over.is_set():
            self._send(number)
            number += 1

    def _send(self, number: int) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            began = time.monotonic()
            try:
                status, _, text = post(self.port, self.secret, number)
            except (OSError, http.client.HTTPException):
                continue
            if status == 202:
                self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)
                (self.accepted[number],) = [one["id"] for one in json.loads(text)["messages"]]
                return
            assert status in (409, 503), (status, text)


def post(port: int, secret: str, number: int) -> tuple[int, bool, bytes]:
    """Send an order over a connection of its own; status, whether the answer is an earlier one, and the answer."""
    body = {
        "to": [{"email": f"buyer{number}@example.com", "data": {"number": number}}],
        "subject": "Order {{ data.number }}",
        "html": "<p>Thank you.</p>",
    }
    headers = {
        "Authorization": f"Bearer {secret}",
        "Content-Type": "application/json",
        "Idempotency-Key": f"order-{number}",
    }
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as session:
        session.request("POST", "/api/v1/messages", json.dumps(body), headers)
        answer = session.getresponse()
        return answer.status, answer.getheader("Idempotent-Replayed") is not None, answer.read()


def post_fifty_times_at_once(port: int, secret: str, number: int) -> int:
    """One order in fifty requests on all threads of all web processes; the id of the one message that it becomes."""
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: post(port, secret, number), range(50)))
    assert {status for status, _, _ in answers} == {202}
    assert [is_replayed for _, is_replayed, _ in answers].count(False) == 1
    (text,) = {text for _, _, text in answers}
    return int(json.loads(text)["messages"][0]["id"])


def test_nothing_that_was_accepted_is_lost_or_doubled(stack: BackgroundStack) -> None:
    with Sink(process=True) as sink:
        add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}")
        # nobody listens there: what it is given first goes on to the other one
        (nobody,) = free_ports(1)
        dead = add_provider(name="Dead", url=f"smtp://127.0.0.1:{nobody}")
        PoolMember.objects.exclude(provider=dead).update(tier=2)
        _, secret = keys.create_key(name="Shop", scopes=["messages:write"], rate_per_second=None)
        raced = post_fifty_times_at_once(stack.options.port, secret, 0)
        shops = [Shop(stack.options.port, secret, first * 1_000_000) for first in (1, 2, 3)]
        for shop in shops:
            shop.start()

        def go_on(orders: int = 20) -> None:
            goal = accepted(shops) + orders
            wait_for(lambda: accepted(shops) >= goal, 60, f"{orders} more orders are accepted")

        go_on()
        kill_web_worker(stack)
        go_on()
        crash_engines.crash_postgres()
        crash_engines.start_postgres()
        connection.close()
        go_on()
        crash_engines.crash_valkey()
        without_broker(shops, go_on)
        crash_engines.start_valkey()
        go_on()
        for shop in shops:
            shop.is_over.set()
        for shop in shops:
            shop.join(60)

        orders = {0: raced} | {number: found for shop in shops for number, found in shop.accepted.items()}
        addresses = {f"buyer{number}@example.com" for number in orders}
        wait_for(lambda: settled(len(orders)), 90, "every message is settled")
        rows = {row.id: row for row in Message.objects.all()}
        assert {rows[found].to_address for found in orders.values()} == addresses
        assert len(rows) == len(orders)
        assert {row.status for row in rows.values()} == {"sent"}
        recipients = [address for address, _ in sink.accepted()]
        assert sorted(recipients) == sorted(addresses)


def accepted(shops: list[Shop]) -> int:
    return sum(len(shop.accepted) for shop in shops)


def without_broker(shops: list[Shop], go_on: Callable[[], None]) -> None:
    """A request never waits for the broker: only the first one finds out that Redis is away, which counts requests."""
    go_on()
    for shop in shops:
        shop.slowest_seconds = 0.0
    go_on()
    assert max(shop.slowest_seconds for shop in shops) < 2


def kill_web_worker(stack: BackgroundStack) -> None:
    workers = psutil.Process(stack.process("web")).children()
    os.kill(workers[0].pid, signal.SIGKILL)


def settled(count: int) -> bool:
    with connection.cursor() as cursor:
        # what waits for a retry is due now
        cursor.execute("UPDATE delivery_message SET due_at = now() WHERE status = 'deferred' AND due_at > now()")
    return Message.objects.exclude(status__in=["queued", "sending", "deferred"]).count() >= count
