"""How many worker children and connections a run gets: docs/capacity.md with this machine's cores put in."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass

from delivery import bound

# all processor time of a message, the sink's included: what the cores could send if nobody waited
MESSAGE_SECONDS = 130e-6
CLAIMED, WINDOW = 200, 48
DEFAULT_CONNECTIONS, MOST_CONNECTIONS = 20, 200
# claims free themselves by whole windows, so a child reaches about this share of its bound
REACHED = 0.7


@dataclass(frozen=True, slots=True)
class Sizing:
    """children: of worker-bulk. connections: of the provider, for each child at most."""

    children: int
    connections: int


def sizing(latency_ms: float, workers: int = 0) -> Sizing:
    """The documented sizing for a relay so far away; workers: children that were asked for, 0 for what fits."""
    cores, latency = os.cpu_count() or 1, latency_ms / 1000
    claimed = bound.claimed_limit(WINDOW, latency, CLAIMED)
    child = claimed / (bound.ROUND_TRIPS * latency + bound.RECORD_SECONDS)
    children = workers or max(cores, math.ceil(cores / MESSAGE_SECONDS / (REACHED * child)))
    connections = math.ceil(child * latency / 10) * 10
    return Sizing(children, min(MOST_CONNECTIONS, max(DEFAULT_CONNECTIONS, connections)))


def rsa_seconds(count: int = 200, rounds: int = 8) -> float:
    """Processor time of one signature with RSA of 2048 bits: the best round."""
    from delivery.engine.dkim_keys import load_key, new_rsa_key

    key, best = load_key("bench", new_rsa_key()), float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(count):
            key.sign(b"x" * 1500)
        best = min(best, (time.process_time() - began) / count)
    return best
