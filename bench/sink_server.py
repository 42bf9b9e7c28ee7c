"""The sink inside an event loop: its listeners, its options, and what the control port may ask."""

from __future__ import annotations

import asyncio
import ipaddress
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.sink_control import ControlRequest, serve_control
from bench.sink_rules import Behaviour, Rule, rule_from_json
from bench.sink_smtp import SinkConnection
from bench.sink_store import Store
from bench.sink_tls import make_certificate, server_context
from bench.sink_wire import Shared


@dataclass(slots=True)
class Options:
    """How a sink listens and what it keeps. tls: "" plain, "starttls", or "implicit". users: name to password.

    host: a loopback address; the certificate is good for localhost, 127.0.0.1 and ::1 alone.
    """

    host: str = "127.0.0.1"
    port: int = 0
    control_port: int = 0
    tls: Literal["", "starttls", "implicit"] = ""
    users: dict[str, str] = field(default_factory=dict)
    auth_mechanisms: str = "PLAIN LOGIN"
    pipelining: bool = True
    chunking: bool = False
    eight_bit: bool = True
    smtputf8: bool = True
    size_limit: int = 0
    keep_recipients: bool = True
    keep_content: bool = False
    once: bool = False
    log: str = ""
    maildir: str = ""
    latency_ms: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not ipaddress.ip_address(self.host).is_loopback:
            raise ValueError(f"The sink listens on loopback addresses only, not on {self.host}.")


class SinkServer:
    """The sink inside a running event loop."""

    def __init__(self, options: Options, rules: Sequence[Rule] = ()) -> None:
        self.options = options
        self.behaviour = Behaviour(rules, latency_ms=options.latency_ms, seed=options.seed)
        self.store = Store(
            keep_recipients=options.keep_recipients,
            keep_content=options.keep_content,
            once=options.once,
            log=Path(options.log) if options.log else None,
            maildir=Path(options.maildir) if options.maildir else None,
        )
        self.port = self.control_port = 0
        self.ca_file = ""
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._servers: list[asyncio.Server] = []
        self._shared: Shared | None = None

    async def start(self) -> None:
        """Listen on loopback; `port`, `control_port` and `ca_file` are set afterwards."""
        options = self.options
        context = None
        if options.tls:
            self._folder = tempfile.TemporaryDirectory(prefix="sink-")
            self.ca_file = str(make_certificate(Path(self._folder.name)))
            context = server_context(Path(self._folder.name))
        shared = self._shared = Shared(
            self.behaviour,
            self.store,
            pipelining=options.pipelining,
            chunking=options.chunking,
            size_limit=options.size_limit,
            smtputf8=options.smtputf8,
            eight_bit=options.eight_bit,
            auth_mechanisms=options.auth_mechanisms,
            users=options.users,
            starttls=context if options.tls == "starttls" else None,
        )
        loop = asyncio.get_running_loop()
        smtp = await loop.create_server(
            lambda: SinkConnection(shared),
            options.host,
            options.port,
            backlog=1024,
            ssl=context if options.tls == "implicit" else None,
        )
        control = await serve_control(self.handle, options.control_port)
        self._servers = [smtp, control]
        self.port, self.control_port = (server.sockets[0].getsockname()[1] for server in self._servers)

    def handle(self, method: str, path: str, value: Any) -> Any:
        """Answer one control request."""
        match method, path:
            case "GET", "/stats":
                return self.store.stats()
            case "GET", "/behaviour":
                return self.behaviour.to_json()
            case "GET", "/accepted":
                return self.store.accepted
            case "POST", "/behaviour":
                self.behaviour.replace([rule_from_json(rule) for rule in value["rules"]])
                self.behaviour.latency = value.get("latency_ms", self.behaviour.latency * 1000.0) / 1000.0
                return self.behaviour.to_json()
            case "POST", "/chunking":
                if self._shared is not None:
                    self._shared.chunking = bool(value)
                return {}
            case "POST", "/reset":
                self.store.reset()
                return {}
            case "POST", "/drop":
                return {"dropped": self.drop()}
        raise ControlRequest(f"no such request: {method} {path}")

    def drop(self) -> int:
        """Cut every client connection; returns how many there were."""
        clients = list(self._shared.connections) if self._shared else []
        for client in clients:
            if isinstance(client, SinkConnection):
                client.cut()
        return len(clients)

    @property
    def ports(self) -> dict[str, Any]:
        """What a client needs to know, as JSON."""
        return {"port": self.port, "control_port": self.control_port, "ca_file": self.ca_file}

    async def stop(self) -> None:
        """Stop listening, cut all clients, close the log."""
        for server in self._servers:
            server.close()
        self.drop()
        await asyncio.sleep(0)
        self.store.close()
        if self._folder is not None:
            self._folder.cleanup()
