"""The mailbox's files: a Maildir and an index beside it. One writer, any number of readers, no locks.

`new/<id>` holds a message as it came. `index.jsonl` has one line for each message in the order of arrival, so that a
list or a search opens one file instead of thousands. An id begins with the time of arrival and sorts by it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from pathlib import Path

DEFAULT_KEEP = 20_000
# dropped in one go: the index is rewritten for each drop
DROP_SHARE = 10
MAX_HEADER_BYTES = 64 * 1024


@dataclass(frozen=True)
class Entry:
    """One line of the index."""

    id: str
    at: float  # seconds since 1970
    sender: str  # envelope
    recipients: tuple[str, ...]  # envelope
    subject: str
    size_bytes: int


def message_file(root: Path, message_id: str) -> Path:
    return root / "new" / message_id


def index_file(root: Path) -> Path:
    return root / "index.jsonl"


def dropped_file(root: Path) -> Path:
    """How many messages the cap has dropped so far."""
    return root / "dropped"


def read_index(root: Path) -> Iterator[Entry]:
    """All entries, oldest first; a line that is still being written is left out."""
    try:
        lines = index_file(root).read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    for line in lines[:-1]:
        values = json.loads(line)
        yield Entry(**{**values, "recipients": tuple(values["recipients"])})


class MaildirWriter:
    """Stores messages and drops the oldest beyond `keep`."""

    def __init__(self, root: Path, keep: int = DEFAULT_KEEP) -> None:
        if keep < 1:
            raise ValueError("keep must be at least 1")
        self._root = root
        self._keep = keep
        for folder in ("tmp", "new", "cur"):
            (root / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        # after a crash a message may lie there without its line, or the other way round: files decide
        self._entries = [entry for entry in read_index(root) if message_file(root, entry.id).exists()]
        self._rewrite_index()
        self._index = index_file(root).open("ab", buffering=0)
        self._counter = 0

    def store(self, sender: str, recipients: tuple[str, ...], data: bytes) -> Entry:
        """Write one message; returns its entry. data: the whole message, not dot-stuffed."""
        now = time.time()
        self._counter += 1
        name = f"{time.time_ns():020d}.{os.getpid()}_{self._counter}"
        draft = self._root / "tmp" / name
        draft.write_bytes(data)
        draft.rename(message_file(self._root, name))
        entry = Entry(name, now, sender, recipients, read_subject(data), len(data))
        self._index.write(_line(entry))
        self._entries.append(entry)
        return entry

    def drop_oldest(self) -> int:
        """Bring the mailbox back under its cap where it is over; returns how many messages went."""
        if len(self._entries) <= self._keep:
            return 0
        number = len(self._entries) - self._keep + self._keep // DROP_SHARE
        gone, self._entries = self._entries[:number], self._entries[number:]
        self._index.close()
        self._rewrite_index()
        self._index = index_file(self._root).open("ab", buffering=0)
        for entry in gone:
            message_file(self._root, entry.id).unlink(missing_ok=True)
        self._count_dropped(len(gone))
        return len(gone)

    def close(self) -> None:
        self._index.close()

    def _rewrite_index(self) -> None:
        draft = self._root / "index.draft"
        draft.write_bytes(b"".join(map(_line, self._entries)))
        draft.replace(index_file(self._root))

    def _count_dropped(self, number: int) -> None:
        draft = self._root / "dropped.draft"
        draft.write_text(str(read_dropped(self._root) + number))
        draft.replace(dropped_file(self._root))


def read_dropped(root: Path) -> int:
    """How many messages have been dropped to keep under the cap."""
    with suppress(FileNotFoundError):
        return int(dropped_file(root).read_text())
    return 0


def read_subject(data: bytes) -> str:
    """The decoded subject; an undecodable one as it stands."""
    head = data[:MAX_HEADER_BYTES].split(b"\r\n\r\n", 1)[0]
    start = head.lower().find(b"\r\nsubject:")
    if start < 0 and not head.lower().startswith(b"subject:"):
        return ""
    # from the subject on: nothing before it needs to be parsed
    raw = str(message_from_bytes(head[start + 2 if start >= 0 else 0 :] + b"\r\n\r\n").get("Subject", ""))
    try:
        return " ".join(str(make_header(decode_header(raw))).split())
    except (LookupError, UnicodeError):
        return raw


def _line(entry: Entry) -> bytes:
    return json.dumps(asdict(entry), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
