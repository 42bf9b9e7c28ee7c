"""Texts from outside on their way into PostgreSQL."""

from __future__ import annotations

import re

REPLY_LIMIT = 500

# NUL and halves of a character, which PostgreSQL does not take, and the separators of `delivery.ledger_rows`
_UNSTORABLE = re.compile("[\x00\x1d-\x1f\ud800-\udfff]")


def storable(text: str) -> str:
    """A text from outside without our separators, NUL and halves of a character, which PostgreSQL does not take.

    An ESP that cuts a subject in the middle of an emoji writes such a half into its JSON.
    """
    return text if text.isprintable() else _UNSTORABLE.sub("", text)


def clean_reply(reply: str) -> str | None:
    """The server's words as they are stored, without what cannot be (see `storable`)."""
    return storable(reply)[:REPLY_LIMIT] or None
