"""What others do on the same machine against the same sink: Postfix's load generator, Django, smtplib, aiosmtplib.

    python -m bench.throughput_references NAME --port PORT --count N --size BYTES

runs one of the Python ones in a process of its own and prints {"seconds": …, "cpu_seconds": …} on one line.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import shutil
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from bench.sink import Options, Sink

SENDER = "news@sender.example"
SMTP_SOURCE = shutil.which("smtp-source", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/libexec/postfix")
SMTP_SOURCE_SESSIONS = (4, 20)
CONNECTIONS = 20


@dataclass(frozen=True, slots=True)
class Reference:
    """What one of them did. missing: why it could not run, "" where it did."""

    name: str
    messages: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    sink_cpu_seconds: float = 0.0
    missing: str = ""

    @property
    def rate(self) -> float:
        """Messages a second, 0 where it did not run."""
        return self.messages / self.seconds if self.seconds else 0.0


def run_smtp_source(sink: Sink, count: int, size_bytes: int) -> list[Reference]:
    """`smtp-source -d`: keeps its connections, makes no content, knows no database; with few and with many."""
    if SMTP_SOURCE is None:
        return [Reference("smtp-source", missing="smtp-source is not installed (Debian has it in postfix)")]
    return [_smtp_source(sink, count, size_bytes, sessions) for sessions in SMTP_SOURCE_SESSIONS]


def together(turns: Iterable[Reference]) -> list[Reference]:
    """One for each name, the sums of its turns; of smtp-source only the quicker way. A turn that failed is told."""
    found: dict[str, Reference] = {}
    for one in turns:
        so_far = found.setdefault(
            one.name, replace(one, messages=0, seconds=0.0, cpu_seconds=0.0, sink_cpu_seconds=0.0)
        )
        found[one.name] = Reference(
            one.name,
            so_far.messages + one.messages,
            so_far.seconds + one.seconds,
            so_far.cpu_seconds + one.cpu_seconds,
            so_far.sink_cpu_seconds + one.sink_cpu_seconds,
            so_far.missing or one.missing,
        )
    smtp_source = [one for one in found.values() if one.name.startswith("smtp-source")]
    slower = sorted(smtp_source, key=lambda one: one.rate)[:-1]
    return [one for one in found.values() if one not in slower]


def _smtp_source(sink: Sink, count: int, size_bytes: int, sessions: int) -> Reference:
    sizes = ["-s", str(sessions), "-m", str(count), "-l", str(size_bytes)]
    addresses = ["-f", SENDER, "-t", "reader@d1.example"]
    command = [str(SMTP_SOURCE), "-d", "-N", *sizes, *addresses, f"inet:127.0.0.1:{sink.port}"]
    return _measured(f"smtp-source -d -s {sessions}", sink, count, command)


def run_python(name: str, sink: Sink, count: int, size_bytes: int) -> Reference:
    """One of PYTHON in a process of its own."""
    if name == "aiosmtplib" and importlib.util.find_spec("aiosmtplib") is None:
        return Reference(name, missing="aiosmtplib is not installed")
    numbers = ["--port", str(sink.port), "--count", str(count), "--size", str(size_bytes)]
    return _measured(name, sink, count, [sys.executable, "-m", "bench.throughput_references", name, *numbers])


def _measured(name: str, sink: Sink, count: int, command: list[str]) -> Reference:
    """Seconds and processor time of a command; its own words count where it prints them (without its start)."""
    sink.reset()
    before, started, used = sink.stats()["cpu_seconds"], time.monotonic(), os.times()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds, after = time.monotonic() - started, os.times()
    cpu_seconds = after.children_user + after.children_system - used.children_user - used.children_system
    if done.returncode:
        return Reference(name, missing=f"failed: {done.stderr.strip()[-200:]}")
    stats = sink.stats()
    if (stats["messages"], stats["repeats"]) != (count, 0):
        return Reference(name, missing=f"sent {stats['messages']} of {count}, {stats['repeats']} twice")
    if done.stdout.startswith("{"):
        own = json.loads(done.stdout)
        seconds, cpu_seconds = own["seconds"], own["cpu_seconds"]
    return Reference(name, count, seconds, cpu_seconds, stats["cpu_seconds"] - before)


# --- in a process of their own


def _html(size_bytes: int) -> str:
    return "<html><body><p>Dear {{ name }}</p>\n" + "<p>Some news for the reader of this.</p>\n" * (size_bytes // 40)


def _prepared(size_bytes: int) -> bytes:
    head = f"From: {SENDER}\r\nTo: reader@d1.example\r\nSubject: News\r\n\r\n".encode()
    return head + b"Some news for the reader of this, in lines of some length.\r\n" * max(1, (size_bytes - 80) // 60)


def send_django(port: int, count: int, size_bytes: int) -> None:
    """`EmailMultiAlternatives` for each reader over one open connection, as Django's own documentation does it."""
    from django.conf import settings
    from django.core.mail import EmailMultiAlternatives, get_connection

    settings.configure(EMAIL_HOST="127.0.0.1", EMAIL_PORT=port, DEFAULT_CHARSET="utf-8")
    html, text = _html(size_bytes - 500), "Dear {{ name }}, there is news."
    with get_connection("django.core.mail.backends.smtp.EmailBackend", host="127.0.0.1", port=port) as connection:
        for n in range(count):
            message = EmailMultiAlternatives(
                f"News for Ada{n}", text.replace("{{ name }}", f"Ada{n}"), SENDER, [f"lead{n}@d1.example"],
                connection=connection, headers={"List-Unsubscribe": f"<https://mail.example/u/{n}>"},
            )  # fmt: skip
            message.attach_alternative(html.replace("{{ name }}", f"Ada{n}"), "text/html")
            message.send()


def send_smtplib(port: int, count: int, size_bytes: int) -> None:
    """The standard library with one message that is ready, over one open connection."""
    data = _prepared(size_bytes)
    with smtplib.SMTP("127.0.0.1", port) as client:
        for n in range(count):
            client.sendmail(SENDER, [f"lead{n}@d1.example"], data)


def send_aiosmtplib(port: int, count: int, size_bytes: int) -> None:
    """aiosmtplib with one message that is ready, over twenty connections."""
    asyncio.run(_send_aiosmtplib(port, count, _prepared(size_bytes)))


async def _send_aiosmtplib(port: int, count: int, data: bytes) -> None:
    import aiosmtplib

    numbers = iter(range(count))

    async def work() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for n in numbers:
                await client.sendmail(SENDER, [f"lead{n}@d1.example"], data)

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


PYTHON: dict[str, Callable[[int, int, int], None]] = {
    "django": send_django,
    "smtplib": send_smtplib,
    "aiosmtplib": send_aiosmtplib,
}


def open_sink(latency_ms: float, *, chunking: bool = True) -> Sink:
    """The sink of benchmarks: it counts and looks for repeats, and keeps nothing else."""
    options = Options(keep_recipients=False, once=True, latency_ms=latency_ms, chunking=chunking)
    return Sink(options, process=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(PYTHON))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--size", type=int, required=True)
    given = parser.parse_args()
    started, used = time.perf_counter(), time.process_time()
    PYTHON[given.name](given.port, given.count, given.size)
    print(json.dumps({"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - used}))


if __name__ == "__main__":
    main()
