"""The ESPs of all tests and benchmarks: loopback only, real shapes of requests and answers, misbehaves on demand.

    with EspServer(faults=[Fault("status", status=429, headers={"Retry-After": "30"})]) as server:
        server.url("mailgun")  # the base URL of an account's `api_url`

    python -m bench.esp_server --port 8025   # serves until it is stopped, and prints its port

`accepted` has every message that an ESP would deliver, with what its recipient would see.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal

from bench.esp_dialects import DIALECTS, Accepted, Answer, Asked

Action = Literal["status", "reset_before", "reset_after", "accept_and_reset", "accept_and_hang", "hang", "garble"]


@dataclass(slots=True)
class Fault:
    """What happens to the next `times` sending requests (-1: to all).

    status: an answer without accepting. reset_before: cut without reading. reset_after: cut when the request was read,
    nothing accepted. accept_and_reset, accept_and_hang: accepted, and no answer comes. hang: no answer, not accepted.
    garble: accepted, and the answer is no JSON.
    """

    action: Action
    times: int = -1
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default_factory=lambda: {"message": "an error on demand"})


class EspServer:
    """All ESPs on one port, each under a path of its own. refusals: glob of an address to "invalid" or "inactive"."""

    def __init__(
        self,
        *,
        faults: Sequence[Fault] = (),
        refusals: Mapping[str, str] | None = None,
        api_key: str = "right-key",
        secret_key: str = "right-secret",
        keep: bool = True,
        port: int = 0,
    ) -> None:
        self.faults = list(faults)
        self.refusals = dict(refusals or {})
        self.api_key, self.secret_key, self.keep = api_key, secret_key, keep
        self.accepted: list[Accepted] = []
        self.asked: list[Asked] = []
        self.duplicates: list[str] = []
        self.count = 0
        self._tokens: Counter[str] = Counter()
        self._idempotency: set[str] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._http = _Server(("127.0.0.1", port), _Handler)
        self._http.esp = self
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    def url(self, esp: str) -> str:
        """The base URL of an ESP's API."""
        return f"http://127.0.0.1:{self.port}/{esp}/{DIALECTS[esp].version}"

    def __enter__(self) -> EspServer:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)

    def wait_stopped(self) -> None:
        """Until the server ends: what never answers must not outlive it."""
        self._stopped.wait()

    def next_fault(self) -> Fault | None:
        """The fault of the sending request that came now."""
        with self._lock:
            fault = next((one for one in self.faults if one.times), None)
            if fault is not None:
                fault.times -= 1
            return fault

    def note(self, asked: Asked) -> None:
        """Remember a request."""
        with self._lock:
            if self.keep:
                self.asked.append(asked)

    def accept(self, messages: Sequence[Accepted]) -> None:
        """Take responsibility for messages; a token that was accepted before is a duplicate."""
        with self._lock:
            self.count += len(messages)
            for message in messages:
                token = message.metadata.get("token", "")
                self._tokens[token] += 1
                if token and self._tokens[token] > 1:
                    self.duplicates.append(token)
                if self.keep:
                    self.accepted.append(message)

    def is_new_key(self, key: str) -> bool:
        """False for an idempotency key that was used before."""
        with self._lock:
            is_new = key not in self._idempotency
            self._idempotency.add(key)
            return is_new

    def refusal_of(self, address: str) -> str:
        """ "invalid", "inactive" or ""."""
        return next((why for pattern, why in self.refusals.items() if fnmatch(address, pattern)), "")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    esp: EspServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Cut connections are what this server is for; anything else is told."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # head and body of an answer leave together: else the second waits for the client's delayed acknowledgement
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        asked = self._asked(b"")
        dialect = DIALECTS[asked.esp]
        self._answer(dialect.check(self.server.esp, asked))

    def do_POST(self) -> None:
        esp = self.server.esp
        fault = esp.next_fault()
        if fault and fault.action == "reset_before":
            self._cut()
            return
        asked = self._asked(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        esp.note(asked)
        if fault is None:
            answer, messages = DIALECTS[asked.esp].send(esp, asked)
            esp.accept(messages)
            self._answer(answer)
            return
        self._misbehave(fault, asked)

    def _misbehave(self, fault: Fault, asked: Asked) -> None:
        esp = self.server.esp
        if fault.action == "status":
            self._answer(Answer(fault.status, fault.body, fault.headers))
            return
        if fault.action in ("accept_and_reset", "accept_and_hang", "garble"):
            esp.accept(DIALECTS[asked.esp].send(esp, asked)[1])
        if fault.action == "garble":
            self._answer(Answer(200, "<html>Service</html>"))
        elif fault.action in ("hang", "accept_and_hang"):
            esp.wait_stopped()
            self.close_connection = True
        else:
            self._cut()

    def _asked(self, body: bytes) -> Asked:
        esp, _, path = self.path.lstrip("/").partition("/")
        return Asked(esp, path, dict(self.headers.items()), body)

    def _answer(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        raw = body.encode() if answer.body != "" else b""
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json" if not body.startswith("<") else "text/html")
        self.send_header("Content-Length", str(len(raw)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def _cut(self) -> None:
        """End the connection by a reset, not by a polite goodbye."""
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True


def main() -> None:
    """Serve until the process is stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with EspServer(keep=False, port=options.port) as server:
        print(server.port, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.wait_stopped()


if __name__ == "__main__":
    main()
