"""Everything a round needs, started once: engines, workers, beat, proxy, sink, and the leads."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from celery import current_app
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now
from kombu.exceptions import OperationalError as BrokerError

from bench.crash_engines import Clock, find_faketime, start_postgres, stop_postgres
from bench.crash_processes import Processes
from bench.crash_proxy import CommitProxy
from bench.crash_sink_log import SinkLog
from bench.sink import Options, Sink
from campaigns.models import Campaign, MailingList
from delivery.engine.smtp.flight import MOST_MESSAGES
from delivery.models import GuardrailPolicy, Provider
from delivery.providers import add_provider
from massmailer.embedded import paths
from massmailer.processes import prepare, procfile
from massmailer.processes.options import StackOptions, process_environment

WORKERS = ("worker-transactional", "worker-bulk", "worker-default", "worker-control")
BULK = "worker-bulk"
BULK_CHILDREN = 2
SINK_LATENCY_MS = 10.0
BODY = """<html><body><p>Dear {{ lead.first_name }}</p><p><a href="https://shop.example/offer">An offer</a></p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>"""
LEADS = """
INSERT INTO campaigns_lead (email, mailbox_group, first_name)
SELECT 'lead' || n || '@example.com', 'other', 'Ada' || n FROM generate_series(1, %s) AS n
ON CONFLICT (email) DO UPDATE SET status = 'subscribed' WHERE campaigns_lead.status <> 'subscribed'
"""
MEMBERS = """
INSERT INTO campaigns_listmembership (mailing_list_id, lead_id) SELECT %s, id FROM campaigns_lead
ON CONFLICT (mailing_list_id, lead_id) DO UPDATE SET status = 'subscribed'
 WHERE campaigns_listmembership.status <> 'subscribed'
"""
BATCHES = """
SELECT id, kind, attempt, size, cursor, recorded, state, lease_token FROM delivery_batch WHERE campaign_id = %s
"""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What the harness looks at in a batch."""

    id: int
    kind: str
    attempt: int
    size: int
    cursor: int
    recorded: int
    state: str
    token: UUID | None


@dataclass
class World:
    """The stack under test and the handles that faults pull."""

    lease_seconds: float
    fenced: bool
    processes: Processes
    proxy: CommitProxy
    sink: Sink
    log: SinkLog
    clock: Clock | None
    list_id: int = 0
    campaign_id: int = 0
    # the environment that PostgreSQL runs with, None for the usual one
    postgres_environment: dict[str, str] | None = None
    # what a lost connection may leave without an answer
    most_lost: int = 1
    # leads that nobody may have mailed in this round, with the reason
    must_skip: dict[int, str] = field(default_factory=dict)

    # --- one campaign

    def new_campaign(self, leads: int, name: str) -> Campaign:
        """A campaign to `leads` subscribed leads, in draft."""
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM campaigns_suppression")
            cursor.execute(LEADS, [leads])
            cursor.execute(MEMBERS, [self.list_id])
        campaign = Campaign.objects.create(
            name=name,
            subject="News for {{ lead.first_name }}",
            from_email="news@sender.example",
            body=BODY,
            body_format="html",
            mailing_list_id=self.list_id,
        )
        self.campaign_id, self.must_skip = campaign.pk, {}
        self.sink.behave([], latency_ms=SINK_LATENCY_MS)
        return campaign

    def batches(self) -> list[BatchRow]:
        """The campaign's batches as they are now."""
        with connection.cursor() as cursor:
            cursor.execute(BATCHES, [self.campaign_id])
            return [BatchRow(*row) for row in cursor.fetchall()]

    def expired(self) -> list[BatchRow]:
        """Batches that are leased to a worker that has not been heard of for longer than the lease."""
        with connection.cursor() as cursor:
            cursor.execute(BATCHES + " AND state = 'leased' AND lease_until < now()", [self.campaign_id])
            return [BatchRow(*row) for row in cursor.fetchall()]

    def make_due(self) -> int:
        """Deferred rows do not wait for their hour: due now. How many. (The harness does this, not the product.)"""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE delivery_email SET due_at = now() "
                "WHERE campaign_id = %s AND status = 'deferred' AND due_at > now()",
                [self.campaign_id],
            )
            return cursor.rowcount

    def use_chunking(self, offered: bool) -> None:
        """From the next campaign on the sink offers CHUNKING, or does not; workers learn it by connecting anew.

        A pool that lost a flight in an earlier round would send none for an hour: its provider is touched, which makes
        it open another one.
        """
        self.sink.offer_chunking(offered)
        self.sink.drop()
        Provider.objects.update(updated_at=Now())
        self.most_lost = MOST_MESSAGES if offered else 1

    # --- handles

    def publish(self, task: str, *arguments: int, queue: str, times: int = 1) -> None:
        """Put the same wake-up on the broker so many times; a broker that is away is no fault of ours."""
        with suppress(BrokerError, OSError):
            for _ in range(times):
                current_app.send_task(task, args=list(arguments), queue=queue)

    def start_bulk(self, *, jumping_clock: bool = False) -> None:
        """Start the bulk worker (again), in front of it the proxy, and wait until it takes tasks."""
        environment = {"DATABASE_URL": self.proxy.url}
        if jumping_clock and self.clock is not None:
            environment |= self.clock.environment
        self.processes.start(BULK, bulk_command(self.fenced), environment)
        self.processes.wait_ready(BULK)

    def wait(self, condition: Callable[[], object], seconds: float) -> bool:
        """Until the condition holds, asking every 20 ms; False when time ran out. PostgreSQL may be away meanwhile."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if condition():
                    return True
            except (DatabaseError, InterfaceError):
                connection.close()
            time.sleep(0.02)
        return False

    def close(self) -> None:
        """Stop all of it; engines too, with their data."""
        self.processes.close()
        self.proxy.close()
        self.sink.__exit__()
        if self.clock is not None:
            self.clock.close()


def bulk_command(fenced: bool) -> str:
    """The Procfile's command, or the one of the control run."""
    command = procfile.commands()[BULK]
    return command if fenced else command.replace("python -m celery", "python -m bench.unfenced")


def open_world(*, lease_seconds: float, fenced: bool, folder: Path) -> World:
    """Start engines, workers, beat, proxy and sink. MASSMAILER_VAR and the settings are in force already."""
    prepare.prepare()
    options = StackOptions(bulk_workers=BULK_CHILDREN, only=(*WORKERS, "beat"), sandbox=False)
    processes = Processes(process_environment(options))
    sockets = folder / "proxy"
    sockets.mkdir(mode=0o700)
    library = find_faketime()
    sink_log = folder / "accepted.log"
    sink = Sink(Options(log=str(sink_log), keep_recipients=False), process=True).__enter__()
    world = World(
        lease_seconds=lease_seconds,
        fenced=fenced,
        processes=processes,
        proxy=CommitProxy(sockets, paths.postgres_socket_dir()),
        sink=sink,
        log=SinkLog(sink_log),
        clock=Clock(library) if library else None,
    )
    if not fenced:
        with connection.cursor() as cursor:
            # a second line of defence: counts that run ahead of the cursor stop a worker without fences
            cursor.execute("ALTER TABLE delivery_batch DROP CONSTRAINT batch_recorded_cursor_size")
    _start(world)
    return world


def _start(world: World) -> None:
    commands = procfile.commands()
    for name in (*(worker for worker in WORKERS if worker != BULK), "beat"):
        world.processes.start(name, commands[name])
    world.start_bulk()
    for name in WORKERS:
        world.processes.wait_ready(name)
    world.list_id = MailingList.objects.get_or_create(name="Readers")[0].pk
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{world.sink.port}")
    # so many unknowns would stop a campaign of a customer; here they are what is measured
    GuardrailPolicy.objects.update_or_create(pk=1, defaults={"is_on": False})


def restart_postgres(environment: dict[str, str] | None) -> None:
    """An orderly restart, with or without a clock that jumps."""
    connection.close()
    stop_postgres()
    start_postgres(environment)


def unclaimed(world: World, margin: int = 0) -> set[int]:
    """Leads of first batches that nobody has claimed yet, leaving out `margin` positions after each cursor."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT unnest(lead_ids[cursor + 1 + %s:]) FROM delivery_batch WHERE campaign_id = %s AND kind = 'first'",
            [margin, world.campaign_id],
        )
        return {row[0] for row in cursor.fetchall()}


def ledger(campaign_id: int, leads: Sequence[int]) -> list[tuple[object, ...]]:
    """The ledger's rows of some leads, for a person to read."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lead_id, status, attempt, tries, at, reply FROM delivery_email "
            "WHERE campaign_id = %s AND lead_id = ANY(%s) ORDER BY lead_id",
            [campaign_id, list(leads)],
        )
        return cursor.fetchall()
