"""The promise of the engine, under random misbehaviour: no second copy, and nothing claimed that did not happen."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import uvloop

from bench.sink import Rule, Sink
from delivery.engine.outcome import Outcome
from delivery.engine.smtp import SmtpMessage, SmtpPool
from tests.unit.delivery.engine.smtp.conftest import assert_each_tells_the_truth

REPLIES = ["421 4.7.0 slow down", "451 4.3.0 later", "550 5.1.1 no such user", "452 4.2.2 full", "554 5.7.1 spam"]
STAGES = ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "MIDDATA", "DOT"]


def _misbehaviour(rng: random.Random) -> list[Rule]:
    rules = []
    for _ in range(rng.randint(3, 9)):
        stage = rng.choice(STAGES)
        action = "close" if stage == "MIDDATA" else rng.choice(["reply", "reply", "close", "close", "stall", "delay"])
        chance = rng.choice([0.01, 0.03, 0.1]) * (0.1 if action == "stall" else 1.0)
        delay = rng.choice([0.0, 0.0, 5.0, 30.0])
        rules.append(
            Rule(
                stage,
                action=action,  # type: ignore[arg-type]
                text=rng.choice(REPLIES),
                probability=chance,
                delay_ms=delay if action != "delay" else delay or 10.0,
                keeps=rng.random() < 0.7,
            )
        )
    return rules


@pytest.mark.parametrize("seed", range(10))
def test_no_message_is_sent_twice_and_no_acceptance_is_invented(
    start_sink: Callable[..., Sink], message: Callable[..., SmtpMessage], endpoint: Any, quick: Any, seed: int
) -> None:
    rng = random.Random(seed)
    sink = start_sink(*_misbehaviour(rng), seed=seed, pipelining=rng.random() < 0.8)
    limits = replace(quick, mail=0.2, rcpt=0.2, data=0.2, dot=0.2, greeting=0.2, ehlo=0.2)

    async def main() -> list[Outcome]:
        pool = SmtpPool(endpoint(sink, limits), max_connections=rng.choice([1, 3, 10]), rng=random.Random(seed))
        windows = [[message(n) for n in range(at, at + 25)] for at in range(0, 200, 25)]
        outcomes: list[Outcome] = []
        for at in range(0, len(windows), 4):
            for answer in await asyncio.gather(*map(pool.send_window, windows[at : at + 4])):
                outcomes += answer
        await pool.close()
        return outcomes

    factory = uvloop.new_event_loop if seed % 2 else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        outcomes = runner.run(main())
    assert len(outcomes) == 200
    assert_each_tells_the_truth(sink, outcomes)
