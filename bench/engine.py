"""Measure the SMTP engine alone: one process of ours against the sink in another.

python -m bench.engine [--sizes 2000 50000] [--count 20000] [--latency-ms 0] [--connections 20] [--chunking]
"""

from __future__ import annotations

import argparse
import asyncio
import time

import uvloop

from bench.sink import Options, Sink
from delivery.engine.outcome import Kind
from delivery.engine.smtp import Endpoint, SmtpMessage, SmtpPool

WINDOW = 50
WINDOWS_AT_ONCE = 4


def build_data(size_bytes: int) -> bytes:
    """Return a message of about this size, in lines of 76 bytes."""
    head = b"Message-ID: <measure@example.com>\r\nSubject: Measure\r\n\r\n"
    return head + (b"y" * 74 + b"\r\n") * max(1, (size_bytes - len(head)) // 76)


async def send_all(port: int, messages: list[SmtpMessage], connections: int) -> tuple[int, int]:
    """Send in windows, as a worker does; returns how many were not accepted, and the connections in use at the end."""
    pool = SmtpPool(Endpoint("127.0.0.1", port), max_connections=connections)
    starts = iter(range(0, len(messages), WINDOW))
    failed = 0

    async def worker() -> None:
        nonlocal failed
        for start in starts:
            outcomes = await pool.send_window(messages[start : start + WINDOW])
            failed += sum(outcome.kind is not Kind.ACCEPTED for outcome in outcomes)

    await asyncio.gather(*(worker() for _ in range(WINDOWS_AT_ONCE)))
    in_use = pool.connections
    await pool.close()
    return failed, in_use


def measure(size_bytes: int, count: int, latency_ms: float, connections: int, *, chunking: bool) -> str:
    """Run once and return one line of figures: CPU is user + system time of each side, per message."""
    data = build_data(size_bytes)
    messages = [
        SmtpMessage(f"b+{n}@bounce.example", f"user{n}@example.com", data, checked_size=len(data)) for n in range(count)
    ]
    with Sink(Options(keep_recipients=False, latency_ms=latency_ms, chunking=chunking), process=True) as sink:
        before, began, ours = sink.stats()["cpu_seconds"], time.perf_counter(), time.process_time()
        failed, in_use = uvloop.run(send_all(sink.port, messages, connections))
        took, ours = time.perf_counter() - began, time.process_time() - ours
        theirs = sink.stats()["cpu_seconds"] - before
    return (
        f"{size_bytes:>7} bytes  {count / took:>8.0f} messages/s  engine {ours / count * 1e6:>6.1f} µs  "
        f"sink {theirs / count * 1e6:>6.1f} µs  {in_use} connections  {failed} failed"
    )


def main() -> None:
    """Print one line for each size."""
    parser = argparse.ArgumentParser(prog="bench.engine", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 50000])
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--chunking", action="store_true", help="the sink offers CHUNKING")
    given = parser.parse_args()
    for size_bytes in given.sizes:
        line = measure(size_bytes, given.count, given.latency_ms, given.connections, chunking=given.chunking)
        print(line, flush=True)


if __name__ == "__main__":
    main()
