"""What a process reads again only every few seconds or hours: rows that everybody asks for and few people change."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """A value and how to read it. Two threads may read at once; the later answer stays."""

    def __init__(self, read: Callable[[], Value], *, seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._value: Value | None = None
        self._until = float("-inf")

    def get(self) -> Value:
        """The value, at most `seconds` old. Blocking where it is time to read; raises what reading raises."""
        if self._value is None or time.monotonic() >= self._until:
            self._value = self._read()
            self._until = time.monotonic() + self._seconds
        return self._value

    def known(self) -> Value | None:
        """What was last read, however old; None before that. No I/O."""
        return self._value

    def expire(self) -> None:
        """Let the next `get` read, however young the value is."""
        self._until = float("-inf")
