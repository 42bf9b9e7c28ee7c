"""What goes over the wire: one recipient never sees another's address or values."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest

from bench.esp_server import EspServer
from delivery.engine.message import Mailbox
from delivery.engine.outcome import Kind, Outcome
from delivery.esp import planner
from delivery.esp.kinds import KINDS
from tests.unit.delivery.esp.letters import ALL, Field, make_letter, make_letters, make_template

Deliver = Callable[..., list[Outcome]]


@pytest.mark.parametrize("kind", ALL)
def test_each_recipient_sees_only_himself(deliver: Deliver, server: EspServer, kind: str) -> None:
    deliver(kind, make_letters(5))

    assert {message.visible_to for message in server.accepted} == {(f"lead{n}@example.com",) for n in range(5)}
    for message in server.accepted:
        number = message.metadata["token"].removeprefix("t")
        assert message.recipient == f"lead{number}@example.com"
        assert message.subject == f"News for Ada{number}"
        assert message.html.strip() == f"<p>Dear Ada{number}</p>"
        assert message.text.strip() == f"Dear Ada{number}"
        assert message.headers["List-Unsubscribe"] == f"<https://t.example/u/{number}>"


def test_sendgrid_gets_a_personalization_for_each(deliver: Deliver, server: EspServer) -> None:
    deliver("sendgrid", make_letters(3))

    (asked,) = server.asked
    assert [len(one["to"]) for one in asked.json()["personalizations"]] == [1, 1, 1]
    assert asked.json()["tracking_settings"]["click_tracking"] == {"enable": False}


def test_mailgun_gets_variables_for_each(deliver: Deliver, server: EspServer) -> None:
    deliver("mailgun", make_letters(3))

    form = parse_qs(server.asked[0].body.decode())
    assert set(json.loads(form["recipient-variables"][0])) == {f"lead{n}@example.com" for n in range(3)}


@pytest.mark.parametrize(("kind", "place"), [("postmark", "To"), ("resend", "to"), ("mailjet", "To"), ("brevo", "to")])
def test_lists_hold_a_message_for_each(deliver: Deliver, server: EspServer, kind: str, place: str) -> None:
    deliver(kind, make_letters(3))

    body = server.asked[0].json()
    messages = body if isinstance(body, list) else body.get("Messages") or body["messageVersions"]
    assert [str(one[place]).count("@") for one in messages] == [1, 1, 1]
    if kind == "brevo":
        assert "to" not in body
        assert "Ada" not in body["htmlContent"] + body["subject"]


@pytest.mark.parametrize("kind", ALL)
def test_data_that_looks_like_a_placeholder_stays_data(deliver: Deliver, server: EspServer, kind: str) -> None:
    template = make_template()
    hostile = ["%recipient.h:List-Unsubscribe%", "{{ contact.EMAIL }}", "-name-", "{{var:x}}"]

    deliver(kind, [make_letter(number, template, name=name) for number, name in enumerate(hostile)])

    html = {message.recipient: message.html.replace("&#123;", "{") for message in server.accepted}
    for number, name in enumerate(hostile[1:], 1):
        assert name in html[f"lead{number}@example.com"]
    if kind == "brevo":
        for one in server.asked[0].json()["messageVersions"]:
            assert "{{" not in one["htmlContent"] + one["textContent"] + one["subject"]


@pytest.mark.parametrize("kind", ALL)
def test_a_name_cannot_add_a_recipient(deliver: Deliver, server: EspServer, kind: str) -> None:
    template = make_template()
    names = ['Eve" <eve@evil.example>, "', "Eve, eve@evil.example", "Eve\r\nBcc: eve@evil.example", "Ädä (x)", '"\\']

    outcomes = deliver(kind, [make_letter(number, template, name=name) for number, name in enumerate(names)])

    assert {outcome.kind for outcome in outcomes} == {Kind.ACCEPTED}
    assert {message.visible_to for message in server.accepted} == {(f"lead{n}@example.com",) for n in range(5)}
    assert all("Bcc" not in message.headers for message in server.accepted)


@pytest.mark.parametrize("kind", ALL)
def test_two_letters_to_one_address_keep_their_own_values(deliver: Deliver, server: EspServer, kind: str) -> None:
    template = make_template()
    deliver(kind, [make_letter(number, template, address="ada@example.com") for number in (1, 2)])

    assert sorted(message.subject for message in server.accepted) == ["News for Ada1", "News for Ada2"]


@pytest.mark.parametrize("kind", ALL)
def test_a_letter_that_cannot_be_rendered_fails_alone(deliver: Deliver, server: EspServer, kind: str) -> None:
    template = make_template(html_parts=["<p>", Field("name"), Field("extra"), "</p>"])
    letters = [make_letter(n, template, context={} if n == 1 else {"extra": "!"}) for n in range(3)]

    outcomes = deliver(kind, letters)

    assert [one.kind for one in outcomes] == [Kind.ACCEPTED, Kind.RENDER_ERROR, Kind.ACCEPTED]
    assert "extra" in outcomes[1].reply


@pytest.mark.parametrize("kind", ALL)
def test_a_header_that_is_not_allowed_fails_its_letter_alone(deliver: Deliver, kind: str) -> None:
    template = make_template()
    letters = [make_letter(n, template, headers=[("X-A", "b\r\nBcc: x")] if n == 1 else []) for n in range(3)]

    assert [one.kind for one in deliver(kind, letters)] == [Kind.ACCEPTED, Kind.RENDER_ERROR, Kind.ACCEPTED]


# --- limits ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("batch_size", [None, 7, 1, 1000])
def test_a_call_holds_no_more_than_provider_and_esp_take(
    deliver: Deliver, server: EspServer, kind: str, batch_size: int | None
) -> None:
    letters = 8 if kind == "ses" else 110
    outcomes = deliver(kind, make_letters(letters), batch_size=batch_size)

    most = min(batch_size or 50, KINDS[kind].max_recipients)
    assert len(server.asked) == -(-letters // most)
    assert {outcome.kind for outcome in outcomes} == {Kind.ACCEPTED}
    assert len({message.recipient for message in server.accepted}) == letters


def test_values_too_large_for_sendgrid_go_in_a_call_of_their_own(deliver: Deliver, server: EspServer) -> None:
    template = make_template()
    letters = [make_letter(n, template, name="x" * (5_000 if n == 1 else 5)) for n in range(3)]

    outcomes = deliver("sendgrid", letters)

    assert {outcome.kind for outcome in outcomes} == {Kind.ACCEPTED}
    assert len(server.asked) == 2


def test_a_text_in_mailguns_own_syntax_is_sent_as_it_is(deliver: Deliver, server: EspServer) -> None:
    template = make_template(html_parts=["<p>%recipient_email% ", Field("name"), "</p>"])

    deliver("mailgun", [make_letter(n, template) for n in range(2)])

    assert all("recipient-variables" not in parse_qs(asked.body.decode()) for asked in server.asked)
    assert all("%recipient_email%" in message.html for message in server.accepted)


def test_a_call_is_bounded_in_bytes(deliver: Deliver, server: EspServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "REQUEST_BYTES", 8_000)
    letters = make_letters(3, html_parts=["y" * 5_000, Field("name")])

    deliver("postmark", letters)

    assert len(server.asked) == 3


def test_brevo_gets_one_sender_a_call(deliver: Deliver, server: EspServer) -> None:
    one, other = make_template(), make_template(sender=Mailbox("shop@sender.example"))

    deliver("brevo", [make_letter(1, one), make_letter(2, other), make_letter(3, one)])

    assert sorted(message.sender for message in server.accepted) == [
        "news@sender.example", "news@sender.example", "shop@sender.example",
    ]  # fmt: skip


def test_ses_gets_readable_headers(deliver: Deliver, server: EspServer) -> None:
    long = "<https://t.example/u/" + "x" * 120 + ">, <mailto:unsubscribe@b.example?subject=" + "y" * 60 + ">"
    template = make_template(static_headers=[("Feedback-ID", "c1:list-1:bulk:massmailer"), ("Reply-To", "a@b.example")])
    letter = make_letter(1, template, name="Zoë")

    deliver("ses", [letter._replace(head=letter.head._replace(headers=(("List-Unsubscribe", long),)))])

    (message,) = server.accepted
    assert message.headers["List-Unsubscribe"] == long
    raw = base64.b64decode(server.asked[0].json()["Content"]["Raw"]["Data"])
    assert max(len(line) for line in raw.splitlines() if line.startswith(b"Subject")) < 78
    assert message.headers["Reply-To"] == "a@b.example"
    assert message.subject == "News for Zoë"


@pytest.mark.parametrize("kind", ALL)
def test_a_letter_without_headers_or_token_goes_out(deliver: Deliver, server: EspServer, kind: str) -> None:
    letter = make_letter(1, make_template(static_headers=[]), token="")

    (outcome,) = deliver(kind, [letter._replace(head=letter.head._replace(headers=()))])

    assert outcome.kind is Kind.ACCEPTED
    assert len(server.accepted) == 1


def test_headers_that_mailjet_writes_itself_are_left_to_it(deliver: Deliver, server: EspServer) -> None:
    template = make_template(static_headers=[("List-Id", "<list-1.sender.example>"), ("X-Own", "kept")])

    (outcome,) = deliver("mailjet", [make_letter(1, template, headers=[("X-Mailer", "mine")])])

    assert outcome.kind is Kind.ACCEPTED
    assert set(server.accepted[0].headers) == {"X-Own", "List-Unsubscribe"}
