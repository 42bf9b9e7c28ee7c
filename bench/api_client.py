"""The least that posts JSON over kept connections: a load that costs the machine little beside what it measures."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Answers:
    """seconds: of each request, from the moment it was due. statuses: how many of each; 0 for a broken connection."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """rate: requests a second in all, 0: each connection as fast as it gets answers. body: of request number n.

    idempotency: what the Idempotency-Keys begin with; "": none are sent.
    """

    port: int
    path: str
    secret: str
    seconds: float
    connections: int
    rate: float
    body: Callable[[int], bytes]
    idempotency: str = ""


def run(load: Load) -> Answers:
    """Post until the time is over."""
    return asyncio.run(_run(load))


async def _run(load: Load) -> Answers:
    answers, began = Answers(), time.monotonic()
    numbers = iter(range(10**9))
    await asyncio.gather(*(_connection(load, answers, began, numbers) for _ in range(load.connections)))
    answers.elapsed = time.monotonic() - began
    return answers


async def _connection(load: Load, answers: Answers, began: float, numbers: object) -> None:
    reader = writer = None
    while True:
        number = next(numbers)  # type: ignore[call-overload]
        due = began + number / load.rate if load.rate else time.monotonic()
        if due - began > load.seconds:
            break
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
            status, is_kept = await _post(reader, writer, load, number)  # type: ignore[arg-type]
        except (OSError, asyncio.IncompleteReadError):
            status, is_kept = 0, False
        answers.seconds.append(time.monotonic() - due)
        answers.statuses[status] += 1
        if not is_kept and writer is not None:
            writer.close()
            writer = None
    if writer is not None:
        writer.close()


async def _post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, load: Load, number: int
) -> tuple[int, bool]:
    body = load.body(number)
    key = f"Idempotency-Key: {load.idempotency}{number}\r\n" if load.idempotency else ""
    head = (
        f"POST {load.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {load.secret}\r\n"
        f"Content-Type: application/json\r\n{key}Content-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(answer.partition("content-length:")[2].partition("\r\n")[0] or 0)
    await reader.readexactly(length)
    return int(answer.split(" ", 2)[1]), "connection: close" not in answer
