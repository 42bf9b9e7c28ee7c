"""What goes wrong with the engines, in words for the person at the terminal."""

from __future__ import annotations


class EngineError(Exception):
    """An embedded engine cannot start, stop or be found. The message says the cure: print it, without a traceback."""
