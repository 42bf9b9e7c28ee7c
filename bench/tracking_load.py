"""The load of bench.tracking where wrk is not installed: raw sockets in threads.

    python -m bench.tracking_load PORT PATHS SECONDS CONNECTIONS KEEP_ALIVE RATE

RATE: requests a second, 0 for as many as are answered.

Prints one JSON object: requests, seconds, p50_ms, p99_ms, wrong.
"""

from __future__ import annotations

import json
import random
import socket
import sys
import threading
import time
from pathlib import Path

AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
GOOD = (b"HTTP/1.1 200", b"HTTP/1.1 302")


def requests_of(paths: list[str], *, keep_alive: bool) -> list[bytes]:
    """Each with a network of its own, as if a proxy had forwarded it."""
    rng = random.Random(11)
    connection = "keep-alive" if keep_alive else "close"
    return [
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {AGENT}\r\nAccept: image/*\r\n"
        f"X-Forwarded-For: {rng.randint(11, 99)}.{rng.randint(0, 255)}.{rng.randint(0, 255)}.9\r\n"
        f"Connection: {connection}\r\n\r\n".encode()
        for path in paths
    ]


class Client(threading.Thread):
    """One connection after the other, or one for all requests."""

    def __init__(
        self, port: int, requests: list[bytes], until: float, *, keep_alive: bool, pause_seconds: float
    ) -> None:
        """pause_seconds: from one request to the next, 0 for none."""
        super().__init__(daemon=True)
        self.port, self.requests, self.until, self.keep_alive = port, requests, until, keep_alive
        self.pause_seconds = pause_seconds
        self.seconds: list[float] = []
        self.wrong = 0
        self._socket: socket.socket | None = None

    def run(self) -> None:
        due = time.perf_counter()
        for place in range(1 << 60):
            time.sleep(max(0.0, due - time.perf_counter()) if self.pause_seconds else 0.0)
            due += self.pause_seconds
            begun = time.perf_counter()
            if begun >= self.until:
                break
            answer = self._ask(self.requests[place % len(self.requests)])
            self.seconds.append(time.perf_counter() - begun)
            self.wrong += not answer.startswith(GOOD)

    def _ask(self, request: bytes) -> bytes:
        reused = self._socket is not None
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        try:
            self._socket.sendall(request)
            answer = self._read(self._socket)
        except ConnectionError:
            answer = b""
        if not answer or not self.keep_alive or b"connection: close" in answer.lower():
            self._socket.close()
            self._socket = None
        # a server may close a connection that it kept, just then; any browser asks once more
        return self._ask(request) if not answer and reused else answer

    def _read(self, connection: socket.socket) -> bytes:
        """Head and body; to the end of the connection where the server closes it."""
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = connection.recv(65536)
            if not piece:
                return answer
            answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            piece = connection.recv(65536)
            if not piece:
                break
            body += piece
        return head


def main() -> None:
    port, paths, seconds, connections, keep_alive, rate = sys.argv[1:]
    keeps = keep_alive == "1"
    made = requests_of(Path(paths).read_text().split("\n"), keep_alive=keeps)
    count = int(connections)
    begun = time.perf_counter()
    until, pause_seconds = begun + float(seconds), count / float(rate) if float(rate) else 0.0
    clients = [
        Client(int(port), made[n::count], until, keep_alive=keeps, pause_seconds=pause_seconds) for n in range(count)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    took = time.perf_counter() - begun
    waits = sorted(one * 1000 for client in clients for one in client.seconds)
    found = {
        "requests": len(waits),
        "seconds": took,
        "p50_ms": waits[len(waits) // 2],
        "p99_ms": waits[min(len(waits) - 1, round(len(waits) * 0.99))],
        "wrong": sum(client.wrong for client in clients),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
