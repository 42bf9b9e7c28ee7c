"""What messages say, stored once under the hash of it: content that was compiled, whole MIME messages, files."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from campaigns.content import CompiledContent, ContentSource, compile_content
from delivery.engine.mime import Attachment
from delivery.messages import sql

COMPILED, MIME, FILE = "compiled", "mime", "file"
# what this process stored lately is there: unused content stays for an hour, see sql.FORGET_CONTENTS
REMEMBERED_SECONDS = 300.0
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file by the digest of its bytes, in hex. content_id: of an image in the HTML part, "" for an attachment."""

    filename: str
    content_type: str
    digest: str
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """One row of MessageContent, ready to be stored."""

    kind: str
    payload: bytes
    links: tuple[tuple[int, str], ...] = ()
    files: tuple[bytes, ...] = ()
    digest: bytes = b""

    @classmethod
    def of(cls, kind: str, payload: bytes, **more: Any) -> Stored:
        """The row under the hash of its kind and payload."""
        return cls(kind, payload, digest=sha256(kind.encode() + b"\0" + payload).digest(), **more)


@dataclass(frozen=True, slots=True)
class Bundle:
    """Compiled content and the files that go with it, as a worker reads it."""

    content: CompiledContent
    files: tuple[FileRef, ...] = ()

    @classmethod
    def from_bytes(cls, payload: bytes) -> Bundle:
        """What `bundle` stored. Raises ValueError where it is something else."""
        try:
            refs = json.loads(zlib.decompress(payload)).get("files", ())
        except (zlib.error, UnicodeDecodeError, json.JSONDecodeError, AttributeError) as error:
            raise ValueError(f"not a stored content: {error}") from error
        return cls(CompiledContent.from_bytes(payload), tuple(FileRef(**ref) for ref in refs))


def bundle(content: CompiledContent, files: tuple[FileRef, ...] = ()) -> Stored:
    """The row of compiled content with its files."""
    fields = asdict(content) | {"files": [asdict(ref) for ref in files]}
    payload = zlib.compress(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode(), 6)
    links = tuple((link.number, link.url) for link in content.links)
    return Stored.of(COMPILED, payload, links=links, files=tuple(bytes.fromhex(ref.digest) for ref in files))


def stored_file(attachment: Attachment) -> tuple[FileRef, Stored]:
    """An attachment as a reference and the row of its bytes."""
    row = Stored.of(FILE, attachment.data)
    return FileRef(attachment.filename, attachment.content_type, row.digest.hex(), attachment.content_id), row


@lru_cache(maxsize=256)
def compiled(
    source: ContentSource, track_opens: bool, track_clicks: bool, files: tuple[FileRef, ...] = ()
) -> tuple[Stored, CompiledContent]:
    """Content ready to be stored; kept by what was written, for a template costs 1 to 30 ms to compile.

    Raises ContentInvalid.
    """
    content = compile_content(source, kind="transactional", track=track_clicks, pixel=track_opens)
    return bundle(content, files), content


class _Recent:
    """Digests that this process knows to be stored, and until when it may rely on it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._until = clock, dict[bytes, float]()

    def __contains__(self, digest: bytes) -> bool:
        return self._until.get(digest, 0.0) > self._clock()

    def add(self, digests: Sequence[bytes]) -> None:
        if len(self._until) > REMEMBERED:
            self._until.clear()
        self._until.update(dict.fromkeys(digests, self._clock() + REMEMBERED_SECONDS))

    def clear(self) -> None:
        self._until.clear()


recent = _Recent()


def are_stored(rows: Sequence[Stored]) -> bool:
    """Whether this process knows that these rows stand."""
    return all(row.digest in recent for row in rows)


def store(rows: Sequence[Stored]) -> None:
    """Make sure that these rows stand, in the caller's transaction."""
    missing = sorted((row for row in rows if row.digest not in recent), key=lambda row: row.digest)
    if not missing:
        return
    with connection.cursor() as cursor:
        for row in missing:
            parameters: dict[str, Any] = {
                "digest": row.digest,
                "kind": row.kind,
                "payload": row.payload,
                "links": Jsonb(list(row.links)),
                "files": list(row.files),
            }
            cursor.execute(sql.STORE_CONTENT, parameters)
    digests = [row.digest for row in missing]
    transaction.on_commit(lambda: recent.add(digests))


def forget(limit: int = 5_000) -> int:
    """Drop what no message needs any more; how many contents."""
    with connection.cursor() as cursor:
        cursor.execute(sql.FORGET_CONTENTS, {"limit": limit})
        count = int(cursor.fetchone()[0])
        cursor.execute(sql.FORGET_FILES)
    return count
