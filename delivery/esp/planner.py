"""Rendered letters, and how they are put together to requests: by what an ESP takes at once, in number and size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from delivery.engine.message import RenderFailed
from delivery.engine.outcome import Kind, Outcome
from delivery.esp.kinds import EspKind
from delivery.esp.rendering import Content, MergeText, check, render
from delivery.letters import AnyLetter

# below what any of them takes (15 to 50 MB), and little enough for several requests at once in one process
REQUEST_BYTES = 8_000_000
# SendGrid: 10,000 bytes of substitutions a recipient, their names included
VALUES_BYTES = {"sendgrid": 9_500}
VALUES_BYTES_OTHERS = 100_000
# what the ESP would fill in itself if it stood in an author's text
OWN_SYNTAX = {"mailgun": "%recipient"}


@dataclass(frozen=True, slots=True)
class Piece:
    """One letter, ready for a request. index: its place in what the channel was given.

    content: all of it; None where `values` fill the placeholders of a merged text.
    """

    index: int
    letter: AnyLetter
    content: Content | None
    values: Mapping[str, str] = field(default_factory=dict)
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """What goes with one HTTP request. text: the merged text of all pieces; None where each piece has its content."""

    pieces: Sequence[Piece]
    text: MergeText | None = None

    def alone(self) -> list[Request]:
        """The same pieces, one a request."""
        return [Request([piece], self.text) for piece in self.pieces]


class Planner:
    """Renders letters and puts them together for one account."""

    def __init__(self, kind: EspKind, recipients: int, merge_text: Callable[[AnyLetter], MergeText]) -> None:
        """recipients: a request at most. merge_text: the (kept) merged text of a letter's template."""
        self._kind = kind
        self._recipients = recipients
        self._merge_text = merge_text

    def plan(self, letters: Sequence[AnyLetter]) -> tuple[list[Request], dict[int, Outcome]]:
        """Requests for the letters, and the outcomes of those that cannot be rendered, by their place."""
        failed: dict[int, Outcome] = {}
        requests: list[Request] = []
        for text, group in self._groups(letters):
            pieces = list(self._render(group, text, failed))
            merged = [piece for piece in pieces if piece.content is None]
            requests += [Request(chunk, text) for chunk in self._chunks(merged)]
            whole = [piece for piece in pieces if piece.content is not None]
            requests += [Request(chunk) for chunk in self._chunks(whole, 1 if self._kind.way == "merge" else None)]
        return requests, failed

    def _groups(self, letters: Sequence[AnyLetter]) -> Iterator[tuple[MergeText | None, list[tuple[int, AnyLetter]]]]:
        numbered = list(enumerate(letters))
        if self._kind.way != "merge":
            yield None, numbered
            return
        by_template: dict[int, list[tuple[int, AnyLetter]]] = {}
        for index, letter in numbered:
            by_template.setdefault(id(letter.template), []).append((index, letter))
        for group in by_template.values():
            text = self._merge_text(group[0][1]) if len(group) > 1 and self._recipients > 1 else None
            yield (None if text and self._is_ambiguous(text) else text), group

    def _is_ambiguous(self, text: MergeText) -> bool:
        """True where the author's own text holds what the ESP takes for a placeholder."""
        syntax = OWN_SYNTAX.get(self._kind.name)
        return syntax is not None and any(
            whole.count(syntax) != whole.count(f"{syntax}.{text.prefix}")
            for whole in (text.content.subject, text.content.html, text.content.text)
        )

    def _render(
        self, group: Iterable[tuple[int, AnyLetter]], text: MergeText | None, failed: dict[int, Outcome]
    ) -> Iterator[Piece]:
        most = VALUES_BYTES.get(self._kind.name, VALUES_BYTES_OTHERS)
        for index, letter in group:
            try:
                check(letter)
                if text is not None:
                    values = text.values(letter.context)
                    size = sum(len(name) + 4 + len(value.encode()) for name, value in values.items())
                    if size <= most:
                        yield Piece(index, letter, None, values, size)
                        continue
                content = render(letter)
            except RenderFailed as error:
                failed[index] = Outcome(Kind.RENDER_ERROR, reply=str(error))
                continue
            yield Piece(index, letter, content, size_bytes=content.size_bytes)

    def _chunks(self, pieces: Sequence[Piece], most: int | None = None) -> Iterator[list[Piece]]:
        """Within the limits, no address and, where the ESP takes one sender a request, no second sender in a chunk."""
        most = most or self._recipients
        open_chunks: list[_Chunk] = []
        for piece in pieces:
            chunk = next((one for one in open_chunks if one.takes(piece, most)), None)
            if chunk is None:
                chunk = _Chunk()
                open_chunks.append(chunk)
            chunk.add(piece)
        yield from (chunk.pieces for chunk in open_chunks)


class _Chunk:
    """Pieces of one request as it fills."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._addresses: set[str] = set()
        self._size_bytes = 0

    def takes(self, piece: Piece, most: int) -> bool:
        if len(self.pieces) >= most or self._size_bytes + piece.size_bytes > REQUEST_BYTES:
            return False
        is_same_sender = piece.letter.template.sender == self.pieces[0].letter.template.sender
        return is_same_sender and piece.letter.head.to_address.lower() not in self._addresses

    def add(self, piece: Piece) -> None:
        self.pieces.append(piece)
        self._addresses.add(piece.letter.head.to_address.lower())
        self._size_bytes += piece.size_bytes
