"""Between a worker and PostgreSQL: loses the answer of a commit on request, right after the server carried it out.

Inside a transaction that is the COMMIT; outside it is a claim, which is a transaction by itself. Statements that are
prepared come by the name that they were given.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from pathlib import Path

import uvloop

SOCKET = ".s.PGSQL.5432"
BEGIN, COMMIT, ROLLBACK = b"BEGIN", b"COMMIT", b"ROLLBACK"
CLAIM = b"SET cursor = CASE"
# the message that ends what a client has to say for now
SYNC = b"S\x00\x00\x00\x04"
_PREPARED = re.compile(rb"(_pg3_[0-9a-f]+)\x00[^\x00]*SET cursor = CASE")
_NAME = re.compile(rb"application_name\x00([^\x00]*)\x00")

# called in the proxy's thread with the connection's application name, just before the COMMIT goes to the server
BeforeCut = Callable[[str], None]


class CommitProxy:
    """A Unix socket in `folder` in front of the one in `upstream`; runs in a thread of its own.

    `arm()` cuts the next COMMITs of connections whose application name begins with `prefix`: the server gets the
    COMMIT and carries it out, the client sees a closed connection.
    """

    def __init__(self, folder: Path, upstream: Path, prefix: str = "massmailer send") -> None:
        self._folder, self._upstream, self._prefix = folder, upstream, prefix
        self._left = 0
        self._before: BeforeCut | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._ready = threading.Event()
        self._armed = threading.Lock()
        self.cuts: list[str] = []
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()), name="proxy", daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the proxy does not start")

    @property
    def url(self) -> str:
        """The DATABASE_URL that goes through the proxy."""
        return f"postgresql://massmailer@/massmailer?host={self._folder}"

    def arm(self, times: int, before: BeforeCut | None = None) -> None:
        """Lose the answers of the next `times` COMMITs."""
        with self._armed:
            self._left, self._before = times, before

    def disarm(self) -> None:
        with self._armed:
            self._left, self._before = 0, None

    def close(self) -> None:
        if self._loop is not None and self._stopped is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_unix_server(self._on_client, self._folder / SOCKET, limit=1 << 20)
        self._ready.set()
        await self._stopped.wait()
        server.close()

    async def _on_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_unix_connection(self._upstream / SOCKET, limit=1 << 20)
        except OSError:  # the server is down: the client sees its connection closed
            writer.close()
            return
        ways = [
            asyncio.create_task(self._client_to_server(reader, up_writer)),
            asyncio.create_task(_pump(up_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.close()
            up_writer.close()

    async def _client_to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name, commits = "", Commits()
        first = True
        while data := await reader.read(1 << 16):
            if first and (found := _NAME.search(data)):
                name = found[1].decode()
            first = False
            cut = commits.is_one(data) and name.startswith(self._prefix) and self._takes_one(name)
            writer.write(data)
            await writer.drain()
            if cut:
                # ending this task closes both sides: the server has the COMMIT in its buffer and carries it out
                return

    def _takes_one(self, name: str) -> bool:
        with self._armed:
            if self._left <= 0:
                return False
            self._left -= 1
            before = self._before
        self.cuts.append(name)
        if before is not None:
            before(name)
        return True


class Commits:
    """Recognises commits in what one client says."""

    def __init__(self) -> None:
        self._names: set[bytes] = set()
        self._in_transaction = False
        self._is_claiming = False

    def is_one(self, data: bytes) -> bool:
        """True when the server, having read `data`, commits. Long statements come in several pieces."""
        self._names.update(_PREPARED.findall(data))
        if BEGIN in data:
            self._in_transaction = True
        if COMMIT in data or ROLLBACK in data:
            self._in_transaction = self._is_claiming = False
            return COMMIT in data
        if not self._in_transaction and (CLAIM in data or any(b"\x00%b\x00" % name in data for name in self._names)):
            self._is_claiming = True
        if self._is_claiming and data.endswith(SYNC):
            self._is_claiming = False
            return True
        return False


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
