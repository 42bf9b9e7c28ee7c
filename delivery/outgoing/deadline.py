"""A deadline over a whole exchange. A socket's own time-out begins anew with every byte that drips in."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType


class Deadline:
    """Cuts the sockets it watches when the time is over; their reader then sees an end or an error."""

    def __init__(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds
        self.has_struck = False
        self._watched: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._strike)
        self._timer.daemon = True

    @property
    def left_seconds(self) -> float:
        """What is left, never less than a moment: a time-out of 0 means something else to a socket."""
        return max(self.until - time.monotonic(), 0.001)

    def watch(self, connection: socket.socket) -> None:
        """Cut this socket too. A second handle on it is kept: TLS takes the first one away."""
        with self._lock:
            self._watched.append(connection.dup())
        if self.has_struck:
            self._strike()

    def _strike(self) -> None:
        self.has_struck = True
        with self._lock:
            for connection in self._watched:
                # it may have ended by itself
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for connection in self._watched:
                connection.close()
            self._watched.clear()
