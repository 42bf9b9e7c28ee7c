"""What an ESP's words mean, as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from delivery.engine.outcome import Kind
from delivery.esp import outcomes
from delivery.esp.account import call_timeouts


@pytest.mark.parametrize(
    ("status", "words", "expected"),
    [
        (400, "'to' parameter is not a valid address. please check documentation", Kind.HARD),
        (400, "Does not contain a valid address.", Kind.HARD),
        (400, "email is not valid in to", Kind.HARD),
        (422, "Invalid `to` field.", Kind.HARD),
        (400, "Invalid 'From' address: 'news'.", Kind.CONTENT),
        (400, "reply_to is not a valid address", Kind.CONTENT),
        (400, "The from address does not match a verified Sender Identity", Kind.NOT_ATTEMPTED),
        (400, "Email address is not verified. The following identities failed the check", Kind.NOT_ATTEMPTED),
        (400, "Your account is suspended", Kind.NOT_ATTEMPTED),
        (402, "not enough credits", Kind.NOT_ATTEMPTED),
        (413, "Request Entity Too Large", Kind.CONTENT),
        (400, "Need at least one of text or html, see the explanation", Kind.CONTENT),
        (404, "Domain not found: mail.example.com", Kind.NOT_ATTEMPTED),
        (418, "a teapot", Kind.UNKNOWN),
    ],
)
def test_a_refusal_is_the_fault_of_whom_it_names(status: int, words: str, expected: Kind) -> None:
    assert outcomes.of_response("ESP", status, {}, words).kind is expected


@pytest.mark.parametrize(
    ("value", "seconds"), [("30", 30.0), ("1.5", 1.5), ("", None), ("soon", None), ("999999", 86_400.0)]
)
def test_retry_after_is_seconds(value: str, seconds: float | None) -> None:
    assert outcomes.of_response("ESP", 429, {"Retry-After": value}, "").retry_after_seconds == seconds


def test_retry_after_is_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)

    found = outcomes.of_response("ESP", 503, {"Retry-After": later}, "").retry_after_seconds

    assert found is not None
    assert 90 < found <= 100


@pytest.mark.parametrize("lease_seconds", [45, 4, 600])
def test_time_outs_end_before_the_lease(lease_seconds: float) -> None:
    connect, read = call_timeouts(lease_seconds)

    # a message may start two thirds of the lease after its claim
    assert connect + read < lease_seconds / 3
    assert (connect, read) <= (3.0, 10.0)
