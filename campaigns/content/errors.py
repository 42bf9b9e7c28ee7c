"""Mistakes in templates, in words for the person who wrote them."""

from __future__ import annotations

from liquid.exceptions import LiquidError

from campaigns.content.problems import place


class LiquidInvalid(ValueError):
    """The template has a mistake; show `message` at `line` and `column` (counted from 1) of its source."""

    def __init__(self, message: str, source: str, index: int) -> None:
        self.message = message
        self.index = index
        self.line, self.column = place(source, index)
        super().__init__(f"line {self.line}, column {self.column}: {message}")


class RenderFailed(Exception):
    """One construct failed for one recipient: record the message as failed with this text; others may succeed."""

    def __init__(self, message: str, line: int, column: int) -> None:
        self.message = message
        self.line = line
        self.column = column
        super().__init__(f"line {line}, column {column}: {message}")


def complaint(error: Exception) -> str:
    """What went wrong, on one line, without python-liquid's picture of the place."""
    words = error.message if isinstance(error, LiquidError) else error
    text = " ".join(str(words).split())
    return text or type(error).__name__
