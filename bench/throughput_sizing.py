"""How many worker children and connections a run gets: docs/capacity.md with this machine's cores put in."""

from __future__ import annotations

import math
import multiprocessing
import os
import time
from dataclasses import dataclass

from delivery import bound
from delivery.engine.smtp.flight import usual_messages
from massmailer.processes.options import usual_bulk_workers

# all processor time of a message of 2 kB, the sink's included: what the cores could send if nobody waited
MESSAGE_SECONDS = 50e-6
CLAIMED, WINDOW = 200, 48
DEFAULT_CONNECTIONS, MOST_CONNECTIONS = 20, 200
# the COMMIT of a record with the next claim
RECORD_SECONDS = 0.003
# content goes out after the server's 354, its reply comes one more round trip later
ROUND_TRIPS = 2
# of the rate that the bound allows a child: it reads, writes and waits for a core between an answer and the next claim
REACHED = 0.7
ROUND_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Sizing:
    """children: of worker-bulk. connections: of the provider, for each child at most."""

    children: int
    connections: int


def sizing(latency_ms: float, size: int, workers: int = 0, *, chunking: bool = False) -> Sizing:
    """The documented sizing for a relay so far away; workers: children that were asked for, 0 for what fits.

    size: bytes of a message. chunking: the relay offers it, so that several messages go by one round trip of one
    connection.
    """
    trips, carried = (1, usual_messages(size)) if chunking else (ROUND_TRIPS, 1)
    cores, latency = os.cpu_count() or 1, latency_ms / 1000
    claimed = bound.claimed_limit(WINDOW, CLAIMED)
    child = claimed / (trips * latency + RECORD_SECONDS)
    children = workers or max(usual_bulk_workers(), math.ceil(cores / MESSAGE_SECONDS / (REACHED * child)))
    connections = math.ceil(child * latency / carried / 10) * 10
    return Sizing(children, min(MOST_CONNECTIONS, max(DEFAULT_CONNECTIONS, connections)))


def rsa_rate(rounds: int = 5) -> float:
    """Signatures a second with RSA of 2048 bits and all cores at it: the best round.

    Two cores are not twice one where they share a chip's units, so all sign at the same time.
    """
    cores = os.cpu_count() or 1
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        return max(sum(pool.map(_signatures_a_second, [ROUND_SECONDS] * cores, chunksize=1)) for _ in range(rounds))


def _signatures_a_second(seconds: float) -> float:
    from delivery.engine.dkim_keys import load_key, new_rsa_key

    key, count = load_key("bench", new_rsa_key()), 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        key.sign(b"x" * 1500)
        count += 1
    return count / (time.perf_counter() - began)
