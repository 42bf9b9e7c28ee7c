"""Faults around the protocol: doubled tasks, people who change their mind, answers that get lost, retries."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from bench.crash_fault import Cost
from bench.crash_faults_process import ZOMBIE_SECONDS, claimed_limit, kill_all_children
from bench.crash_world import SINK_LATENCY_MS, World, unclaimed
from bench.sink import Rule
from campaigns.leads.erase import erase_lead
from campaigns.services.states import (
    StateConflict,
    cancel_campaign,
    pause_campaign,
    resume_campaign,
    schedule_campaign,
)
from delivery.engine.token import Door
from delivery.numbers import campaign_numbers
from delivery.tokens import signer
from massmailer.processes import procfile
from tracking import optout
from tracking.doors import subject_of

TRY_AGAIN = "451 4.3.0 try again later"
# claims that were under way when a campaign was cancelled still go through
CLAIMS_UNDER_WAY = 200


# --- the same work offered more than once


def launch(world: World, times: int = 1) -> None:
    """Schedule the campaign, and wake so many launchers at once; the sweeper is another one."""
    schedule_campaign(campaign_id=world.campaign_id)
    world.publish("delivery.launch_campaign", world.campaign_id, queue="default", times=times)


def two_launches(world: World, rng: random.Random) -> Cost:
    """Several launches of one campaign at the same moment."""
    times = rng.randint(2, 6)
    launch(world, times)
    return Cost(0, f"launched {times} times at once")


def same_batch_twice(world: World, rng: random.Random) -> Cost:
    """Every open batch offered to two workers."""
    ids = [batch.id for batch in world.batches() if batch.state != "done"]
    for batch_id in rng.sample(ids, min(len(ids), 6)):
        world.publish("delivery.send_batch", batch_id, queue="bulk", times=2)
    return Cost(0, "open batches published twice")


def twenty_times(world: World, rng: random.Random) -> Cost:
    """One task delivered twenty times."""
    ids = [batch.id for batch in world.batches() if batch.state != "done"]
    if ids:
        batch_id = rng.choice(ids)
        world.publish("delivery.send_batch", batch_id, queue="bulk", times=20)
    return Cost(0, "one batch published twenty times")


def two_beats(world: World, rng: random.Random) -> Cost:
    """A second beat: every sweep, collection and count happens twice."""
    world.processes.start("beat-2", procfile.commands()["beat"])
    time.sleep(rng.uniform(3.0, 6.0))
    world.processes.stop("beat-2")
    return Cost(0, "a second beat ran")


# --- people


def pause_and_resume(world: World, rng: random.Random) -> Cost:
    """Pause in the middle, resume after a moment, perhaps twice."""
    for _ in range(rng.randint(1, 2)):
        with suppress(StateConflict):
            pause_campaign(campaign_id=world.campaign_id)
            time.sleep(rng.uniform(0.2, 2.5))
            resume_campaign(campaign_id=world.campaign_id)
        time.sleep(0.3)
    return Cost(0, "paused and resumed")


def cancel(world: World, _: random.Random) -> Cost:
    """Cancel in the middle: what is not claimed by then must not be sent."""
    with suppress(StateConflict):
        cancel_campaign(campaign_id=world.campaign_id)
        rest = unclaimed(world, margin=CLAIMS_UNDER_WAY)
        world.must_skip.update(dict.fromkeys(rest, "cancelled"))
    return Cost(0, f"cancelled, {len(world.must_skip)} leads must be skipped")


def erase(world: World, rng: random.Random) -> Cost:
    """Erase some people who have their mail, some whose mail is under way, some who wait."""
    return _leave(world, rng, "erased", erase_lead)


def unsubscribe(world: World, rng: random.Random) -> Cost:
    """One-click unsubscribes, by the token that stands in the mail."""

    def leave(lead_id: int) -> None:
        token = signer().sign_all("campaign", world.campaign_id, lead_id).unsubscribe
        subject = subject_of(Door.UNSUBSCRIBE, token)
        if subject is not None:
            optout.fulfil(optout.asked("unsubscribe", subject, scope="list", via="one_click"))

    return _leave(world, rng, "unsubscribed", leave)


def _leave(world: World, rng: random.Random, reason: str, act: Callable[[int], object]) -> Cost:
    waiting = sorted(unclaimed(world))
    world.log.read()
    mailed = sorted(world.log.accepted(world.campaign_id))
    chosen = [*rng.sample(waiting, min(40, len(waiting))), *waiting[:20], *rng.sample(mailed, min(10, len(mailed)))]
    for lead_id in dict.fromkeys(chosen):
        act(lead_id)
    # who is not claimed after the change was committed is read after it
    still = unclaimed(world) & set(chosen)
    world.must_skip.update(dict.fromkeys(still, reason))
    return Cost(0, f"{len(chosen)} people {reason}, {len(still)} of them before their claim")


# --- answers that get lost, and retries


def lose_commit(world: World, rng: random.Random) -> Cost:
    """The COMMIT of a claim or record is carried out, its answer never arrives."""
    times, before = rng.randint(1, 3), len(world.proxy.cuts)
    world.proxy.arm(times)
    world.wait(lambda: len(world.proxy.cuts) - before >= times, 5)
    world.proxy.disarm()
    cuts = len(world.proxy.cuts) - before
    return Cost(cuts * claimed_limit(), f"{cuts} COMMITs without an answer")


def _defer_some(world: World, wanted: int) -> None:
    """Temporary refusals until `wanted` more leads are deferred; the harness makes them due at once."""
    before = campaign_numbers(world.campaign_id).deferred
    world.sink.behave([Rule("RCPT", text=TRY_AGAIN)])
    world.wait(lambda: campaign_numbers(world.campaign_id).deferred - before >= wanted, 5)


def _collect(world: World) -> None:
    world.make_due()
    world.publish("delivery.collect_retries", queue="control")


def kill_in_retry(world: World, _: random.Random) -> Cost:
    """A retry batch is claimed, its worker is killed, another takes it over."""
    _defer_some(world, 200)
    world.sink.behave([], latency_ms=60)
    _collect(world)

    def in_retry() -> bool:
        return any(batch.kind == "retry" and batch.token and batch.cursor > batch.recorded for batch in world.batches())

    hit = world.wait(in_retry, 10)
    killed = kill_all_children(world)
    world.sink.behave([], latency_ms=SINK_LATENCY_MS)
    where = "in a retry batch" if hit else "(no retry batch began in time)"
    return Cost(killed * claimed_limit(), f"killed {killed} children {where}")


def zombie_after_retry(world: World, rng: random.Random) -> Cost:
    """A worker freezes before it hears that its deferrals are recorded, and wakes when the retry has sent them."""
    _defer_some(world, 100)
    frozen: list[int] = []

    def stop(name: str) -> None:
        pid = int(name.rpartition(":")[2])
        os.kill(pid, signal.SIGSTOP)
        frozen.append(pid)

    world.proxy.arm(1, stop)
    world.wait(lambda: frozen, 5)
    world.proxy.disarm()
    world.sink.behave([])
    time.sleep(world.lease_seconds + rng.uniform(0.2, 1.0))
    _collect(world)
    world.wait(lambda: _retries_are_over(world), 15)
    for pid in frozen:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    note = f"froze {frozen} in its COMMIT until its leads were retried"
    return Cost(2 * claimed_limit(), note, linger_seconds=ZOMBIE_SECONDS)


def _retries_are_over(world: World) -> bool:
    retries = [batch for batch in world.batches() if batch.kind == "retry"]
    return bool(retries) and all(batch.state == "done" for batch in retries)
