"""The short form of the crash harness: one campaign a fault, real processes, fixed seeds. See docs/benchmarks.md."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
# enough that a fast machine is still sending when the fault strikes
LEADS = 4000
FAULTS = ("kill-child", "lose-valkey", "crash-postgres", "sink-close-after-dot", "freeze-child", "lost-commit")
TIMEOUT_SECONDS = 600


def crash(results: Path, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Run the harness; its exit status and its rounds."""
    command = [sys.executable, "-m", "bench.crash", "--json", "--results", str(results), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
    rounds = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert rounds, done.stdout + done.stderr
    return done.returncode, rounds


def test_no_fault_makes_a_second_copy_or_loses_a_lead(tmp_path: Path) -> None:
    results = tmp_path / "crash.jsonl"
    named = [part for name in FAULTS for part in ("--fault", name)]
    status, rounds = crash(
        results, "--each", "--rounds", str(len(FAULTS)), "--leads", str(LEADS), "--seed", "20", *named
    )
    violations = [violation for done in rounds for violation in done["violations"]]
    assert (status, violations) == (0, [])
    assert [fault["name"] for done in rounds for fault in done["faults"]] == list(FAULTS)
    for done in rounds:
        numbers = done["numbers"]
        assert (numbers["audience"], numbers["pending"], numbers["deferred"]) == (LEADS, 0, 0)
        assert numbers["sent"] + numbers["unknown"] == LEADS
        assert done["unknown"] <= done["unknown_limit"]
        assert done["polls"] > 10
    assert len(results.read_text().splitlines()) == len(FAULTS)


def test_the_harness_finds_second_copies_where_claims_are_not_fenced(tmp_path: Path) -> None:
    # a worker that freezes inside a transaction is stopped by PostgreSQL even so: some tries
    status, rounds = crash(
        tmp_path / "crash.jsonl", "--without", "fencing", "--rounds", "4", "--leads", str(LEADS),
        "--seed", "21", "--fault", "freeze-child",
    )  # fmt: skip
    assert status == 1
    assert any("accepted more than once" in violation for done in rounds for violation in done["violations"])
    assert not (tmp_path / "crash.jsonl").exists()
