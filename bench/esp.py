"""Measure the ways out by ESPs: one channel of ours against the loopback ESPs in another process.

python -m bench.esp [--esps mailgun postmark …] [--size 50000] [--count 4000] [--connections 8]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import django
import uvloop

WINDOW = 48
WINDOWS_AT_ONCE = 4
ALL = ("mailgun", "sendgrid", "postmark", "brevo", "resend", "mailjet", "ses")


def build_letters(count: int, size_bytes: int) -> list[object]:
    """Letters of one template with a dozen merge tags, HTML of about this size."""
    from campaigns.content.liquid import parse
    from delivery.engine.message import Mailbox, MessageHead, MessageTemplate
    from delivery.engine.smtp.clock import boottime
    from delivery.letters import Letter

    line = "<p>" + "words in a row " * 6 + "</p>\n"
    tags = "".join(f'<a href="{{{{ click }}}}/{n}">{{{{ name }}}}</a>\n' for n in range(12))
    html = tags + line * max(1, (size_bytes - len(tags)) // len(line))
    template = MessageTemplate(
        parse("News for {{ name }}", html=False),
        parse(html, html=True),
        parse("Dear {{ name }}\n" + "words in a row\n" * 40, html=False),
        Mailbox("news@sender.example", "News"),
        [("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"), ("Feedback-ID", "c1:list-1:bulk:massmailer")],
    )
    now, until = datetime.now(UTC), boottime() + 3600
    return [
        Letter(
            template,
            {"name": f"Ada{n}", "click": f"https://t.example/c/{n:032x}"},
            MessageHead(
                f"lead{n}@example.com", f"Ada{n}", f"{n}@sender.example", now,
                [("List-Unsubscribe", f"<https://t.example/u/{n:040x}>")],
            ),
            "news@sender.example",
            f"t{n}",
            until,
        )
        for n in range(count)
    ]  # fmt: skip


async def send_all(channel: object, letters: Sequence[object]) -> int:
    """Send in windows, as a worker does; how many were not accepted."""
    starts = iter(range(0, len(letters), WINDOW))
    failed = 0

    async def worker() -> None:
        nonlocal failed
        for start in starts:
            outcomes = await channel.send(letters[start : start + WINDOW])  # type: ignore[attr-defined]
            failed += sum(outcome.kind != "accepted" for outcome in outcomes)

    await asyncio.gather(*(worker() for _ in range(WINDOWS_AT_ONCE)))
    await channel.close()  # type: ignore[attr-defined]
    return failed


def measure(esp: str, url: str, letters: Sequence[object], connections: int) -> str:
    """Run once; one line of figures. CPU is user + system time of our side, a message."""
    from delivery.models import Provider
    from delivery.runtime import open_channel

    options = {"mailgun": {"domain": "sender.example"}, "ses": {"region": "eu-central-1"}}.get(esp, {})
    provider = Provider(name=esp, kind=esp, options={"api_url": url, **options}, max_connections=connections)
    both = {"api_key": "right-key", "secret_key": "right-secret"}
    provider.credentials = both if esp in ("ses", "mailjet") else {"api_key": "right-key"}
    channel = open_channel(provider)
    began, ours = time.perf_counter(), time.process_time()
    failed = uvloop.run(send_all(channel, letters))
    took, ours = time.perf_counter() - began, time.process_time() - ours
    rate, cpu = len(letters) / took, ours / len(letters) * 1e6
    return f"{esp:<10} {rate:>7.0f} messages/s  channel {cpu:>7.1f} µs  {failed} failed"


def main() -> None:
    """Print a line for each ESP."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--esps", nargs="+", default=ALL, choices=ALL)
    parser.add_argument("--size", type=int, default=50_000)
    parser.add_argument("--count", type=int, default=4_000)
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
    django.setup()
    from bench.esp_dialects import DIALECTS

    letters = build_letters(options.count, options.size)
    command = [sys.executable, "-m", "bench.esp_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        for esp in options.esps:
            url = f"http://127.0.0.1:{port}/{esp}/{DIALECTS[esp].version}"
            print(measure(esp, url, letters, options.connections), flush=True)
        server.terminate()


if __name__ == "__main__":
    main()
