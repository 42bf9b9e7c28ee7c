"""The product under load: engines, workers, leads and one campaign, through the public commands."""

from __future__ import annotations

import datetime as dt
import io
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.main_job import Failed, manage
from bench.sink import Sink
from bench.throughput_content import SENDER, SUBJECT, build_for_size
from bench.throughput_meter import Meter, children, trees

# near the end; while much is left a look is half as far away as the end seems to be, for it costs the database 2 ms
POLL_SECONDS = 0.1
LONGEST_POLL_SECONDS = 2.0
LIST = "Readers"
# set-based: a benchmark of sending does not wait for an import
LEADS = """
INSERT INTO campaigns_lead (email, mailbox_group, first_name, last_name, language, attributes, tags)
SELECT 'lead' || n || '@d' || mod(n, 500) || '.example', 'other', 'Ada' || n, 'Lovelace', 'en',
       jsonb_build_object('city', 'Paris', 'plan', 'pro', 'orders', mod(n, 50)), ARRAY['vip']
  FROM generate_series(1, %s) AS n
"""
MEMBERS = """
INSERT INTO campaigns_listmembership (mailing_list_id, lead_id) SELECT %s, id FROM campaigns_lead ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent. size_bytes: of a whole message, about."""

    leads: int
    size_bytes: int
    tags: int
    links: int
    timeout_seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What it took, from the launch to the last recorded outcome.

    cpu_seconds, peak_bytes: by group ("worker", "postgres", "valkey", "sink", "others"). size_bytes: of a message, as
    the sink measured it. idle_share: of all cores, 0 to 1.
    """

    messages: int
    seconds: float
    size_bytes: float
    cpu_seconds: Mapping[str, float]
    peak_bytes: Mapping[str, int]
    idle_share: float = 0.0


def make_leads(count: int) -> None:
    """Leads of several hundred domains on one list; the tables are vacuumed and known to the planner."""
    from django.db import connection

    from campaigns.models import MailingList

    mailing_list = MailingList.objects.create(name=LIST)
    with connection.cursor() as cursor:
        cursor.execute(LEADS, [count])
        cursor.execute(MEMBERS, [mailing_list.pk])
        cursor.execute("VACUUM ANALYZE campaigns_lead, campaigns_listmembership")
        cursor.execute("CHECKPOINT")


def allow_connections(most: int) -> None:
    """How many connections each worker child may open, as an operator sets it on the provider's page."""
    from delivery.models import Provider

    Provider.objects.update(max_connections=most)


def sign_messages() -> None:
    """The sender's domain signs with a new RSA key of 2048 bits; that its record is in DNS is taken on our word."""
    from delivery import domain_keys
    from delivery.models import SendingDomain

    domain = SendingDomain.objects.create(domain=SENDER.partition("@")[2].rstrip(">"))
    domain_keys.generate(domain_id=domain.pk, today=dt.datetime.now(dt.UTC).date())
    domain_keys.switch_signing(domain_id=domain.pk, on=True, is_sure=True)


def add_list(name: str, count: int) -> None:
    """A list of the first so many leads."""
    from django.db import connection

    from campaigns.models import MailingList

    with connection.cursor() as cursor:
        cursor.execute(
            f"{MEMBERS.replace('ORDER BY id', '')} ORDER BY id LIMIT %s",
            [MailingList.objects.create(name=name).pk, count],
        )
        cursor.execute("VACUUM ANALYZE campaigns_listmembership")


def make_campaign(load: Load, folder: Path, mailing_list: str = LIST) -> int:
    """A campaign to all of a list, in draft; its id."""
    body = folder / "body.html"
    body.write_text(build_for_size(load.tags, load.links, load.size_bytes))
    arguments = (
        "--name",
        "Throughput",
        "--subject",
        SUBJECT,
        "--from",
        SENDER,
        "--html",
        str(body),
        "--list",
        mailing_list,
    )
    return int(manage("create_campaign", *arguments))


def send_campaign(campaign_id: int, load: Load, sink: Sink) -> Sent:
    """Launch and wait for the last outcome. Raises Failed unless every lead was accepted exactly once."""
    from django.core.management import call_command

    meter = Meter(lambda: processes(sink))
    started, cores = time.monotonic(), psutil.cpu_times()
    # in this process: the start of a Python of its own would be a second of the measurement
    call_command("launch", str(campaign_id), stdout=io.StringIO())
    _wait(campaign_id, load)
    seconds, idle_share = time.monotonic() - started, _idle_share(cores, psutil.cpu_times())
    cpu_seconds, peak_bytes = meter.finish()
    stats = sink.stats()
    found = (stats["messages"], stats["distinct_recipients"], stats["repeats"])
    if found != (load.leads, load.leads, 0):
        raise Failed(f"{load.leads} leads, but the sink counts (messages, recipients, repeats) = {found}")
    return Sent(load.leads, seconds, stats["bytes"] / load.leads, cpu_seconds, peak_bytes, idle_share)


def together(turns: Sequence[Sent]) -> Sent:
    """The sums of several turns; the highest memory of any."""
    seconds = sum(one.seconds for one in turns)
    groups = {group for one in turns for group in one.cpu_seconds}
    return Sent(
        sum(one.messages for one in turns),
        seconds,
        turns[0].size_bytes,
        {group: sum(one.cpu_seconds.get(group, 0.0) for one in turns) for group in groups},
        {group: max(one.peak_bytes.get(group, 0) for one in turns) for group in groups},
        sum(one.idle_share * one.seconds for one in turns) / seconds,
    )


@contextmanager
def halted(sink: Sink) -> Iterator[None]:
    """All of the product and its engines stand still meanwhile: what it does when idle would slow others down."""
    table = children()
    everything = [one for roots in processes(sink).values() for one in trees(roots, table)]
    for one in everything:
        one.suspend()
    try:
        yield
    finally:
        for one in everything:
            one.resume()


def _idle_share(before: Any, after: Any) -> float:
    spent = {name: getattr(after, name) - getattr(before, name) for name in after._fields if "guest" not in name}
    return float((spent["idle"] + spent.get("iowait", 0.0)) / max(1e-9, sum(spent.values())))


def _wait(campaign_id: int, load: Load) -> None:
    from delivery.numbers import campaign_numbers

    began = time.monotonic()
    until = began + load.timeout_seconds
    while (now := time.monotonic()) < until:
        numbers = campaign_numbers(campaign_id)
        if numbers.audience and numbers.pending == 0:
            if numbers.sent != load.leads:
                raise Failed(f"not everything was sent: {numbers}")
            return
        done = max(1, numbers.audience - numbers.pending)
        left = (now - began) * numbers.pending / done
        time.sleep(min(LONGEST_POLL_SECONDS, max(POLL_SECONDS, left / 2)))
    raise Failed(f"not finished within {load.timeout_seconds:g} s: {numbers}")


def processes(sink: Sink) -> dict[str, Iterable[int]]:
    """The main processes by group."""
    from massmailer.embedded import paths, pids
    from massmailer.processes import record

    running = record.read()
    bulk = {pid for name, pid in running.children.items() if name == "worker-bulk"}
    return {
        "worker": bulk,
        "postgres": postgres_pid(),
        "valkey": [pid] if (pid := pids.read_pid(paths.valkey_home() / "valkey.pid")) else [],
        "sink": [sink.pid] if sink.pid else [],
        "others": set(running.children.values()) - bulk,
    }


def postgres_pid() -> list[int]:
    """The main process of the embedded PostgreSQL."""
    from massmailer.embedded import paths

    return [int((paths.postgres_data() / "postmaster.pid").read_text().split("\n", 1)[0])]
