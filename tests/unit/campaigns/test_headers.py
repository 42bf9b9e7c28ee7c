"""Senders and header lines: nothing can be smuggled into the head of a message."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.models import Campaign
from campaigns.services.headers import Sender, SenderInvalid, check_headers, parse_sender


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Anna <Anna@Example.com>", Sender("Anna", "anna@example.com")),
        ("anna@example.com", Sender("", "anna@example.com")),
        ("<anna@example.com>", Sender("", "anna@example.com")),
        (' "Shop, \\"the\\" best"  < anna@example.com > ', Sender('Shop, "the" best', "anna@example.com")),
        ("Ünïcode 日本 <anna@exämple.com>", Sender("Ünïcode 日本", "anna@xn--exmple-cua.com")),
    ],
)
def test_a_sender_is_a_name_and_an_address(text: str, expected: Sender) -> None:
    assert parse_sender(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "Anna", "Anna <>", "Anna <anna>", "a <b@example.com> c", "Anna <a@example.com>, Ben <b@example.com>",
     "Anna\r\nBcc: x@example.com <anna@example.com>", "anna@example.com\n", "A\x00 <anna@example.com>",
     "A <anna@example.com\u2028>", "\udcff <anna@example.com>"],
)  # fmt: skip
def test_what_is_no_sender_gets_the_cure(text: str) -> None:
    with pytest.raises(SenderInvalid, match=r"write it as Name <name@example\.com>"):
        parse_sender(text)


def campaign(**fields: Any) -> Campaign:
    return Campaign(**{"name": "Spring", "subject": "Hello", "from_email": "anna@example.com", "body": "x", **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": " "}, "Error in the campaign: the campaign has no name"),
        ({"name": "x" * 201}, "Error in the campaign: the name has 201 characters; at most 200 are allowed"),
        ({"subject": "Hello\r\nBcc: x@example.com"}, "the subject must be one line"),
        ({"subject": "x" * 401}, "the subject has 401 characters"),
        ({"from_name": "Anna\nX-Evil: 1"}, "Error in the sender: the sender's name must be one line"),
        ({"preheader": "\udcff"}, "the preheader must be one line"),
        ({"from_email": ""}, "Error in the sender: the from address is missing"),
        ({"from_email": "anna@example.com\n"}, "the from address has a line break"),
        ({"reply_to": "x"}, "the reply-to address 'x' cannot be used"),
        ({"priority": 10}, "the priority is 10: it must be from 0 to 9"),
        ({"body": "ab\nc\x00"}, "Error in the body, line 2, column 2: there is a NUL or a broken character here"),
    ],
)
def test_a_bad_header_is_an_error_at_its_part(fields: dict[str, Any], message: str) -> None:
    errors = [str(problem) for problem in check_headers(campaign(**fields))]
    assert len(errors) == 1
    assert message in errors[0]


def test_a_good_head_has_no_problem() -> None:
    assert list(check_headers(campaign(reply_to="help@example.com", from_name="Ünïcode"))) == []
