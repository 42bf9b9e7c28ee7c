"""At most once, proven by killing it: campaigns to a sink, with faults at random moments, and the books checked.

    python -m bench.crash --rounds 10 --leads 20000 --seed 7
    python -m bench.crash --rounds 3 --seed 7 --fault kill-child --fault lost-commit
    python -m bench.crash --rounds 3 --seed 7 --without fencing        the control run: it must find violations
    python -m bench.crash --table                                      what all runs so far have found

Starts the real stack (workers, beat, engines of its own in a temporary folder) once and sends one campaign a round.
The moments and kinds of the faults of round i follow from the seed and i alone: `--first i --rounds 1` runs it again.
So does whether the sink offers CHUNKING, in half of the rounds: a lost connection may then cost eight e-mails.
Deferred e-mails are made due at once by the harness, or a round would take hours; nothing else is helped.
Exit status 1 where anything was violated, with the evidence.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.crash_fault import Fault

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "var" / "bench" / "crash.jsonl"
# what would lead the harness to somebody's real engines
FOREIGN = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "REPORTING_DATABASE_URL", "MASSMAILER_FAILPOINT")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.crash", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rounds", type=int, default=3)
    add("--first", type=int, default=1, metavar="NUMBER", help="the number of the first round (default 1)")
    add("--leads", type=int, default=2000)
    add("--seed", type=int, default=1)
    add("--lease", type=float, default=3.0, metavar="SECONDS", help="MASSMAILER_LEASE_SECONDS (default 3)")
    add("--fault", action="append", default=[], metavar="NAME", help="only these; --list shows them")
    add("--each", action="store_true", help="one fault a round, in the order of the table or of --fault")
    add("--without", choices=("fencing",), help="control run: the claim compares neither token nor cursor")
    add("--results", type=Path, default=RESULTS, metavar="FILE")
    add("--json", action="store_true", help="one line of JSON a round")
    add("--table", action="store_true", help="print the table of all results and leave")
    add("--list", action="store_true", help="print the faults and leave")
    add("--keep", action="store_true", help="leave folder and engines as they are")
    return parser.parse_args(arguments)


def enter(folder: Path, lease_seconds: float) -> None:
    """Point the settings at a folder of our own, and load Django."""
    for variable in FOREIGN:
        os.environ.pop(variable, None)
    os.environ["MASSMAILER_VAR"] = str(folder)
    os.environ["MASSMAILER_LEASE_SECONDS"] = f"{lease_seconds:g}"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
    import django

    django.setup()
    # what the harness does to the campaigns is in its report
    logging.disable(logging.INFO)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    # told to leave, it takes its processes and engines with it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="mm-crash-"))
    try:
        enter(folder, options.lease)
        if options.table or options.list:
            return _print(options)
        return _run(options, folder)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def _print(options: argparse.Namespace) -> int:
    from bench import crash_results
    from bench.crash_faults import FAULTS

    if options.list:
        for fault in FAULTS:
            print(f"{fault.name:24} may cost: {fault.bound:44} {(fault.inject.__doc__ or '').splitlines()[0]}")
    else:
        print(crash_results.table(crash_results.load(options.results), FAULTS))
    return 0


def _run(options: argparse.Namespace, folder: Path) -> int:
    from bench import crash_results
    from bench.crash_round import Round, plan, run_round
    from bench.crash_world import open_world
    from massmailer.embedded import engines

    faults = choose(options.fault)
    print(f"seed {options.seed}, lease {options.lease:g} s, logs {folder / 'log'}", file=sys.stderr, flush=True)
    rounds: list[Round] = []
    try:
        world = open_world(lease_seconds=options.lease, fenced=options.without != "fencing", folder=folder)
        try:
            for number in range(options.first, options.first + options.rounds):
                table = [faults[(number - 1) % len(faults)]] if options.each else faults
                done = run_round(world, options.seed, number, options.leads, plan(options.seed, number, table))
                rounds.append(done)
                if world.fenced:
                    crash_results.append(options.results, done)
                report(done, options.json)
        finally:
            world.close()
    finally:
        if not options.keep:
            engines.destroy()
    print(crash_results.summary([dataclasses.asdict(done) for done in rounds]), file=sys.stderr)
    return int(any(done.violations for done in rounds))


def choose(names: Sequence[str]) -> list[Fault]:
    """The faults of those names, or all that this machine can run; says which it cannot. Raises SystemExit."""
    from bench.crash_engines import find_faketime
    from bench.crash_faults import BY_NAME, FAULTS

    if unknown := sorted(set(names) - set(BY_NAME)):
        raise SystemExit(f"no such fault: {', '.join(unknown)}; --list shows them")
    chosen = [BY_NAME[name] for name in names] or list(FAULTS)
    if find_faketime() is not None:
        return chosen
    left_out = [fault.name for fault in chosen if fault.needs_clock]
    if left_out:
        print(f"NOT RUN, libfaketime is not installed: {', '.join(left_out)}", file=sys.stderr)
    return [fault for fault in chosen if not fault.needs_clock]


def report(done: object, as_json: bool) -> None:
    """One line a round, and the evidence where something is wrong."""
    from bench.crash_round import Round

    assert isinstance(done, Round)
    if as_json:
        print(json.dumps(dataclasses.asdict(done)), flush=True)
        return
    faults = ", ".join(f"{fault['name']} at {fault['at']:.0%}" for fault in done.faults)
    verdict = "VIOLATED" if done.violations else "ok"
    way = "BDAT" if done.chunking else "DATA"
    print(
        f"round {done.number:3} {verdict:8} {way} unknown {done.unknown}/{done.unknown_limit} "
        f"recovered {done.recovery_seconds} s, over {done.finish_seconds} s   {faults}",
        flush=True,
    )
    for violation in done.violations:
        print("  " + violation.replace("\n", "\n  "), flush=True)


if __name__ == "__main__":
    sys.exit(main())
