"""Results of rounds: one line of JSON each, gathered over many runs, and the table made of them."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.crash_fault import Fault
from bench.crash_round import Round


def append(path: Path, done: Round) -> None:
    """Add one round to the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entry = {"at": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}", **dataclasses.asdict(done)}
    with path.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def load(path: Path) -> list[dict[str, Any]]:
    """All rounds of the file; a round that was run again counts once, as it went last."""
    if not path.exists():
        return []
    rounds = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return list({(entry["seed"], entry["number"], entry["leads"]): entry for entry in rounds}.values())


def table(rounds: Sequence[dict[str, Any]], faults: Sequence[Fault]) -> str:
    """Fault by fault in Markdown: its rounds, what they cost, and how long it took to recover.

    unknown counts rounds in which the fault struck alone; `rounds` counts all in which it struck.
    """
    head = "| fault | may cost | rounds | alone | unknown mean | unknown max | recovery median | recovery max |"
    lines = [head, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for fault in faults:
        struck = [entry for entry in rounds if fault.name in {one["name"] for one in entry["faults"]}]
        if struck:
            lines.append(f"| {fault.name} | {fault.bound} | {_figures(struck)} |")
    lines.append(f"| **all rounds** | | {_figures(rounds, alone=False)} |")
    return "\n".join([*lines, "", summary(rounds)])


def _figures(struck: Sequence[dict[str, Any]], *, alone: bool = True) -> str:
    single = [entry for entry in struck if len(entry["faults"]) == 1] if alone else list(struck)
    unknown = [entry["unknown"] for entry in single]
    times = [entry["recovery_seconds"] for entry in single if entry["recovery_seconds"] is not None]
    cells = [str(len(struck)), str(len(single))]
    cells += [f"{statistics.mean(unknown):.1f}", str(max(unknown))] if unknown else ["", ""]
    cells += [f"{statistics.median(times):.1f} s", f"{max(times):.1f} s"] if times else ["", ""]
    return " | ".join(cells)


def summary(rounds: Sequence[dict[str, Any]]) -> str:
    """All rounds in a few sentences."""
    if not rounds:
        return "No rounds."
    leads = sum(entry["leads"] for entry in rounds)
    unknown = sum(entry["unknown"] for entry in rounds)
    accepted = sum(entry["unknown_accepted"] for entry in rounds)
    struck = sum(len(entry["faults"]) for entry in rounds)
    broken = sum(bool(entry["violations"]) for entry in rounds)
    polls = sum(entry["polls"] for entry in rounds)
    leases = sorted({entry["lease_seconds"] for entry in rounds})
    by_lease = ", ".join(
        f"{sum(e['lease_seconds'] == one for e in rounds)} with a lease of {one:g} s" for one in leases
    )
    seeds = ", ".join(str(seed) for seed in sorted({entry["seed"] for entry in rounds}))
    return (
        f"{len(rounds)} rounds ({by_lease}), seeds {seeds}; {leads:,} leads, {struck} faults; "
        f"{broken} rounds with a violation; {unknown} unknown, of which the sink had accepted {accepted}; "
        f"the identity was looked at {polls:,} times."
    )
