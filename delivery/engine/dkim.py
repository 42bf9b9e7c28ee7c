"""DKIM signatures for messages that are alike: what is the same for all of them is canonicalised once.

c=relaxed/simple (RFC 6376): header lines are unfolded and their white space is reduced, the body is hashed as it
stands. Names are listed from the last line to the first: that is the order in which a verifier takes lines of one name.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from delivery.engine.dkim_keys import DkimKey

LINE_LENGTH = 76

OVERSIGNED = (
    "from", "to", "subject", "date", "list-unsubscribe", "list-unsubscribe-post", "feedback-id",
)  # fmt: skip
"""Listed once more than they occur, so that a line which somebody adds on the way breaks the signature."""
SIGNED = frozenset(
    name.encode()
    for name in (
        *OVERSIGNED, "message-id", "mime-version", "content-type", "reply-to", "list-id",
        "cfbl-address", "cfbl-feedback-id",  # RFC 9477 demands it
    )
)  # fmt: skip


class DkimSigner:
    """The keys of one domain, loaded; makes a `TemplateSigner` for each template."""

    def __init__(self, domain: str, keys: Sequence[DkimKey]) -> None:
        self.domain = domain
        self.keys = tuple(keys)

    def for_template(self, top: bytes, opening: bytes) -> TemplateSigner:
        """See `TemplateSigner` for the arguments."""
        return TemplateSigner(self, top, opening)


@dataclass(frozen=True, slots=True)
class _Frame:
    """A DKIM-Signature for one list of names, up to its first value that differs between messages.

    raw: as it is sent. canonical: as it is signed.
    """

    key: DkimKey
    raw: bytes
    canonical: bytes


class Draft(NamedTuple):
    """One DKIM-Signature of one message, still to be made. line: up to "b=", as it is sent. text: what is signed."""

    key: DkimKey
    line: bytes
    text: bytes


def seal(messages: Sequence[Sequence[Draft]]) -> list[bytes]:
    """The DKIM-Signature lines of each of these messages. What one key signs is signed together, which is quicker."""
    by_key: dict[int, list[tuple[int, Draft]]] = {}
    for number, drafts in enumerate(messages):
        for draft in drafts:
            by_key.setdefault(id(draft.key), []).append((number, draft))
    lines = [b""] * len(messages)
    for asked in by_key.values():
        signatures = asked[0][1].key.sign_all([draft.text for _, draft in asked])
        for (number, draft), signature in zip(asked, signatures, strict=True):
            lines[number] += b"%s\r\n b=%s\r\n" % (draft.line, _folded(signature))
    return lines


class TemplateSigner:
    """Signs the messages of one template.

    top: the header lines that stand first in every message. opening: what stands in every message after the lines of
    its own: the last header lines, the empty line, and the beginning of the body.
    """

    def __init__(self, signer: DkimSigner, top: bytes, opening: bytes) -> None:
        tail, _, beginning = opening.partition(b"\r\n\r\n")
        self._signer = signer
        self._top = _signed(split_lines(top))
        self._tail = _signed(split_lines(tail + b"\r\n"))
        self._opening_size = len(opening)
        self._beginning = hashlib.sha256(beginning)
        # messages of one template carry the same names, nearly always
        self._names: tuple[bytes, ...] | None = None
        self._frames: tuple[_Frame, ...] = ()

    def draft(self, lines: Iterable[bytes], pieces: Sequence[bytes], signed_at: int) -> tuple[Draft, ...]:
        """The DKIM-Signature lines of one message, one for each key, for `seal`.

        lines: the message's own header lines between top and opening, each whole, folded or not.
        pieces: the message from its opening, which is not divided, to the end, in CRLF lines, the last one not empty.
        signed_at: Unix time, seconds.
        """
        own = _signed(lines)
        names = tuple([name for name, _ in own])
        if names != self._names:
            self._frames, self._names = self._frame(names), names
        canonical = b"".join([line for _, line in [*self._tail, *own, *self._top]])
        moment, digest = b"%d" % signed_at, self._body_hash(pieces)
        return tuple(
            [
                Draft(
                    frame.key,
                    b"%s%s; bh=%s;" % (frame.raw, moment, digest),
                    b"%s%s%s; bh=%s; b=" % (canonical, frame.canonical, moment, digest),
                )
                for frame in self._frames
            ]
        )

    def _body_hash(self, pieces: Sequence[bytes]) -> bytes:
        digest = self._beginning.copy()
        digest.update(memoryview(pieces[0])[self._opening_size :])
        for piece in pieces[1:]:
            digest.update(piece)
        return base64.b64encode(digest.digest())

    def _frame(self, own: Sequence[bytes]) -> tuple[_Frame, ...]:
        present = [*(name for name, _ in self._tail), *own, *(name for name, _ in self._top)]
        listed = _folded_names([*(name.decode() for name in present), *OVERSIGNED])
        return tuple(self._frame_of(key, listed) for key in self._signer.keys)

    def _frame_of(self, key: DkimKey, listed: str) -> _Frame:
        raw = (
            f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/simple;\r\n d={self._signer.domain};\r\n"
            f" s={key.selector};\r\n {listed};\r\n t="
        ).encode("ascii")
        return _Frame(key, raw, relaxed(raw).removesuffix(b"\r\n"))


def relaxed(line: bytes) -> bytes:
    """One header line, folded or not, in the relaxed form of RFC 6376 section 3.4.2.

    No other white space than blanks, tabs and CRLF may stand in it, which `headers` makes sure of.
    """
    name, _, value = line.partition(b":")
    return b"%s:%s\r\n" % (name.rstrip().lower(), b" ".join(value.split()))


def split_lines(block: bytes) -> list[bytes]:
    """The header lines of a block, each with the lines that continue it."""
    lines: list[bytes] = []
    for line in block.splitlines(keepends=True):
        if line[:1] in b" \t":
            lines[-1] += line
        else:
            lines.append(line)
    return lines


def _signed(lines: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    """(name, canonical line) of the lines that are signed, the last one first."""
    canonical = [relaxed(line) for line in lines]
    named = [(line[: line.index(b":")], line) for line in reversed(canonical)]
    return [pair for pair in named if pair[0] in SIGNED]


def _folded(signature: bytes) -> bytes:
    text = base64.b64encode(signature)
    return b"\r\n ".join([text[start : start + LINE_LENGTH - 4] for start in range(0, len(text), LINE_LENGTH - 4)])


def _folded_names(names: Iterable[str]) -> str:
    """ "h=" and the names between colons, folded after a colon."""
    done, line = "", "h="
    for name in names:
        if len(line) + len(name) + 2 > LINE_LENGTH:
            done, line = f"{done}{line}\r\n ", ""
        line += f"{name}:"
    return (done + line).removesuffix(":")
