"""The sink's SMTP dialogue: one protocol object a connection, reading into one scratch buffer."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from bench.sink_rules import Behaviour, Rule
from bench.sink_store import Store

SCRATCH_BYTES = 1 << 18
TAIL_BYTES = 4096
MAX_LINE_BYTES = 8192
_END = b"\r\n.\r\n"
Reply = bytes


@dataclass(slots=True)
class Shared:
    """What all connections of one sink share. users: name to password, empty when no login is needed."""

    behaviour: Behaviour
    store: Store
    pipelining: bool = True
    size_limit: int = 0
    smtputf8: bool = True
    eight_bit: bool = True
    auth_mechanisms: str = "PLAIN LOGIN"
    users: Mapping[str, str] = field(default_factory=dict)
    starttls: ssl.SSLContext | None = None
    connections: set[asyncio.BaseProtocol] = field(default_factory=set)
    # all connections read into one buffer: what has to outlive a callback is copied out
    scratch: bytearray = field(default_factory=lambda: bytearray(SCRATCH_BYTES))


class SinkConnection(asyncio.BufferedProtocol):
    """One client. Replies to commands that arrived together leave together, as pipelining servers do."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._view = memoryview(shared.scratch)
        self._store = shared.store
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._loop = asyncio.get_running_loop()
        self._out: list[bytes] = []
        self._pending = b""
        self._blocked = False
        self._closed = False
        self._secure = False
        self._user = ""
        self._login: Callable[[bytes], None] | None = None
        self._in_data = False
        self._commands: dict[bytes, Callable[[bytes], None]] = {
            b"MAIL": self._mail,
            b"RCPT": self._rcpt,
            b"DATA": self._data,
            b"EHLO": self._ehlo,
            b"HELO": self._helo,
            b"RSET": self._rset,
            b"NOOP": self._noop,
            b"QUIT": self._quit,
            b"AUTH": self._auth,
            b"STAR": self._starttls,
        }
        self._forget()

    def _forget(self) -> None:
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._tail = b"\r\n"
        self._chunks: list[bytes] = []
        self._size = 0
        self._message_id = ""
        self._headers_seen = False

    # --- transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._secure = transport.get_extra_info("ssl_object") is not None
        self._shared.connections.add(self)
        counts = self._store.counts
        counts["connections"] += 1
        counts["open"] += 1
        counts["open_max"] = max(counts["open_max"], counts["open"])
        self._say("CONNECT", b"220 sink.example ESMTP\r\n")
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the transport's signature
        self._closed = True
        self._shared.connections.discard(self)
        self._store.counts["open"] -= 1

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the transport's signature
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        if self._in_data and not self._blocked and not self._closed:
            self._content(nbytes)
        else:
            self._pending += bytes(self._view[:nbytes])
            self._run()
        self._flush()

    def _flush(self) -> None:
        if not self._out or self._closed:
            return
        data, self._out = b"".join(self._out), []
        latency = self._shared.behaviour.latency
        if latency:
            self._loop.call_later(latency, self._transport.write, data)
        else:
            self._transport.write(data)

    def cut(self) -> None:
        """End the connection at once, as a server that crashes does."""
        self._closed = True
        self._transport.abort()

    # --- misbehaviour

    def _say(self, stage: str, normal: bytes, addresses: list[str] | None = None) -> bool:
        """Answer with the normal reply or what a rule says; True when the step went the normal way."""
        rule = self._shared.behaviour.find(stage, addresses or ()) if stage else None
        if rule is None:
            self._out.append(normal)
            return True
        self._store.counts[f"{rule.action}_{stage.lower()}"] += 1
        if rule.delay_ms:
            self._block(rule.delay_ms / 1000.0, rule, normal)
        else:
            self._apply(rule, normal)
        return rule.action == "delay" or (rule.action == "reply" and rule.text[:1] == normal[:1].decode())

    def _apply(self, rule: Rule, normal: bytes) -> None:
        if rule.action == "close":
            self._flush_now()
            self._closed = True
            self._transport.close()
        elif rule.action == "stall":
            self._blocked = True
        elif rule.action == "reply":
            self._out.append(_format(rule.text))
            if rule.text.startswith("421"):
                self._flush_now()
                self._closed = True
                self._transport.close()
        else:
            self._out.append(normal)

    def _flush_now(self) -> None:
        if self._out:
            self._transport.write(b"".join(self._out))
            self._out = []

    def _block(self, seconds: float, rule: Rule, normal: bytes) -> None:
        self._blocked = True

        def go_on() -> None:
            if not self._closed:
                self._blocked = False
                self._apply(rule, normal)
                self._run()
                self._flush()

        self._loop.call_later(seconds, go_on)

    # --- commands

    def _run(self) -> None:
        """Work through the lines that are there, until content begins, a rule blocks, or no line is left."""
        while self._pending and not self._blocked and not self._closed:
            if self._in_data:
                data, self._pending = self._pending, b""
                self._content_bytes(data)
                continue
            line, found, rest = self._pending.partition(b"\n")
            if not found:
                if len(line) > MAX_LINE_BYTES:
                    self._transport.abort()
                return
            self._pending = rest
            line = line.rstrip(b"\r")
            if self._login is not None:
                step, self._login = self._login, None
                step(line)
            else:
                self._commands.get(line[:4].upper(), self._unknown)(line)

    def _unknown(self, _line: bytes) -> None:
        self._store.counts["unknown_commands"] += 1
        self._out.append(b"500 5.5.2 What is this?\r\n")

    def _ehlo(self, _line: bytes) -> None:
        shared = self._shared
        offers = ["sink.example", "ENHANCEDSTATUSCODES", f"SIZE {shared.size_limit or 104857600}"]
        offers += ["PIPELINING"] * shared.pipelining + ["8BITMIME"] * shared.eight_bit + ["SMTPUTF8"] * shared.smtputf8
        if shared.starttls is not None and not self._secure:
            offers.append("STARTTLS")
        if shared.users:
            offers.append(f"AUTH {shared.auth_mechanisms}")
        self._forget()
        self._say("EHLO", _format("\n".join(f"250 {offer}" for offer in offers)))

    def _helo(self, _line: bytes) -> None:
        self._forget()
        self._say("EHLO", b"250 sink.example\r\n")

    def _mail(self, line: bytes) -> None:
        sender = _address(line)
        if self._shared.users and not self._user:
            self._out.append(b"530 5.7.0 Authentication required\r\n")
        elif self._sender is not None or sender is None:
            self._out.append(b"503 5.5.1 Nested or malformed MAIL\r\n")
        elif self._say("MAIL", b"250 2.1.0 OK\r\n", [sender]):
            self._sender = sender

    def _rcpt(self, line: bytes) -> None:
        recipient = _address(line)
        if self._sender is None or not recipient:
            self._out.append(b"503 5.5.1 MAIL first\r\n")
        elif self._say("RCPT", b"250 2.1.5 OK\r\n", [recipient]):
            self._recipients.append(recipient)

    def _data(self, _line: bytes) -> None:
        if not self._recipients:
            self._out.append(b"503 5.5.1 RCPT first\r\n")
        elif self._say("DATA", b"354 Go ahead\r\n", self._recipients):
            self._in_data = True

    def _rset(self, _line: bytes) -> None:
        self._forget()
        self._say("RSET", b"250 2.0.0 OK\r\n")

    def _noop(self, _line: bytes) -> None:
        self._out.append(b"250 2.0.0 OK\r\n")

    def _quit(self, _line: bytes) -> None:
        self._store.counts["quits"] += 1
        if self._say("QUIT", b"221 2.0.0 Bye\r\n"):
            self._flush_now()
            self._closed = True
            self._transport.close()

    # --- TLS and login

    def _starttls(self, _line: bytes) -> None:
        context = self._shared.starttls
        if context is None or self._secure:
            self._out.append(b"502 5.5.1 No TLS here\r\n")
        elif self._say("STARTTLS", b"220 2.0.0 Go ahead\r\n"):
            self._blocked = True
            self._transport.pause_reading()
            self._flush_now()
            task = self._loop.create_task(self._upgrade(context))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _upgrade(self, context: ssl.SSLContext) -> None:
        transport = await self._loop.start_tls(self._transport, self, context, server_side=True)
        if transport is not None:
            self._transport, self._secure, self._blocked, self._pending = transport, True, False, b""
            self._store.counts["tls"] += 1

    def _auth(self, line: bytes) -> None:
        words = line.split()
        mechanism = words[1].upper() if len(words) > 1 else b""
        if mechanism == b"PLAIN" and len(words) > 2:
            self._plain(words[2])
        elif mechanism == b"PLAIN":
            self._ask(b"334 \r\n", self._plain)
        elif mechanism == b"LOGIN":
            self._ask(b"334 VXNlcm5hbWU6\r\n", self._login_name)
        else:
            self._out.append(b"504 5.5.4 Unknown mechanism\r\n")

    def _ask(self, prompt: bytes, step: Callable[[bytes], None]) -> None:
        self._out.append(prompt)
        self._login = step

    def _login_name(self, line: bytes) -> None:
        name = _decode(line)
        self._ask(b"334 UGFzc3dvcmQ6\r\n", lambda word: self._check(name, _decode(word)))

    def _plain(self, word: bytes) -> None:
        _, _, rest = _decode(word).partition("\0")
        name, _, password = rest.partition("\0")
        self._check(name, password)

    def _check(self, name: str, password: str) -> None:
        if self._shared.users.get(name) != password:
            self._store.counts["refused_auth"] += 1
            self._out.append(b"535 5.7.8 Authentication credentials invalid\r\n")
        elif self._say("AUTH", b"235 2.7.0 Welcome\r\n"):
            self._user = name

    # --- content

    def _content(self, nbytes: int) -> None:
        """Take what lies in the scratch buffer as content; the end is looked for in its tail alone.

        A client never writes past the next DATA before the 354, so that at most one envelope follows the end.
        """
        if nbytes <= TAIL_BYTES or self._store.wants_content or not self._headers_seen:
            self._content_bytes(bytes(self._view[:nbytes]))
            return
        scratch = self._shared.scratch
        at = scratch.find(_END, nbytes - TAIL_BYTES, nbytes)
        if at < 0:
            self._size += nbytes
            self._tail = bytes(self._view[nbytes - 4 : nbytes])
        else:
            self._size += at + 2
            self._end_of_data(bytes(self._view[at + 5 : nbytes]))

    def _content_bytes(self, data: bytes) -> None:
        if not self._headers_seen:
            self._headers_seen = True
            if self._store.wants_recipients:
                self._message_id = _message_id(data)
            if not self._goes_on():
                return
        joined = self._tail + data
        start = 0 if self._store.wants_content else max(0, len(joined) - TAIL_BYTES - 8)
        at = joined.find(_END, start)
        if self._store.wants_content:
            self._chunks.append(data if at < 0 else data[: max(0, at + 2 - len(self._tail))])
        if at < 0:
            self._size += len(data)
            self._tail = joined[-4:]
        else:
            self._size += at + 2 - len(self._tail)
            self._end_of_data(joined[at + 5 :])

    def _goes_on(self) -> bool:
        rule = self._shared.behaviour.find("MIDDATA", self._recipients)
        if rule is None:
            return True
        self._store.counts[f"{rule.action}_middata"] += 1
        self._in_data = rule.action not in ("reply",)
        self._apply(rule, b"")
        return rule.action == "delay"

    def _end_of_data(self, rest: bytes) -> None:
        self._in_data = False
        sender, recipients = self._sender or "", self._recipients
        content = b"".join(self._chunks)
        message_id, size = self._message_id, self._size
        self._forget()
        rule = self._shared.behaviour.find("DOT", recipients)
        if rule is None or _keeps(rule):
            if content:
                content = _unstuff(content)
            self._store.accept(sender, recipients, message_id, content, size)
        if rule is None:
            self._out.append(b"250 2.0.0 OK queued\r\n")
        else:
            self._store.counts[f"{rule.action}_dot"] += 1
            self._misbehave_at_dot(rule)
        self._pending += rest
        self._run()

    def _misbehave_at_dot(self, rule: Rule) -> None:
        if rule.delay_ms:
            self._block(rule.delay_ms / 1000.0, rule, b"250 2.0.0 OK queued\r\n")
        else:
            self._apply(rule, b"250 2.0.0 OK queued\r\n")


def _keeps(rule: Rule) -> bool:
    if rule.action == "reply":
        return rule.text.startswith("2")
    return rule.action == "delay" or rule.keeps


def _format(text: str) -> Reply:
    """Write "250 a\\n250 b" as a multi-line reply."""
    lines = [line.encode() for line in text.split("\n")]
    middle = [line[:3] + b"-" + line[4:] for line in lines[:-1]]
    return b"\r\n".join([*middle, lines[-1], b""])


def _address(line: bytes) -> str | None:
    """Return what stands between the brackets of MAIL FROM:<…> or RCPT TO:<…>, None when they are missing."""
    start, end = line.find(b"<"), line.find(b">")
    return line[start + 1 : end].decode("utf-8", "replace") if 0 < start < end else None


def _message_id(head: bytes) -> str:
    start = head.find(b"Message-ID:")
    if start < 0:
        start = head[:8192].lower().find(b"message-id:")
    if start < 0:
        return ""
    end = head.find(b"\r\n", start)
    return head[start + 11 : end if end > 0 else None].strip().decode("ascii", "replace")


def _unstuff(content: bytes) -> bytes:
    if content.startswith(b"."):
        content = content[1:]
    return content.replace(b"\r\n.", b"\r\n")


def _decode(word: bytes) -> str:
    try:
        return base64.b64decode(word).decode("utf-8", "replace")
    except binascii.Error:
        return ""
