"""The sink's SMTP dialogue: commands, login, content."""

from __future__ import annotations

import base64
import binascii
import ssl
from collections.abc import Callable

from bench.sink_rules import Rule
from bench.sink_wire import Shared, SinkWire, format_reply

TAIL_BYTES = 4096
MAX_LINE_BYTES = 8192
_END = b"\r\n.\r\n"
_QUEUED = b"250 2.0.0 OK queued\r\n"


class SinkConnection(SinkWire):
    """One client's session."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        # what has arrived and was not yet worked through begins at `_at`
        self._pending, self._at = b"", 0
        self._user = ""
        self._login: Callable[[bytes], None] | None = None
        self._in_data = False
        # octets of a BDAT chunk that are still to come, whether it is the last, and whether nobody may have it
        self._chunk_left, self._chunk_is_last, self._chunk_is_void = 0, False, False
        self._in_chunk = False
        self._commands: dict[bytes, Callable[[bytes], None]] = {
            b"MAIL": self._mail,
            b"RCPT": self._rcpt,
            b"DATA": self._data,
            b"BDAT": self._bdat,
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
        self._kept = bytearray(b"\r\n")
        self._size = 0
        self._message_id = ""
        self._headers_seen = False

    def buffer_updated(self, nbytes: int) -> None:
        if self._in_data and not self._blocked and not self._pending:
            self._content(nbytes)
        elif self._skips_chunk and nbytes > self._chunk_left:
            start = self._chunk_left
            self._chunk_end(start)
            self._pending += bytes(self._view[start:nbytes])
            self.work()
        elif self._skips_chunk and nbytes < self._chunk_left:
            self._size += nbytes
            self._chunk_left -= nbytes
        else:
            self._pending += bytes(self._view[:nbytes])
            self.work()
        self.flush()

    @property
    def _skips_chunk(self) -> bool:
        """What arrives is content of which only the length matters."""
        return (
            self._in_chunk and self._headers_seen and not (self._blocked or self._pending or self._store.wants_content)
        )

    # --- commands

    def work(self) -> None:
        """Work through the lines that are there, until content begins, a rule blocks, or no line is left."""
        while self._at < len(self._pending) and not self._blocked and not self._closed:
            if self._in_data:
                self._content_bytes(self._rest())
                continue
            if self._in_chunk:
                self._chunk()
                continue
            start, end = self._at, self._pending.find(b"\n", self._at)
            if end < 0:
                if len(self._pending) - start > MAX_LINE_BYTES:
                    self._transport.abort()
                break
            self._at = end + 1
            line = self._pending[start:end].rstrip(b"\r")
            if self._login is not None:
                step, self._login = self._login, None
                step(line)
            else:
                self._commands.get(line[:4].upper(), self._unknown)(line)
        self._pending = self._rest()

    def _rest(self) -> bytes:
        """Take what was not yet worked through."""
        rest = self._pending[self._at :]
        self._pending, self._at = b"", 0
        return rest

    def _unknown(self, _line: bytes) -> None:
        self._store.counts["unknown_commands"] += 1
        self._out.append(b"500 5.5.2 What is this?\r\n")

    def _ehlo(self, _line: bytes) -> None:
        shared = self._shared
        offers = ["sink.example", "ENHANCEDSTATUSCODES", f"SIZE {shared.size_limit or 104857600}"]
        offers += ["PIPELINING"] * shared.pipelining + ["8BITMIME"] * shared.eight_bit + ["SMTPUTF8"] * shared.smtputf8
        offers += ["CHUNKING"] * shared.chunking
        if shared.starttls is not None and not self._secure:
            offers.append("STARTTLS")
        if shared.users:
            offers.append(f"AUTH {shared.auth_mechanisms}")
        self._forget()
        self.say("EHLO", format_reply("\n".join(f"250 {offer}" for offer in offers)))

    def _helo(self, _line: bytes) -> None:
        self._forget()
        self.say("EHLO", b"250 sink.example\r\n")

    def _mail(self, line: bytes) -> None:
        sender = _address(line)
        if self._shared.users and not self._user:
            self._out.append(b"530 5.7.0 Authentication required\r\n")
        elif self._sender is not None or sender is None:
            self._out.append(b"503 5.5.1 Nested or malformed MAIL\r\n")
        elif self.say("MAIL", b"250 2.1.0 OK\r\n", [sender]):
            self._sender = sender

    def _rcpt(self, line: bytes) -> None:
        recipient = _address(line)
        if self._sender is None or not recipient:
            self._out.append(b"503 5.5.1 MAIL first\r\n")
        elif self.say("RCPT", b"250 2.1.5 OK\r\n", [recipient]):
            self._recipients.append(recipient)

    def _data(self, _line: bytes) -> None:
        if not self._recipients:
            self._out.append(b"503 5.5.1 RCPT first\r\n")
        elif self.say("DATA", b"354 Go ahead\r\n", self._recipients):
            self._in_data = True

    def _bdat(self, line: bytes) -> None:
        words = line.split()
        if not self._shared.chunking or len(words) < 2 or not words[1].isdigit():
            self._unknown(line)
            return
        self._store.counts["chunks"] += 1
        self._in_chunk, self._chunk_left = True, int(words[1])
        self._chunk_is_last = len(words) > 2 and words[2].upper() == b"LAST"
        # its octets follow whatever is thought of it
        self._chunk_is_void = not self._recipients
        if not self._chunk_left:
            self._chunk_end(0)

    def _rset(self, _line: bytes) -> None:
        self._forget()
        self.say("RSET", b"250 2.0.0 OK\r\n")

    def _noop(self, _line: bytes) -> None:
        self._out.append(b"250 2.0.0 OK\r\n")

    def _quit(self, _line: bytes) -> None:
        self._store.counts["quits"] += 1
        if self.say("QUIT", b"221 2.0.0 Bye\r\n"):
            self.hang_up()

    # --- TLS and login

    def _starttls(self, _line: bytes) -> None:
        context = self._shared.starttls
        if context is None or self._secure:
            self._out.append(b"502 5.5.1 No TLS here\r\n")
        elif self.say("STARTTLS", b"220 2.0.0 Go ahead\r\n"):
            self._blocked, self._pending, self._at = True, b"", 0
            self._transport.pause_reading()
            self.flush()
            task = self._loop.create_task(self._upgrade(context))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _upgrade(self, context: ssl.SSLContext) -> None:
        transport = await self._loop.start_tls(self._transport, self, context, server_side=True)
        if transport is not None:
            self._transport, self._secure, self._blocked = transport, True, False
            self._store.counts["tls"] += 1
            self.work()  # the client's EHLO may have come with the end of its handshake
            self.flush()

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
        elif self.say("AUTH", b"235 2.7.0 Welcome\r\n"):
            self._user = name

    # --- content

    def _content(self, nbytes: int) -> None:
        """Take what lies in the scratch buffer as content; the end is looked for in its tail alone.

        A client never writes past the next DATA before the 354, so that at most one envelope follows the end.
        """
        if not self._headers_seen and not self._begins(bytes(self._view[: min(nbytes, TAIL_BYTES)])):
            return
        if nbytes <= TAIL_BYTES or self._store.wants_content:
            self._content_bytes(bytes(self._view[:nbytes]))
            return
        scratch = self._shared.scratch
        at = scratch.find(_END, nbytes - TAIL_BYTES, nbytes)
        if at < 0:
            self._size += nbytes
            self._tail = bytes(self._view[nbytes - 4 : nbytes])
        else:
            self._size += at + 2
            self._end_of_data(b"", bytes(self._view[at + 5 : nbytes]))

    def _chunk(self) -> None:
        """Take what is there of a chunk."""
        start, size = self._at, min(self._chunk_left, len(self._pending) - self._at)
        if not self._chunk_is_void and not self._headers_seen:
            head = self._pending[start : start + size] if self._store.wants_recipients else b""
            if not self._begins(head):
                self._in_chunk = False
                return
        if self._store.wants_content and not self._chunk_is_void:
            self._kept += self._pending[start : start + size]
        self._at += size
        if size == self._chunk_left:
            self._chunk_end(size)
        else:
            self._size += size
            self._chunk_left -= size

    def _chunk_end(self, nbytes: int) -> None:
        """The last octets of a chunk are here."""
        self._in_chunk, self._chunk_left = False, 0
        self._size += nbytes
        if self._chunk_is_void:
            self._size = 0
            self._out.append(b"503 5.5.1 RCPT first\r\n")
        elif self._chunk_is_last:
            self._end_of_data(bytes(self._kept[2:]), b"", is_chunk=True)
        else:
            self._out.append(b"250 2.0.0 OK\r\n")

    def _content_bytes(self, data: bytes) -> None:
        if not self._headers_seen and not self._begins(data):
            return
        if self._store.wants_content:
            self._keep(data)
            return
        joined = self._tail + data
        at = joined.find(_END)
        if at < 0:
            self._size += len(data)
            self._tail = joined[-4:]
        else:
            self._size += at + 2 - len(self._tail)
            self._end_of_data(b"", joined[at + 5 :])

    def _keep(self, data: bytes) -> None:
        kept = self._kept
        seen = max(0, len(kept) - 4)
        kept += data
        at = kept.find(_END, seen)
        if at >= 0:
            self._size = at
            self._end_of_data(_unstuff(bytes(kept[2 : at + 2])), bytes(kept[at + 5 :]))

    def _begins(self, head: bytes) -> bool:
        self._headers_seen = True
        if self._store.wants_recipients:
            self._message_id = _message_id(head)
        return self._goes_on()

    def _goes_on(self) -> bool:
        """Look for a rule for the middle of the content: it closes or stalls, what was read is forgotten."""
        rule = self._shared.behaviour.find("MIDDATA", self._recipients)
        if rule is None:
            return True
        self._in_data = False
        self._forget()
        self.misbehave(rule, b"")
        self._blocked = True
        return False

    def _end_of_data(self, content: bytes, rest: bytes, *, is_chunk: bool = False) -> None:
        self._in_data = False
        sender, recipients = self._sender or "", self._recipients
        message_id, size = self._message_id, self._size
        self._forget()
        rule = self._shared.behaviour.find("DOT", recipients)
        if rule is None or _keeps(rule):
            self._store.accept(sender, recipients, message_id, content, size)
        if rule is None:
            self._out.append(_QUEUED)
        else:
            self.misbehave(rule, _QUEUED)
        if not is_chunk:
            self._pending += rest
            self.work()


def _keeps(rule: Rule) -> bool:
    if rule.action == "reply":
        return rule.text.startswith("2")
    return rule.action == "delay" or rule.keeps


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
