"""The sink's connection as a transport sees it, and the misbehaviour that any step can show."""

from __future__ import annotations

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from bench.sink_rules import Behaviour, Rule
from bench.sink_store import Store

SCRATCH_BYTES = 1 << 18


@dataclass(slots=True)
class Shared:
    """What all connections of one sink share. users: name to password, empty when no login is needed."""

    behaviour: Behaviour
    store: Store
    pipelining: bool = True
    chunking: bool = False
    size_limit: int = 0
    smtputf8: bool = True
    eight_bit: bool = True
    auth_mechanisms: str = "PLAIN LOGIN"
    users: Mapping[str, str] = field(default_factory=dict)
    starttls: ssl.SSLContext | None = None
    connections: set[asyncio.BaseProtocol] = field(default_factory=set)
    # all connections read into one buffer: what has to outlive a callback is copied out
    scratch: bytearray = field(default_factory=lambda: bytearray(SCRATCH_BYTES))


class SinkWire(asyncio.BufferedProtocol, ABC):
    """One client's connection. Replies to what arrived together leave together, as pipelining servers do."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._view = memoryview(shared.scratch)
        self._store = shared.store
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._loop = asyncio.get_running_loop()
        self._out: list[bytes] = []
        self._blocked = False
        self._closed = False
        self._secure = False

    @abstractmethod
    def work(self) -> None:
        """Go on with what has arrived, after a pause: a session that forgot it would wait for ever with data."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._secure = transport.get_extra_info("ssl_object") is not None
        self._shared.connections.add(self)
        counts = self._store.counts
        counts["connections"] += 1
        counts["open"] += 1
        counts["open_max"] = max(counts["open_max"], counts["open"])
        self.say("CONNECT", b"220 sink.example ESMTP\r\n")
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the transport's signature
        self._closed = True
        self._shared.connections.discard(self)
        self._store.counts["open"] -= 1

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the transport's signature
        return self._view

    def flush(self) -> None:
        """Write the replies that are due, after the network's latency."""
        if self._out:
            data, self._out = b"".join(self._out), []
            self._later(lambda: self._transport.write(data))

    def hang_up(self) -> None:
        """Write what is due, then close as a server does that says good-bye."""
        self.flush()
        self._later(self._transport.close)
        self._blocked = True

    def cut(self) -> None:
        """End the connection at once, as a server that crashes does."""
        self._closed = True
        self._transport.abort()

    def _later(self, action: Callable[[], None]) -> None:
        latency = self._shared.behaviour.latency
        if not latency:
            action()
        else:
            self._loop.call_later(latency, lambda: None if self._closed else action())

    # --- misbehaviour

    def say(self, stage: str, normal: bytes, addresses: list[str] | None = None) -> bool:
        """Answer with the normal reply or what a rule says; True when the step went the normal way."""
        rule = self._shared.behaviour.find(stage, addresses or ())
        if rule is None:
            self._out.append(normal)
            return True
        self.misbehave(rule, normal)
        return rule.action == "delay" or (rule.action == "reply" and rule.text[:1] == normal[:1].decode())

    def misbehave(self, rule: Rule, normal: bytes) -> None:
        """Do what the rule says, at once or after its delay."""
        self._store.counts[f"{rule.action}_{rule.stage.lower()}"] += 1
        if not rule.delay_ms:
            self._apply(rule, normal)
            return
        self._blocked = True
        self.flush()

        def go_on() -> None:
            if not self._closed:
                self._blocked = False
                self._apply(rule, normal)
                self.work()
                self.flush()

        self._loop.call_later(rule.delay_ms / 1000.0, go_on)

    def _apply(self, rule: Rule, normal: bytes) -> None:
        if rule.action == "close":
            self.hang_up()
        elif rule.action == "stall":
            self._blocked = True
        elif rule.action == "delay":
            self._out.append(normal)
        else:
            self._out.append(format_reply(rule.text))
            if rule.text.startswith("421"):
                self.hang_up()


def format_reply(text: str) -> bytes:
    """Write "250 a\\n250 b" as a multi-line reply."""
    lines = [line.encode() for line in text.split("\n")]
    middle = [line[:3] + b"-" + line[4:] for line in lines[:-1]]
    return b"\r\n".join([*middle, lines[-1], b""])
