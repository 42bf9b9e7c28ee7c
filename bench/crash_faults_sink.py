"""Faults of the mail server: it closes, refuses, or says nothing, at the worst moments."""

from __future__ import annotations

import random

from bench.crash_fault import Cost
from bench.crash_world import World
from bench.sink import Rule

# what makes an outcome uncertain: the content was handed over and no reply came
UNCERTAIN = ("close_dot", "stall_dot")
# and what does so for the messages behind it, where they leave in flights
ENDS_A_FLIGHT = ("close_mail", "stall_mail", *(f"reply_{stage}" for stage in ("mail", "rcpt", "data", "dot")))
WAIT_SECONDS = 5.0


def _misbehave(world: World, rules: list[Rule], times: int) -> Cost:
    """Apply the rules until they struck `times` times (or some seconds have passed), then behave again."""
    before = world.sink.stats()
    struck_by = sorted({f"{rule.action}_{rule.stage.lower()}" for rule in rules})
    world.sink.behave(rules)

    def struck() -> int:
        stats = world.sink.stats()
        return sum(stats.get(name, 0) - before.get(name, 0) for name in struck_by)

    world.wait(lambda: struck() >= times, WAIT_SECONDS)
    world.sink.behave([])
    after = world.sink.stats()
    names = UNCERTAIN if world.most_lost == 1 else UNCERTAIN + ENDS_A_FLIGHT
    uncertain = sum(after.get(name, 0) - before.get(name, 0) for name in names)
    return Cost(uncertain * world.most_lost, f"{', '.join(struck_by)}: struck {struck()} times")


def close_after_dot(world: World, rng: random.Random) -> Cost:
    """Close after the final dot, before the reply; the message was accepted, or was not."""
    times, keeps = rng.randint(1, 5), rng.random() < 0.5
    return _misbehave(world, [Rule("DOT", action="close", times=times, probability=0.3, keeps=keeps)], times)


def close_after_mail(world: World, rng: random.Random) -> Cost:
    """Close instead of answering MAIL. What is in a flight has no answer then."""
    times = rng.randint(1, 20)
    return _misbehave(world, [Rule("MAIL", action="close", times=times, probability=0.5)], times)


def close_in_data(world: World, rng: random.Random) -> Cost:
    """Close while the content arrives. The client has written its final dot by then: it cannot know."""
    times = rng.randint(1, 5)
    cost = _misbehave(world, [Rule("MIDDATA", action="close", times=times, probability=0.3)], times)
    return Cost(times * world.most_lost, cost.note)


def answer_421(world: World, rng: random.Random) -> Cost:
    """421 at some step, and the connection closes: positive proof of non-acceptance, for that message alone."""
    stage, times = rng.choice(("CONNECT", "MAIL", "RCPT", "DATA", "DOT")), rng.randint(1, 30)
    text = "421 4.3.2 service shutting down"
    if stage == "CONNECT":
        dropped = world.sink.drop()
        cost = _misbehave(world, [Rule(stage, text=text, times=times)], times)
        return Cost(dropped * world.most_lost, cost.note)
    return _misbehave(world, [Rule(stage, text=text, times=times, probability=0.5)], times)


def stall(world: World, rng: random.Random) -> Cost:
    """Say nothing more after MAIL or after the final dot, until the client's time-out."""
    stage, times = rng.choice(("MAIL", "DOT", "DOT")), rng.randint(1, 4)
    rule = Rule(stage, action="stall", times=times, probability=0.3, keeps=rng.random() < 0.5)
    return _misbehave(world, [rule], times)


def drop_all(world: World, _: random.Random) -> Cost:
    """All connections end at once, as when the server crashes: each may have had messages without a reply."""
    dropped = world.sink.drop()
    return Cost(dropped * world.most_lost, f"{dropped} connections dropped")
