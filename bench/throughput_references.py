"""What others do on the same machine against the same sink: Postfix's load generator, Django, smtplib, aiosmtplib.

    python -m bench.throughput_references NAME --port PORT --count N --size_bytes BYTES --tags N --links N

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
from dataclasses import asdict, dataclass, replace

from bench.sink import Options, Sink
from bench.throughput_content import SENDER, SUBJECT, build_html, build_text

SMTP_SOURCE = shutil.which("smtp-source", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/libexec/postfix")
SMTP_SOURCE_SESSIONS = (4, 20)
CONNECTIONS = 20
Loop = Callable[[], None]


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


@dataclass(frozen=True, slots=True)
class Message:
    """What the Python ones send, so many times. size_bytes: of a whole message. tags, links: see the campaign."""

    count: int
    size_bytes: int
    tags: int = 4
    links: int = 5


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


def run_python(name: str, sink: Sink, message: Message) -> Reference:
    """One of PYTHON in a process of its own."""
    if name == "aiosmtplib" and importlib.util.find_spec("aiosmtplib") is None:
        return Reference(name, missing="aiosmtplib is not installed")
    numbers = [f"--{key}={value}" for key, value in {"port": sink.port, **asdict(message)}.items()]
    return _measured(name, sink, message.count, [sys.executable, "-m", "bench.throughput_references", name, *numbers])


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


def _prepared(size_bytes: int) -> bytes:
    head = f"From: {SENDER}\r\nTo: reader@d1.example\r\nSubject: News\r\n\r\n".encode()
    return head + b"Some news for the reader of this, in lines of some length.\r\n" * max(1, (size_bytes - 80) // 60)


def django_loop(port: int, message: Message) -> Loop:
    """The campaign's message by Django's own means: compiled templates, `EmailMultiAlternatives`, one connection."""
    import django
    from django.conf import settings
    from django.core.mail import EmailMultiAlternatives, get_connection
    from django.core.mail.backends.base import BaseEmailBackend
    from django.template import Context, Engine

    settings.configure(DEFAULT_CHARSET="utf-8")
    django.setup()
    compile_text, tags, links = Engine().from_string, message.tags, message.links
    subject, text = compile_text(SUBJECT), compile_text(build_text(tags, links))
    html = compile_text(build_html(tags, links))

    def write(n: int, connection: BaseEmailBackend | None = None) -> EmailMultiAlternatives:
        door = f"https://mail.example/u/{n}"
        lead = {"first_name": f"Ada{n}", "last_name": "Lovelace", "attributes": {"city": "Paris", "plan": "pro"}}
        values = {"lead": lead, "unsubscribe_url": door}
        plain = Context(values, autoescape=False)
        written = EmailMultiAlternatives(
            subject.render(plain), text.render(plain), SENDER, [f"lead{n}@d1.example"],
            connection=connection, headers={"List-Unsubscribe": f"<{door}>"},
        )  # fmt: skip
        written.attach_alternative(html.render(Context(values)), "text/html")
        return written

    missing = message.size_bytes - len(write(message.count).message().as_bytes())
    html = compile_text(build_html(tags, links, max(0, missing)))

    def send() -> None:
        backend = "django.core.mail.backends.smtp.EmailBackend"
        with get_connection(backend, host="127.0.0.1", port=port) as connection:
            for n in range(message.count):
                write(n, connection).send()

    return send


def smtplib_loop(port: int, message: Message) -> Loop:
    """The standard library with one message that is ready, over one open connection."""
    data = _prepared(message.size_bytes)

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", port) as client:
            for n in range(message.count):
                client.sendmail(SENDER, [f"lead{n}@d1.example"], data)

    return send


def aiosmtplib_loop(port: int, message: Message) -> Loop:
    """aiosmtplib with one message that is ready, over twenty connections."""
    import aiosmtplib

    data, numbers = _prepared(message.size_bytes), iter(range(message.count))

    async def work() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for n in numbers:
                await client.sendmail(SENDER, [f"lead{n}@d1.example"], data)

    async def all_of_them() -> None:
        await asyncio.gather(*(work() for _ in range(CONNECTIONS)))

    return lambda: asyncio.run(all_of_them())


# each makes ready, which is not measured, and gives the loop that sends: port, message
PYTHON: dict[str, Callable[[int, Message], Loop]] = {
    "django": django_loop,
    "smtplib": smtplib_loop,
    "aiosmtplib": aiosmtplib_loop,
}


def open_sink(latency_ms: float, *, chunking: bool = True) -> Sink:
    """The sink of benchmarks: it counts and looks for repeats, and keeps nothing else."""
    options = Options(keep_recipients=False, once=True, latency_ms=latency_ms, chunking=chunking)
    return Sink(options, process=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(PYTHON))
    for name in ("port", *Message.__dataclass_fields__):
        parser.add_argument(f"--{name}", type=int, required=True)
    given = vars(parser.parse_args())
    name, port = given.pop("name"), given.pop("port")
    send = PYTHON[name](port, Message(**given))
    started, used = time.perf_counter(), time.process_time()
    send()
    print(json.dumps({"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - used}))


if __name__ == "__main__":
    main()
