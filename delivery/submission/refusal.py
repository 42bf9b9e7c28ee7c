"""What the door says when it does not take a message."""

from __future__ import annotations


class Refused(Exception):
    """A message or command is not taken; `reply` is the whole SMTP answer, with the reason and the cure."""

    def __init__(self, code: str, reason: str) -> None:
        # one line of ASCII, whatever was quoted
        text = " ".join(reason.encode("ascii", "replace").decode().split())
        self.reply = f"{code} {text}"[:480]
        super().__init__(self.reply)
