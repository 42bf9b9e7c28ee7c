"""How often the reader of bounces is right about real messages, and what one costs.

    python -m bench.parse_bounce FOLDER [--wrong]

FOLDER holds `labels.jsonl` (one object a message: file, label, recipients with reason and hard) and the messages that
it names; nothing of it is written anywhere. A message is right when its kind is, and a recipient when hard or not is.
Recipients whose reason is suspended or filtered are counted apart: whether they suppress an address is a matter of
policy, and the labels took the other one. Where labels speak of permanence alone, hard and not cannot be told apart and
only the kind and the addresses count.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.engine.classify import BUILT_IN
from tracking.inbound.parse import parse
from tracking.inbound.report import Recipient, RefusalClass, Report

ASIDE = ("suspend", "filtered")
NO_BOUNCE = ("feedback", "delivered", "vacation")
_KINDS = {"complaint": "complaint", "autoreply": "autoreply", "delivered": "delivered", "not-bounce": "other"}


@dataclass(frozen=True, slots=True)
class Read:
    """One labelled message and what was read. seconds: processor time."""

    label: dict[str, Any]
    report: Report
    seconds: float

    @property
    def expected_kind(self) -> str:
        # nobody is named by "none": a bounce without an address and an answer of a person are both labelled so
        return _KINDS.get(self.label["label"], "bounce")

    @property
    def is_scored(self) -> bool:
        return self.label["label"] != "none"

    @property
    def is_right(self) -> bool:
        return self.report.kind.value == self.expected_kind


@dataclass(frozen=True, slots=True)
class Judged:
    """One labelled recipient of a bounce and what was read of it, None for nothing."""

    file: str
    reason: str
    hard: bool
    found: Recipient | None

    @property
    def suppressed(self) -> bool:
        return self.found is not None and self.found.refusal is RefusalClass.HARD

    @property
    def right(self) -> bool:
        return self.found is not None and self.suppressed == self.hard


def read_all(folder: Path) -> list[Read]:
    """Every labelled message of a folder, read. Raises FileNotFoundError where it has no labels."""
    labels = [json.loads(line) for line in (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()]
    return [_read(label, (folder / label["file"]).read_bytes()) for label in labels]


def _read(label: dict[str, Any], raw: bytes) -> Read:
    began = time.process_time()
    report = parse(raw)
    return Read(label, report, time.process_time() - began)


def judged(messages: list[Read]) -> Iterator[Judged]:
    for one in messages:
        wanted = [
            recipient
            for recipient in one.label["recipients"]
            if recipient.get("reason") and recipient["reason"] not in NO_BOUNCE
        ]
        found = one.report.recipients if one.report.kind.value == "bounce" else ()
        for number, recipient in enumerate(wanted):
            read = found[min(number, len(found) - 1)] if found else None
            yield Judged(one.label["file"], recipient["reason"], recipient["hard"], read)


def _names_all(one: Read) -> bool:
    wanted = {recipient["address"].lower() for recipient in one.label["recipients"]}
    return wanted <= {recipient.address.lower() for recipient in one.report.recipients}


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "none"


def judging_microseconds(everyone: list[Judged], rounds: int = 20) -> float:
    """Mean processor time of judging one of the replies by its words alone, the slowest road; the best of five runs."""
    replies = [one.found.reply for one in everyone if one.found]
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(rounds):
            for reply in replies:
                BUILT_IN.classify_text(reply)
        best = min(best, time.process_time() - began)
    return best / rounds / max(1, len(replies)) * 1e6


def report(messages: list[Read]) -> str:
    """The confusion tables and the figures that count, as text."""
    scored = [one for one in messages if one.is_scored]
    everyone = list(judged(messages))
    kept = [one for one in everyone if one.reason not in ASIDE]
    soft = [one for one in kept if not one.hard]
    not_hard = [one for one in everyone if not one.hard]
    addressed = [one for one in scored if one.label["recipients"] and "address" in one.label["recipients"][0]]
    times = sorted(one.seconds for one in messages)
    return "\n".join(
        [
            *_table("kind", Counter((one.expected_kind, one.report.kind.value) for one in scored)),
            "",
            *_table("class", Counter((_label(one), one.found.refusal.value if one.found else "-") for one in everyone)),
            "",
            f"right kind:                         {share(sum(one.is_right for one in scored), len(scored))}",
            f"right on hard or not:               {share(sum(one.right for one in kept), len(kept))}",
            f"  with suspended and filtered:      {share(sum(one.right for one in everyone), len(everyone))}",
            f"not hard, suppressed:               {share(sum(one.suppressed for one in soft), len(soft))}",
            f"  with suspended and filtered:      {share(sum(one.suppressed for one in not_hard), len(not_hard))}",
            f"hard, not suppressed:               "
            f"{share(sum(one.hard and not one.suppressed for one in kept), sum(one.hard for one in kept))}",
            f"every labelled address named:       {share(sum(map(_names_all, addressed)), len(addressed))}",
            f"one message:                        "
            f"{1e3 * times[len(times) // 2]:.1f} ms, at most {1e3 * times[-1]:.1f} ms",
            f"judging one reply by its words:     {judging_microseconds(everyone):.0f} µs",
        ]
    )


def _label(one: Judged) -> str:
    return f"{one.reason} (hard)" if one.hard else one.reason


def _table(head: str, counts: Counter[tuple[str, str]]) -> list[str]:
    columns = sorted({column for _, column in counts})
    rows = sorted({row for row, _ in counts}, key=lambda row: ("(hard)" not in row, row))
    lines = [" ".join([f"{head:<20}", *(f"{column:>12}" for column in columns)])]
    for row in rows:
        lines.append(" ".join([f"{row:<20}", *(f"{counts[row, column] or '.':>12}" for column in columns)]))
    return lines


def wrong(messages: list[Read]) -> Iterator[str]:
    for one in messages:
        if one.is_scored and not one.is_right:
            yield f"{one.label['file']}: {one.label['label']}, read as {one.report.kind}"
        elif one.is_scored and "address" in (one.label["recipients"] or [{}])[0] and not _names_all(one):
            yield f"{one.label['file']}: addresses {[recipient.address for recipient in one.report.recipients]}"
    for case in judged(messages):
        if not case.right:
            yield f"{case.file}: {case.reason}, hard {case.hard}, read as {case.found}"


def main() -> int:
    """Print the report; 1 where the folder has no labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wrong", action="store_true", help="list what was read wrongly")
    options = parser.parse_args()
    try:
        messages = read_all(options.folder)
    except FileNotFoundError as error:
        sys.stderr.write(f"There are no labelled bounces in {options.folder}: {error.filename} is missing.\n")
        return 1
    print(report(messages))
    if options.wrong:
        print("", *wrong(messages), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
