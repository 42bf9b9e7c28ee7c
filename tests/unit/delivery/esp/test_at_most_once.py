"""Each letter leaves in one request, whatever comes back; only proof of non-acceptance allows another attempt."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from bench.esp_server import EspServer, Fault
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp.clock import boottime
from tests.unit.delivery.esp.letters import ALL, make_letters

Deliver = Callable[..., list[Outcome]]


def kinds(outcomes: list[Outcome]) -> set[Kind]:
    return {outcome.kind for outcome in outcomes}


def once(server: EspServer, kind: str, letters: int) -> bool:
    """No letter was in two requests."""
    return len(server.asked) == (letters if kind == "ses" else 1) and not server.duplicates


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("action", ["accept_and_reset", "reset_after"])
def test_a_connection_lost_after_the_request_leaves_unknowns(
    deliver: Deliver, server: EspServer, kind: str, action: Any
) -> None:
    server.faults.append(Fault(action))

    assert kinds(deliver(kind, make_letters(3))) == {Kind.UNKNOWN}
    assert once(server, kind, 3)


@pytest.mark.parametrize("kind", ALL)
def test_a_connection_lost_before_an_answer_proves_nothing(deliver: Deliver, server: EspServer, kind: str) -> None:
    server.faults.append(Fault("reset_before"))

    assert kinds(deliver(kind, make_letters(3))) == {Kind.UNKNOWN}
    assert not server.accepted


@pytest.mark.parametrize("kind", ALL)
def test_no_answer_in_time_leaves_unknowns(deliver: Deliver, server: EspServer, kind: str, settings: Any) -> None:
    server.faults.append(Fault("accept_and_hang"))
    settings.LEASE_SECONDS = 0.9  # the read time-out follows from it

    assert kinds(deliver(kind, make_letters(3))) == {Kind.UNKNOWN}
    assert once(server, kind, 3)


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind != "sendgrid"])
def test_an_answer_that_cannot_be_read_leaves_unknowns(deliver: Deliver, server: EspServer, kind: str) -> None:
    server.faults.append(Fault("garble"))

    assert kinds(deliver(kind, make_letters(3))) == {Kind.UNKNOWN}
    assert once(server, kind, 3)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (500, Kind.UNKNOWN),
        (502, Kind.UNKNOWN),
        (504, Kind.UNKNOWN),
        (302, Kind.UNKNOWN),
        (409, Kind.UNKNOWN),
        (401, Kind.NOT_ATTEMPTED),
        (403, Kind.NOT_ATTEMPTED),
        (404, Kind.NOT_ATTEMPTED),
        (307, Kind.NOT_ATTEMPTED),
        (429, Kind.THROTTLE),
        (503, Kind.THROTTLE),
    ],
)
def test_an_http_error_is_no_more_than_it_proves(
    deliver: Deliver, server: EspServer, kind: str, status: int, expected: Kind
) -> None:
    headers = {"Retry-After": "90", "Location": server.url(kind)}
    server.faults.append(Fault("status", status=status, headers=headers))

    outcomes = deliver(kind, make_letters(2))

    assert kinds(outcomes) == {expected}
    assert once(server, kind, 2)
    assert {outcome.retry_after_seconds for outcome in outcomes} == {90.0 if expected is Kind.THROTTLE else None}


@pytest.mark.parametrize("kind", ALL)
def test_a_host_that_refuses_connections_was_not_attempted(deliver: Deliver, kind: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"

        assert kinds(deliver(kind, make_letters(2), url=url)) == {Kind.NOT_ATTEMPTED}


@pytest.mark.parametrize("kind", ALL)
def test_a_server_that_does_not_speak_tls_was_not_given_anything(
    deliver: Deliver, server: EspServer, kind: str
) -> None:
    url = server.url(kind).replace("http://", "https://")

    outcomes = deliver(kind, make_letters(2), url=url)

    # botocore does not tell at which point TLS failed
    assert kinds(outcomes) == {Kind.UNKNOWN if kind == "ses" else Kind.NOT_ATTEMPTED}
    assert not server.asked


@pytest.mark.parametrize("kind", ALL)
def test_a_letter_whose_time_is_over_is_left_out(deliver: Deliver, server: EspServer, kind: str) -> None:
    letters = make_letters(3)
    letters[1] = letters[1]._replace(deadline=boottime() - 1)

    outcomes = deliver(kind, letters)

    assert [(one.kind, one.rule) for one in outcomes][1] == (Kind.NOT_ATTEMPTED, "late")
    assert sorted(message.recipient for message in server.accepted) == ["lead0@example.com", "lead2@example.com"]


@pytest.mark.parametrize("kind", ["sendgrid", "mailgun", "brevo"])
def test_a_call_refused_for_one_address_is_repeated_letter_by_letter_once(
    deliver: Deliver, server: EspServer, kind: str
) -> None:
    server.refusals["lead1@*"] = "invalid"

    outcomes = deliver(kind, make_letters(4))

    assert [one.kind for one in outcomes] == [Kind.ACCEPTED, Kind.HARD, Kind.ACCEPTED, Kind.ACCEPTED]
    assert len(server.asked) == 5
    assert not server.duplicates


@pytest.mark.parametrize("kind", ["postmark", "resend", "mailjet"])
def test_a_call_answered_one_by_one_is_not_repeated(deliver: Deliver, server: EspServer, kind: str) -> None:
    server.refusals["lead1@*"] = "invalid"

    outcomes = deliver(kind, make_letters(4))

    assert [one.kind for one in outcomes] == [Kind.ACCEPTED, Kind.HARD, Kind.ACCEPTED, Kind.ACCEPTED]
    assert len(server.asked) == 1


def test_a_letter_that_the_answer_does_not_name_is_unknown(deliver: Deliver, server: EspServer) -> None:
    taken = {"ErrorCode": 0, "Message": "OK", "To": "lead0@example.com", "MessageID": "a"}
    server.faults.append(Fault("status", status=200, body=[taken]))

    assert [one.kind for one in deliver("postmark", make_letters(2))] == [Kind.ACCEPTED, Kind.UNKNOWN]


def test_brevo_with_fewer_ids_than_messages_is_unknown_for_all(deliver: Deliver, server: EspServer) -> None:
    server.faults.append(Fault("status", status=201, body={"messageIds": ["<a@b>"]}))

    assert kinds(deliver("brevo", make_letters(2))) == {Kind.UNKNOWN}


def test_resend_gets_a_fresh_idempotency_key_with_each_call(deliver: Deliver, server: EspServer) -> None:
    deliver("resend", make_letters(1))
    deliver("resend", make_letters(1))

    keys = {asked.headers["Idempotency-Key"] for asked in server.asked}
    assert len(keys) == 2


def test_only_the_beginning_of_a_huge_answer_is_read(deliver: Deliver, server: EspServer) -> None:
    server.faults.append(Fault("status", status=400, body={"message": "to " * 1_000_000 + "is not a valid address"}))

    outcomes = deliver("resend", make_letters(1))

    assert kinds(outcomes) == {Kind.CONTENT}
    assert len(outcomes[0].reply) <= 500
