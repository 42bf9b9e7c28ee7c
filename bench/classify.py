"""How often the rule table is right about real bounces, and what one reply costs.

    python -m bench.classify FOLDER

FOLDER holds `labels.jsonl` (one object a message: file, recipients with status, reply, reason, hard) and the messages
that it names. Nothing of it is written anywhere. Recipients without a reason are not counted; suspended and filtered
ones are counted apart: whether they suppress an address is a matter of policy, and the labels took the other one.
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

from bench.bounce_replies import Found, replies_of
from delivery.engine.classify import BUILT_IN
from delivery.engine.outcome import Kind
from delivery.engine.rule import Verdict

ASIDE = ("suspend", "filtered")
NO_BOUNCE = ("feedback", "delivered", "vacation")


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled recipient and what the table says of it."""

    file: str
    reason: str
    hard: bool
    found: Found
    verdict: Verdict

    @property
    def suppressed(self) -> bool:
        return self.verdict.kind is Kind.HARD

    @property
    def right(self) -> bool:
        return self.suppressed == self.hard


def cases(folder: Path) -> Iterator[Case]:
    """Every labelled recipient of a folder, classified. Raises FileNotFoundError where it has no labels."""
    for line in (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines():
        yield from _cases_of(folder, json.loads(line))


def _cases_of(folder: Path, label: dict[str, Any]) -> Iterator[Case]:
    wanted = [one for one in label["recipients"] if one.get("reason") and one["reason"] not in NO_BOUNCE]
    if not wanted:
        return
    found = replies_of((folder / label["file"]).read_bytes())
    for number, recipient in enumerate(wanted):
        reply = found[min(number, len(found) - 1)]
        yield Case(label["file"], recipient["reason"], recipient["hard"], reply, judge(reply))


def judge(found: Found) -> Verdict:
    return BUILT_IN.classify(found.code, found.enhanced, found.words, about_recipient=found.about_recipient)


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "none"


def report(everything: list[Case]) -> str:
    """The confusion table and the two figures that count, as text."""
    kept = [case for case in everything if case.reason not in ASIDE]
    soft = [case for case in kept if not case.hard]
    kinds = sorted({case.verdict.kind.value for case in everything})
    table = Counter((case.reason, case.verdict.kind.value) for case in everything)
    reasons = sorted({(not case.hard, case.reason) for case in everything})
    lines = [" ".join([f"{'label':<18}", *(f"{kind:>12}" for kind in kinds)])]
    for is_soft, reason in reasons:
        counts = " ".join(f"{table[reason, kind] or '.':>12}" for kind in kinds)
        lines.append(f"{reason + ('' if is_soft else ' (hard)'):<18} {counts}")
    lines += [
        "",
        f"right on hard or not:               {share(sum(case.right for case in kept), len(kept))}",
        f"  the same with those aside:        {share(sum(case.right for case in everything), len(everything))}",
        f"not hard, suppressed:               {share(sum(case.suppressed for case in soft), len(soft))}",
        f"hard, not suppressed:               "
        f"{share(sum(case.hard and not case.suppressed for case in kept), sum(case.hard for case in kept))}",
    ]
    return "\n".join(lines)


def microseconds(everything: list[Case], rounds: int = 20) -> float:
    """Mean processor time of one call over the replies found, in µs; the best of five runs."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(rounds):
            for case in everything:
                judge(case.found)
        best = min(best, time.process_time() - began)
    return best / rounds / len(everything) * 1e6


def main() -> int:
    """Print the report; 1 where the folder has no labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wrong", action="store_true", help="list what the table gets wrong, with the words found")
    options = parser.parse_args()
    try:
        everything = list(cases(options.folder))
    except FileNotFoundError as error:
        sys.stderr.write(f"There are no labelled bounces in {options.folder}: {error.filename} is missing.\n")
        return 1
    print(report(everything))
    print(f"one reply:                          {microseconds(everything):.0f} µs")
    if options.wrong:
        for case in everything:
            if not case.right:
                print(f"\n{case.file}: {case.reason}, judged {case.verdict.kind} by {case.verdict.rule}")
                print(f"    {case.found.code} {case.found.enhanced} {case.found.words[:300]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
