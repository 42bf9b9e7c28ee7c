"""What the sink keeps: counts, who got what, and the content on request."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Stored:
    """One accepted message. content: dot-unstuffed, as the sender meant it; b"" when content is not kept."""

    sender: str
    recipients: tuple[str, ...]
    message_id: str
    content: bytes


@dataclass(slots=True)
class Store:
    """Counts and records of one sink.

    keep_recipients: remember (address, message id) in memory. keep_content: remember messages in memory.
    once: look for recipients that come a second time, in memory; cheap enough for a benchmark.
    log: file to which one line "address<TAB>message-id" an accepted recipient is appended before the 250.
    maildir: folder whose new/ gets one file a message.
    """

    keep_recipients: bool = True
    keep_content: bool = False
    once: bool = False
    log: Path | None = None
    maildir: Path | None = None
    counts: Counter[str] = field(default_factory=Counter)
    accepted: list[tuple[str, str]] = field(default_factory=list)
    messages: list[Stored] = field(default_factory=list)
    first_at: float = 0.0
    last_at: float = 0.0
    _seen: set[str] = field(default_factory=set)
    _log_file: int = -1

    def __post_init__(self) -> None:
        if self.log is not None:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self._log_file = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if self.maildir is not None:
            for name in ("new", "cur", "tmp"):
                (self.maildir / name).mkdir(parents=True, exist_ok=True)

    @property
    def wants_content(self) -> bool:
        """True when whole messages are to be collected."""
        return self.keep_content or self.maildir is not None

    @property
    def wants_recipients(self) -> bool:
        """True when message ids are to be read from the headers."""
        return self.keep_recipients or self._log_file >= 0 or self.wants_content

    def accept(self, sender: str, recipients: list[str], message_id: str, content: bytes, size_bytes: int) -> None:
        """Record one message; when this returns the log has it, so that the 250 may be sent."""
        counts = self.counts
        counts["messages"] += 1
        counts["recipients"] += len(recipients)
        counts["bytes"] += size_bytes
        self.last_at = time.time()
        if not self.first_at:
            self.first_at = self.last_at
        if self.once:
            self._look_for_repeats(recipients)
        if not self.wants_recipients:
            return
        if self.keep_recipients:
            self.accepted.extend((recipient, message_id) for recipient in recipients)
        if self._log_file >= 0:
            os.write(self._log_file, "".join(f"{recipient}\t{message_id}\n" for recipient in recipients).encode())
        if self.keep_content:
            self.messages.append(Stored(sender, tuple(recipients), message_id, content))
        if self.maildir is not None:
            self._deliver(self.maildir, sender, recipients, content)

    def _look_for_repeats(self, recipients: list[str]) -> None:
        before = len(self._seen)
        self._seen.update(recipients)
        self.counts["repeats"] += len(recipients) - (len(self._seen) - before)

    def _deliver(self, maildir: Path, sender: str, recipients: list[str], content: bytes) -> None:
        name = f"{time.time_ns()}.{os.getpid()}.{self.counts['messages']}"
        envelope = f"Return-Path: <{sender}>\r\nX-Original-To: {', '.join(recipients)}\r\n".encode()
        (maildir / "tmp" / name).write_bytes(envelope + content)
        (maildir / "tmp" / name).rename(maildir / "new" / name)

    def reset(self) -> None:
        """Forget counts and records in memory; log and maildir stay as they are."""
        self.counts.clear()
        self.accepted.clear()
        self.messages.clear()
        self._seen.clear()
        self.first_at = self.last_at = 0.0

    def stats(self) -> dict[str, Any]:
        """Counts as JSON: messages, recipients, bytes, connections, open, open_max, <action>_<stage>, …

        distinct_recipients: with `once` or `keep_recipients`. repeats: with `once`, recipients that were not new.
        cpu_seconds: user and system time of the sink's process so far.
        """
        names = ("messages", "recipients", "bytes", "connections", "open", "open_max", "repeats")
        seconds = self.last_at - self.first_at
        return (
            {name: self.counts[name] for name in names}
            | dict(self.counts)
            | {
                "cpu_seconds": time.process_time(),
                "first_at": self.first_at,
                "last_at": self.last_at,
                "messages_per_second": round(self.counts["messages"] / seconds, 1) if seconds > 0 else 0.0,
                "distinct_recipients": len(self._seen or {address for address, _ in self.accepted}),
            }
        )

    def close(self) -> None:
        """Close the log."""
        if self._log_file >= 0:
            os.close(self._log_file)
            self._log_file = -1
