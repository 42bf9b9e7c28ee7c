"""The policy of trying again, as a table."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.engine.outcome import Kind, Outcome
from delivery.engine.retry import DEFAULT, Policy, decide, settle

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MIN = 60.0
HOUR = 3600.0

# kind, tries before, status, shortest and longest wait in seconds (None: never again), counts as a try
TABLE = [
    ("accepted", 0, "sent", None, None, True),
    ("transient", 0, "deferred", 5 * MIN, 10 * MIN, True),
    ("transient", 1, "deferred", 0.5 * HOUR, HOUR, True),
    ("transient", 2, "deferred", 3 * HOUR, 6 * HOUR, True),
    ("transient", 3, "dead", None, None, True),
    ("transient", 9, "dead", None, None, True),
    ("soft", 0, "deferred", 4 * HOUR, 4 * HOUR, True),
    ("soft", 1, "deferred", 4 * HOUR, 4 * HOUR, True),
    ("soft", 2, "deferred", 4 * HOUR, 4 * HOUR, True),
    ("soft", 3, "bounced_soft", None, None, True),
    ("throttle", 0, "deferred", 10 * MIN, 12 * MIN, False),
    ("throttle", 9, "deferred", 10 * MIN, 12 * MIN, False),
    ("block", 0, "deferred", 10 * MIN, 10 * MIN, True),
    ("block", 1, "failed", None, None, True),
    ("hard", 0, "bounced_hard", None, None, True),
    ("content", 0, "failed", None, None, True),
    ("sender", 0, "failed", None, None, True),
    ("undetermined", 0, "failed", None, None, True),
    ("render_error", 0, "failed", None, None, False),
    ("not_attempted", 0, "deferred", MIN, MIN, False),
    ("not_attempted", 9, "deferred", MIN, MIN, False),
    ("skipped", 0, "skipped", None, None, False),
    ("unknown", 0, "unknown", None, None, True),
    ("unknown", 2, "unknown", None, None, True),
]


@pytest.mark.parametrize(("kind", "tries", "status", "shortest", "longest", "counts"), TABLE)
def test_an_outcome_leads_to_its_status(
    kind: str, tries: int, status: str, shortest: float | None, longest: float | None, counts: bool
) -> None:
    for seed in range(20):
        decision = settle(Outcome(Kind(kind)), tries, NOW, random.Random(seed))
        assert (decision.status, decision.counts_as_try) == (status, counts)
        if shortest is None or longest is None:
            assert decision.due_at is None
        else:
            assert decision.due_at is not None
            assert timedelta(seconds=shortest) <= decision.due_at - NOW <= timedelta(seconds=longest)


def test_the_jitter_spreads_retries_over_half_of_the_delay() -> None:
    waits = [decide(Outcome(Kind.TRANSIENT), 0, NOW, random.Random(seed)) for seed in range(200)]
    seconds = [(due - NOW).total_seconds() for due in waits if due is not None]
    assert min(seconds) < 320
    assert max(seconds) > 580


@pytest.mark.parametrize("kind", [Kind.THROTTLE, Kind.NOT_ATTEMPTED])
def test_a_reserved_time_replaces_the_wait_of_what_is_not_a_try(kind: Kind) -> None:
    slot = NOW + timedelta(hours=2)
    assert settle(Outcome(kind), 0, NOW, random.Random(1), due_at=slot).due_at == slot


def test_a_reserved_time_does_not_shorten_the_wait_after_a_real_try() -> None:
    slot = NOW + timedelta(seconds=1)
    due = settle(Outcome(Kind.TRANSIENT), 0, NOW, random.Random(1), due_at=slot).due_at
    assert due is not None
    assert due >= NOW + timedelta(minutes=5)


def test_negative_tries_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="tries"):
        settle(Outcome(Kind.TRANSIENT), -1, NOW, random.Random(1))


@given(st.sampled_from(list(Kind)), st.integers(0, 1000), st.integers())
def test_only_deferred_is_due_again_and_always_later(kind: Kind, tries: int, seed: int) -> None:
    decision = settle(Outcome(kind), tries, NOW, random.Random(seed))
    assert (decision.due_at is not None) == (decision.status == "deferred")
    assert decision.due_at is None or decision.due_at > NOW
    assert decide(Outcome(kind), tries, NOW, random.Random(seed)) == decision.due_at


@given(st.lists(st.sampled_from([Kind.TRANSIENT, Kind.SOFT, Kind.BLOCK]), min_size=4, max_size=8))
def test_real_tries_come_to_an_end_after_three_retries(kinds: list[Kind]) -> None:
    tries = 0
    for kind in kinds:
        decision = settle(Outcome(kind), tries, NOW, random.Random(0))
        if decision.status != "deferred":
            break
        tries += decision.counts_as_try
    assert tries <= 3


def test_what_may_have_been_accepted_is_never_tried_again() -> None:
    assert all(decide(Outcome(Kind.UNKNOWN), tries, NOW, random.Random(0)) is None for tries in range(10))


# --- policies of operators -------------------------------------------------------------------------------------------
HASTY = Policy(
    transient=(timedelta(minutes=1), timedelta(minutes=2)),
    soft=timedelta(minutes=30),
    soft_retries=1,
    throttle=timedelta(minutes=20),
    block=timedelta(minutes=5),
    block_retries=0,
    not_attempted=timedelta(seconds=5),
)
# kind, tries before, status, shortest and longest wait in seconds, as above
HASTY_TABLE = [
    ("transient", 0, "deferred", 0.5 * MIN, MIN),
    ("transient", 1, "deferred", MIN, 2 * MIN),
    ("transient", 2, "dead", None, None),
    ("soft", 0, "deferred", 30 * MIN, 30 * MIN),
    ("soft", 1, "bounced_soft", None, None),
    ("block", 0, "failed", None, None),
    ("throttle", 7, "deferred", 20 * MIN, 24 * MIN),
    ("not_attempted", 7, "deferred", 5.0, 5.0),
    ("hard", 0, "bounced_hard", None, None),
    ("unknown", 0, "unknown", None, None),
]


@pytest.mark.parametrize(("kind", "tries", "status", "shortest", "longest"), HASTY_TABLE)
def test_another_policy_has_its_own_numbers(
    kind: str, tries: int, status: str, shortest: float | None, longest: float | None
) -> None:
    for seed in range(20):
        decision = settle(Outcome(Kind(kind)), tries, NOW, random.Random(seed), HASTY)
        assert decision.status == status
        if shortest is None or longest is None:
            assert decision.due_at is None
        else:
            assert decision.due_at is not None
            assert shortest <= (decision.due_at - NOW).total_seconds() <= longest


def test_a_policy_without_retries_gives_up_at_once() -> None:
    never = Policy(transient=(), soft_retries=0)
    assert settle(Outcome(Kind.TRANSIENT), 0, NOW, random.Random(0), never).status == "dead"
    assert settle(Outcome(Kind.SOFT), 0, NOW, random.Random(0), never).status == "bounced_soft"


# kind, seconds asked for, seconds waited; the policy would wait for longer or shorter
ASKED = [
    ("transient", 30.0, 30.0),
    ("transient", 7200.0, 7200.0),
    ("soft", 60.0, 60.0),
    ("throttle", 90.0, 90.0),
    ("throttle", 7200.0, 7200.0),
    ("not_attempted", 5.0, 5.0),
    ("throttle", 0.0, 1.0),
    ("throttle", -5.0, 1.0),
    ("throttle", 1e300, 86_400.0),
]


@pytest.mark.parametrize(("kind", "asked", "waited"), ASKED)
def test_the_time_that_a_server_names_is_kept(kind: str, asked: float, waited: float) -> None:
    due = decide(Outcome(Kind(kind), retry_after_seconds=asked), 0, NOW, random.Random(1))
    assert due == NOW + timedelta(seconds=waited)


def test_asking_for_patience_gives_no_more_tries() -> None:
    dead = settle(Outcome(Kind.TRANSIENT, retry_after_seconds=60), 3, NOW, random.Random(1))
    assert (dead.status, dead.due_at) == ("dead", None)


@pytest.mark.parametrize(("slot", "due"), [(60, 600), (1200, 1200)])
def test_a_reserved_time_is_never_earlier_than_the_server_asked(slot: int, due: int) -> None:
    outcome = Outcome(Kind.THROTTLE, retry_after_seconds=600)
    found = settle(outcome, 0, NOW, random.Random(1), DEFAULT, due_at=NOW + timedelta(seconds=slot)).due_at
    assert found == NOW + timedelta(seconds=due)
