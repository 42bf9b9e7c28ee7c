"""The bytes of a file of leads, plain or gzipped, with the position in them for the progress bar."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from campaigns.leads.errors import FileRefused

SAMPLE_BYTES = 256 * 1024
GZIP_MAGIC = b"\x1f\x8b"
READ_BYTES = 1024 * 1024


class Source:
    """An open file. `stream` gives unpacked bytes; `position` and `size` count the bytes on disk."""

    def __init__(self, raw: BinaryIO, size: int) -> None:
        self.size = size
        self._raw = raw
        packed = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        self.stream: BinaryIO = io.BufferedReader(_Unpacked(raw), READ_BYTES) if packed else raw

    @property
    def position(self) -> int:
        return self._raw.tell()

    def sample(self) -> bytes:
        """The beginning of the file and, where that is plain ASCII, the place where it first is not.

        Without the second a file whose first accent stands in line 10,000 would be taken for UTF-8.
        """
        head = self.stream.read(SAMPLE_BYTES)
        tail = b""
        chunk = head
        # zero bytes: UTF-16, which no tail glued on would leave in step
        while chunk and b"\0" not in head and chunk.isascii():
            chunk = self.stream.read(READ_BYTES)
        if chunk and chunk is not head and b"\0" not in head:
            first = next(index for index, byte in enumerate(chunk) if byte > 127)
            # from the start of that line on: a multi-byte character must not be cut in two
            tail = chunk[chunk.rfind(b"\n", 0, first) + 1 : first + SAMPLE_BYTES]
        self.stream.seek(0)
        return head + b"\n" + tail if tail else head


class _Unpacked(io.RawIOBase):
    """A gzip stream that says in plain words what is wrong with it, and stops a file that unpacks without end."""

    def __init__(self, raw: BinaryIO) -> None:
        self._gzip = gzip.GzipFile(fileobj=raw)
        self._unpacked_bytes = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._unpacked_bytes = 0
        return self._gzip.seek(offset, whence)

    def tell(self) -> int:
        return self._gzip.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the buffer that BufferedReader gives
        try:
            data = self._gzip.read(len(buffer))
        except (EOFError, OSError, zlib.error) as error:
            raise FileRefused(f"The gzip file is damaged ({error}). Pack it again, or import it unpacked.") from error
        self._unpacked_bytes += len(data)
        if self._unpacked_bytes > settings.IMPORT_MAX_BYTES:
            raise FileRefused(f"The gzip file unpacks to more than {describe_bytes(settings.IMPORT_MAX_BYTES)}.")
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def open_source(path: str | Path) -> Iterator[Source]:
    """The file at `path`. Raises FileRefused when it is missing, empty, too large or not readable for us."""
    where = Path(path)
    try:
        if where.is_dir():
            raise FileRefused(f"{where.name} is a folder. Name the CSV file in it.")
        size = where.stat().st_size
        raw = where.open("rb")
    except FileNotFoundError as error:
        raise FileRefused(f"There is no file {where}. Check the path, or upload the file again.") from error
    except OSError as error:
        raise FileRefused(f"{where} cannot be read: {error.strerror}.") from error
    with raw:
        if size == 0:
            raise FileRefused(f"{where.name} is empty. Export the leads again, with a header line and one lead a line.")
        if size > settings.IMPORT_MAX_BYTES:
            raise FileRefused(f"{where.name} is larger than {describe_bytes(settings.IMPORT_MAX_BYTES)}. Split it.")
        yield Source(raw, size)


def describe_bytes(count: int) -> str:
    """A size for people: "1.5 GB"."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}".replace(".0 ", " ")
        size /= 1024
    raise AssertionError("unreachable: the last unit takes everything")
