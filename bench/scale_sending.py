"""bench.scale with the whole product at work: many leads beside few, and more worker children."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench import throughput_references as references
from bench.main_job import manage
from bench.sink import Sink
from bench.throughput_stack import Load, Sent, add_list, make_campaign, make_leads, processes, send_campaign

GROUPS = ("worker", "postgres", "valkey", "others", "sink")
SAMPLES = 10
SAMPLE_SECONDS = 1.0


@contextmanager
def stack(children: int) -> Iterator[Sink]:
    """The product with so many bulk children (0: one for each core), and its sink."""
    from massmailer.processes.background import BackgroundStack
    from massmailer.processes.options import StackOptions
    from massmailer.processes.ports import find_free

    options = StackOptions(port=find_free(), flower_port=find_free(), sandbox=False, bulk_workers=children)
    with BackgroundStack(options), references.open_sink(0.0) as sink:
        manage("add_provider", "--name", "Sink", "--smtp", f"smtp://127.0.0.1:{sink.port}")
        yield sink


class Memory:
    """The memory (RSS) of all bulk workers together, once a second while the block runs."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self.megabytes: list[float] = []

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def series(self) -> str:
        """Some of the samples, evenly spread."""
        step = max(1, len(self.megabytes) // SAMPLES)
        return " ".join(f"{one:,.0f}" for one in self.megabytes[::step])

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            total = 0
            for pid in processes(self._sink)["worker"]:
                try:
                    main = psutil.Process(pid)
                    total += sum(one.memory_info().rss for one in (main, *main.children(recursive=True)))
                except psutil.Error:
                    continue
            self.megabytes.append(total / 1e6)


def sending(given: argparse.Namespace, folder: Path) -> None:
    """The same campaign to few and to many of the same leads."""
    with stack(0) as sink:
        make_leads(given.large)
        add_list("Few", given.small)
        costs = []
        for name, leads in (("Few", given.small), ("Readers", given.large)):
            load = Load(leads, given.size, 4, 5)
            sink.reset()
            with Memory(sink) as memory:
                sent = send_campaign(make_campaign(load, folder, mailing_list=name), load, sink)
            costs.append(_line(f"{leads:,} leads", sent))
            print(f"memory of the workers on the way, MB: {memory.series()}", flush=True)
    print(f"cost an e-mail, many beside few: {costs[1] / costs[0]:.3f}")


def workers(given: argparse.Namespace, folder: Path) -> None:
    """The same campaign with more and more children."""
    made = False
    for children in given.children:
        with stack(children) as sink:
            if not made:
                make_leads(given.leads)
                made = True
            load = Load(given.leads, given.size, 4, 5)
            _line(f"{children} children", send_campaign(make_campaign(load, folder), load, sink))


def _line(title: str, sent: Sent) -> float:
    """Print it; processor time of an e-mail in µs, all of it."""
    costs = {group: sent.cpu_seconds.get(group, 0.0) / sent.messages * 1e6 for group in GROUPS}
    shown = ", ".join(f"{group} {cost:.1f}" for group, cost in costs.items())
    rate = sent.messages / sent.seconds
    total = sum(costs.values())
    print(
        f"{title}: {rate:,.0f}/s, µs an e-mail: {shown}, sum {total:.1f}; cores idle {sent.idle_share:.0%}", flush=True
    )
    return total
