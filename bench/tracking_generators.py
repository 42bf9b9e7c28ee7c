"""Who makes the load of bench.tracking: wrk where it is installed, else Python, which takes its share of the cores."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.main_job import Failed

WRK = shutil.which("wrk")
SCRIPT = Path(__file__).with_name("tracking_wrk.lua")
NAME = "wrk" if WRK else "Python (install wrk for less of its own share: apt-get install wrk)"


@dataclass(frozen=True, slots=True)
class Pressure:
    """How the doors are asked. rate: requests a second; 0: each connection asks again as soon as it is answered."""

    seconds: float
    connections: int
    keep_alive: bool = True
    rate: int = 0

    @property
    def name(self) -> str:
        kept = "kept" if self.keep_alive else "one for each request"
        return f"{kept}, {self.rate:,}/s asked" if self.rate else f"{kept}, as fast as answered"


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back. wrong: neither a pixel nor a redirect, or nothing at all."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    wrong: int


def ask(port: int, paths: Path, pressure: Pressure) -> Answered:
    """Put the doors under pressure from a process of its own. paths: a file with one path a line. Raises Failed."""
    done = subprocess.run(_command(port, paths, pressure), capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise Failed(f"the load generator says: {done.stdout}{done.stderr}")
    return Answered(**json.loads(lines[-1]))


def _command(port: int, paths: Path, pressure: Pressure) -> list[str]:
    seconds, connections = str(round(pressure.seconds)), str(pressure.connections)
    if WRK is None:
        kept = "1" if pressure.keep_alive else "0"
        load = [sys.executable, "-m", "bench.tracking_load", str(port), str(paths)]
        return [*load, seconds, connections, kept, str(pressure.rate)]
    # one thread: it asks for 40,000 a second by itself
    shape = ["--threads", "1", "--connections", connections, "--duration", f"{seconds}s", "--timeout", "20s"]
    script = ["--script", str(SCRIPT), f"http://127.0.0.1:{port}", "--", str(paths), str(pressure.rate)]
    return [WRK, *shape, *script, "0" if pressure.keep_alive else "1"]
