"""The SMTP server of all tests and benchmarks: loopback only, counts, records on request, misbehaves on demand.

    python -m bench.sink --port 2525 --log accepted.log --reply 'RCPT:*@full.example=452 4.2.2 mailbox full'

prints one line of JSON with its ports and takes orders on the control port:
GET /stats, /behaviour, /accepted; POST /behaviour {"rules": […], "latency_ms": 0}, /reset, /drop (cut all clients).
In tests: `with Sink(rules=[Rule("MAIL", text="421 4.3.2 closing")]) as sink: …` (a thread), or `process=True`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.sink_rules import Rule, parse_rule, rule_from_json
from bench.sink_server import Options, SinkServer
from bench.sink_store import Stored

__all__ = ["Options", "Rule", "Sink", "Stored"]


class Sink:
    """A sink for tests and benchmarks, as a context manager: in a thread, or in a process of its own.

    The same questions work on both; they go through the control port. `server` is there with a thread only.
    """

    def __init__(self, options: Options | None = None, *, rules: Sequence[Rule] = (), process: bool = False) -> None:
        self.options = options or Options()
        self.port = self.control_port = 0
        self.ca_file = ""
        self.server: SinkServer | None = None
        self._rules = tuple(rules)
        self._as_process = process
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def __enter__(self) -> Sink:
        if self._as_process:
            self._start_process()
        else:
            self._start_thread()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)
            if self._process.stdout is not None:
                self._process.stdout.close()
        if self._loop is not None and self._stop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    @property
    def url(self) -> str:
        """The sink's address for `Endpoint.from_url`."""
        scheme = {"": "smtp", "starttls": "smtp+starttls", "implicit": "smtps"}[self.options.tls]
        return f"{scheme}://{self.options.host}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The number of its process; None in a thread."""
        return self._process.pid if self._process is not None else None

    def stats(self) -> dict[str, Any]:
        """Counts so far; see `Store.stats`."""
        return dict(self._ask("GET", "/stats"))

    def accepted(self) -> list[tuple[str, str]]:
        """(address, message id) of every accepted recipient, in order."""
        return [(address, message_id) for address, message_id in self._ask("GET", "/accepted")]

    def messages(self) -> list[Stored]:
        """Accepted messages with content. Needs `keep_content` and a sink in a thread."""
        if self.server is None:
            raise RuntimeError("messages are kept in memory by a sink in a thread; use maildir with a process")
        return list(self.server.store.messages)

    def behave(self, rules: Sequence[Rule], *, latency_ms: float | None = None) -> None:
        """Replace all rules from now on."""
        latency = {} if latency_ms is None else {"latency_ms": latency_ms}
        self._ask("POST", "/behaviour", {"rules": [rule.to_json() for rule in rules], **latency})

    def offer_chunking(self, offered: bool) -> None:
        """Offer CHUNKING, or not, to whoever says EHLO from now on."""
        self._ask("POST", "/chunking", offered)

    def reset(self) -> None:
        """Forget counts and what was accepted."""
        self._ask("POST", "/reset")

    def drop(self) -> int:
        """Cut every client connection; returns how many there were."""
        return int(self._ask("POST", "/drop")["dropped"])

    def _ask(self, method: str, path: str, value: Any = None) -> Any:
        body = json.dumps(value).encode() if value is not None else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.control_port}{path}", body, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def _start_process(self) -> None:
        settings = json.dumps({"options": asdict(self.options), "rules": [rule.to_json() for rule in self._rules]})
        command = [sys.executable, "-m", "bench.sink", "--settings", settings]
        root = Path(__file__).resolve().parent.parent
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root)
        line = self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            raise RuntimeError(f"the sink did not start (exit status {self._process.wait()})")
        self._adopt(json.loads(line))

    def _start_thread(self) -> None:
        started = threading.Event()
        self._thread = threading.Thread(target=self._run_thread, args=(started,), name="sink", daemon=True)
        self._thread.start()
        if not started.wait(10) or self.server is None:
            raise RuntimeError("the sink's thread did not start")
        self._adopt(self.server.ports)

    def _run_thread(self, started: threading.Event) -> None:
        async def main() -> None:
            server = SinkServer(self.options, self._rules)
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            try:
                await server.start()
                self.server = server
            finally:
                started.set()
            await self._stop.wait()
            await server.stop()

        asyncio.run(main())

    def _adopt(self, ports: dict[str, Any]) -> None:
        self.port, self.control_port, self.ca_file = ports["port"], ports["control_port"], ports["ca_file"]


async def _serve(options: Options, rules: Sequence[Rule]) -> None:
    server = SinkServer(options, rules)
    await server.start()
    print(json.dumps(server.ports), flush=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    print(json.dumps(server.store.stats()), flush=True)
    await server.stop()


def _parse(arguments: Sequence[str] | None) -> tuple[Options, list[Rule]]:
    parser = argparse.ArgumentParser(
        prog="bench.sink", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--port", type=int, default=0)
    add("--control-port", type=int, default=0)
    add("--tls", choices=("", "starttls", "implicit"), default="")
    add("--user", action="append", default=[], metavar="NAME:PASSWORD")
    add("--no-pipelining", dest="pipelining", action="store_false")
    add("--chunking", action="store_true", help="offer CHUNKING and take BDAT")
    add("--size-limit", type=int, default=0, metavar="BYTES")
    add("--fast", dest="keep_recipients", action="store_false", help="count only")
    add("--once", action="store_true", help="count recipients that come again")
    add("--log", default="", metavar="FILE", help='one line "address<TAB>message-id" an accepted recipient')
    add("--maildir", default="", metavar="FOLDER")
    add("--latency-ms", type=float, default=0.0)
    add("--seed", type=int, default=0)
    for action in ("reply", "close", "stall", "delay"):
        add(f"--{action}", action="append", default=[], metavar="STAGE[:PATTERN][;name=value…]")
    add("--settings", default="", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.settings:
        value = json.loads(given.settings)
        return Options(**value["options"]), [rule_from_json(rule) for rule in value["rules"]]
    rules = [
        parse_rule(spec, action) for action in ("reply", "close", "stall", "delay") for spec in getattr(given, action)
    ]
    users = dict(user.split(":", 1) for user in given.user)
    own = ("user", "settings", "reply", "close", "stall", "delay")
    return Options(users=users, **{name: value for name, value in vars(given).items() if name not in own}), rules


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a sink until SIGTERM or Ctrl-C."""
    options, rules = _parse(arguments)
    try:
        import uvloop
    except ImportError:
        asyncio.run(_serve(options, rules))
    else:
        uvloop.run(_serve(options, rules))


if __name__ == "__main__":
    main()
