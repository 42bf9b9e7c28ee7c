"""Retry policies in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from delivery.engine.retry import DEFAULT, Policy
from delivery.retry_words import describe, parse_waits, spoken, written


def said(policy: Policy) -> dict[str, str]:
    return {line.failure: line.then for line in describe(policy)}


def test_the_usual_policy_in_words() -> None:
    assert said(DEFAULT) == {
        "Temporary failure, greylisting": "tried again after about 10 min, 1 h, 6 h, then dead letter",
        "Mailbox full": "tried again every 4 h, 3 times, then soft bounce",
        "Throttled by the receiver": "tried again after 10 min or a little more, as often as need be; counts as no try",
        "Blocked by policy or reputation": "tried by another provider of the pool after 10 min, once, then failed",
        "Not attempted": "tried again after about 1 min; counts as no try",
        "Hard bounce, content refused": "never tried again",
        "No answer after the handover": "unknown: never tried again by itself, a person decides",
    }


def test_a_policy_that_gives_up_at_once_says_so() -> None:
    words = said(Policy(transient=(), soft_retries=0, block_retries=0))
    assert words["Temporary failure, greylisting"] == "dead letter at once"
    assert words["Mailbox full"] == "soft bounce at once"
    assert words["Blocked by policy or reputation"] == "failed at once"


SPANS = [
    (45, "45 s"), (60, "1 min"), (5400, "1 h 30 min"), (86_400, "1 day"), (2 * 86_400 + 3600, "2 days 1 h"),
]  # fmt: skip


@pytest.mark.parametrize(("seconds", "words"), SPANS)
def test_a_wait_is_said_as_people_say_it(seconds: int, words: str) -> None:
    assert spoken(timedelta(seconds=seconds)) == words


WAITS = [
    ("10, 60, 360", [10, 60, 360], "10 min, 1 h, 6 h"),
    ("10 min, 1h, 2 d", [10, 60, 2880], "10 min, 1 h, 2 d"),
    (" 90 ,", [90], "90 min"),
    ("", [], ""),
]


@pytest.mark.parametrize(("text", "minutes", "again"), WAITS)
def test_waits_are_read_and_written(text: str, minutes: list[int], again: str) -> None:
    assert parse_waits(text) == minutes
    assert written(minutes) == again
    assert parse_waits(again) == minutes


@pytest.mark.parametrize("text", ["soon", "10, x", "-5", "1.5 h", "10 weeks", "12345678"])
def test_what_is_no_wait_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no wait"):
        parse_waits(text)
