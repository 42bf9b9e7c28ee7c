"""The sink's control port: a few HTTP requests with JSON, one a connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

Handler = Callable[[str, str, Any], Any]


class ControlRequest(Exception):
    """The request cannot be served; its text is the answer. The caller corrects the request."""


async def serve_control(handler: Handler, port: int = 0) -> asyncio.Server:
    """Listen on loopback; `handler(method, path, json value)` returns the JSON answer, or raises ControlRequest."""

    async def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                status, answer = await _answer(reader, handler)
                body = json.dumps(answer).encode()
                head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
                await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError) as error:
            print(f"control client left: {error!r}", flush=True)
        finally:
            writer.close()

    return await asyncio.start_server(on_client, "127.0.0.1", port)


async def _answer(reader: asyncio.StreamReader, handler: Handler) -> tuple[str, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, path, *_ = head.split(" ", 2)
    length = 0
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    body = await reader.readexactly(length) if length else b"null"
    try:
        return "200 OK", handler(method, path, json.loads(body))
    except (ControlRequest, ValueError, TypeError, KeyError) as error:
        return "400 Bad Request", {"error": str(error)}
