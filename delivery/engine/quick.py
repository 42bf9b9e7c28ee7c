"""The short way to a message: for a template whose tags only write values, and a recipient whose values are plain.

Everything else is rendered by `MessageTemplate.render`, which gives the same bytes; a property test holds them against
each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from delivery.engine import headers
from delivery.engine.dkim import Draft
from delivery.engine.message import MessageTemplate, Run, cut_runs, picker

Path = tuple[str, ...]

MAX_VALUE_BYTES = 75
# what `qp.is_plain_value` allows, and what stands between values here
_PLAIN = bytes(byte for byte in range(32, 127) if byte not in b"\"&'<=>") + b"\n"
_is_common = re.compile(r"[ -<>-~]*").fullmatch
_ROOM = headers.LINE_LENGTH - len("Subject: ")


def plain_values(texts: Sequence[Any]) -> list[bytes] | None:
    """The values encoded, None unless each of them is its own encoding in every kind of text."""
    try:
        raw = "\n".join(texts).encode("ascii")
    except (TypeError, UnicodeEncodeError):
        return None
    if raw.translate(None, _PLAIN) or raw[:1] == b"." or b"\n." in raw:
        return None
    values = raw.split(b"\n") if texts else []
    if len(values) != len(texts) or (len(raw) > MAX_VALUE_BYTES and max(map(len, values)) > MAX_VALUE_BYTES):
        return None
    return values


def paths_of(template: MessageTemplate) -> frozenset[Path] | None:
    """The values that a template writes, None where it does more with some of them than that."""
    nodes = [node for _, node in template.layout.nodes]
    nodes += [part for part in template.subject_parts if not isinstance(part, str)]
    paths: frozenset[Path] = frozenset(map(_path, nodes))
    has_common_subject = all(_is_common(part) for part in template.subject_parts if isinstance(part, str))
    return paths if has_common_subject and template.subject_parts and () not in paths else None


class QuickForm:
    """One template, ready to be filled with plain values in the order of `paths`, which are those of `paths_of`."""

    def __init__(self, template: MessageTemplate, paths: Sequence[Path]) -> None:
        layout = template.layout
        static, subject = list(layout.static), list[int]()
        for part in template.subject_parts:
            subject.append(len(static) if isinstance(part, str) else -1 - paths.index(_path(part)))
            if isinstance(part, str):
                static.append(part.encode("ascii"))
        places: Mapping[int, int] = {
            len(layout.static) + number: -1 - paths.index(_path(node)) for number, (_, node) in enumerate(layout.nodes)
        }
        end = len(static)
        order = [places.get(number, number) for number in layout.order]
        # values stand behind the static pieces; until their number was known they were counted from -1 down
        order = [number if number >= 0 else end - 1 - number for number in order]
        subject = [number if number >= 0 else end - 1 - number for number in subject]
        self._static = tuple(static)
        self._top = layout.top
        self._signer = layout.signer
        self._all = picker(order)
        self._runs: tuple[Run, ...] = cut_runs(order, static)
        self._subject = picker(subject)

    def fill(
        self, values: Sequence[bytes], to: bytes, others: Sequence[bytes], moment: int
    ) -> tuple[tuple[bytes, ...], tuple[Draft, ...]] | None:
        """The message in its pieces, and what is to be signed of it, as `RenderedMessage` has them; None where its
        subject is not a common one.

        to, others: header lines before and after the subject. moment: Unix time of a signature.
        """
        pool = (*self._static, *values)
        subject = b"".join(self._subject(pool))
        if not subject or len(subject) > _ROOM or subject[0] == 32 or subject[-1] == 32:
            return None
        lines = (to, b"Subject: %b\r\n" % subject, *others)
        if self._signer is None and len(self._runs) == 1:
            return (b"".join((self._top, *lines, *self._all(pool))),), ()
        pieces = [run if type(run) is bytes else b"".join(run(pool)) for run in self._runs]  # type: ignore[operator]
        drafts = self._signer.draft(lines, pieces, moment) if self._signer else ()
        return (b"".join((self._top, *lines)), *pieces), drafts


def _path(node: object) -> Path:
    path: Path = getattr(node, "path", ())
    return path
