"""The engine of DATABASES: Django finds `DatabaseWrapper` by the name of this module."""

from __future__ import annotations

import select
import time

from django.db.backends.postgresql import base

# a network that swallows packets in silence is found out by a question, at most this often
PROVEN_SECONDS = 1.0


class DatabaseWrapper(base.DatabaseWrapper):
    """Asks a kept connection at most once a second whether it lives; between, a look at its socket is enough.

    A server that stops or ends a session says so, or the socket is closed: there is something to read where nothing was
    asked. The question at each request was half of the round trips of accepting a message.
    """

    _proven_at = float("-inf")

    def is_usable(self) -> bool:
        if time.monotonic() - self._proven_at < PROVEN_SECONDS and self._is_quiet():
            return True
        is_usable = super().is_usable()
        if is_usable:
            self._proven_at = time.monotonic()
        return is_usable

    def _is_quiet(self) -> bool:
        if self.connection is None or self.connection.closed:
            return False
        look = select.poll()
        look.register(self.connection.fileno(), select.POLLIN)
        return not look.poll(0)
