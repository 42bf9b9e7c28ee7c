"""A campaign through each ESP by the real worker path: launch, lease, claim, send, record."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest

from bench.esp_server import EspServer, Fault
from campaigns.models import Campaign, Lead, Suppression
from delivery import launch, message_sender, numbers, send
from delivery.models import Batch, Email, Message, Provider
from delivery.transactional import queue_message

ALL = ("ses", "sendgrid", "mailgun", "postmark", "brevo", "resend", "mailjet")
MakeCampaign = Callable[..., Campaign]


def send_all(campaign: Campaign) -> numbers.Numbers:
    assert launch.launch_campaign(campaign_id=campaign.pk)
    for batch_id in Batch.objects.filter(campaign=campaign).order_by("seq").values_list("pk", flat=True):
        send.send_batch(batch_id)
    found = numbers.campaign_numbers(campaign.pk)
    assert found.adds_up
    assert found == numbers.recount(campaign.pk)
    return found


@pytest.mark.parametrize("kind", ALL)
def test_everybody_gets_exactly_one_message_of_his_own(
    make_campaign: MakeCampaign, server: EspServer, kind: str
) -> None:
    found = send_all(make_campaign(kind, leads=70))

    assert (found.sent, found.audience) == (70, 70)
    assert not server.duplicates
    by_address = {message.recipient: message for message in server.accepted}
    assert len(server.accepted) == len(by_address) == 70
    unsubscribe = {message.headers["List-Unsubscribe"] for message in server.accepted}
    assert len(unsubscribe) == 70
    assert len({message.metadata["token"] for message in server.accepted}) == 70
    for lead in Lead.objects.all():
        message = by_address[lead.email]
        assert message.visible_to == (lead.email,)
        assert message.subject == f"News for {lead.first_name}"
        assert f"Dear {html.escape(lead.first_name, quote=False)} of Zürich" in html_of(message.html)
        assert f"Dear {lead.first_name} of Zürich" in message.text
        assert ("Thank you" in message.html) == bool(lead.attributes.get("vip"))
        address = message.headers["List-Unsubscribe"].strip("<>")
        assert address in message.html
        assert headers_of(message.headers)["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
        assert "feedback-id" in headers_of(message.headers)
    ids = dict(Email.objects.values_list("lead_id", "esp_message_id"))
    assert all(ids.values())


def html_of(text: str) -> str:
    return text.replace("&#39;", "'").replace("&#x27;", "'")


def headers_of(headers: object) -> dict[str, str]:
    return {name.lower(): value for name, value in dict(headers).items()}  # type: ignore[call-overload]


@pytest.mark.parametrize("kind", ALL)
def test_one_refused_recipient_costs_nobody_else_his_message(
    make_campaign: MakeCampaign, server: EspServer, kind: str
) -> None:
    server.refusals["lead3@*"] = "invalid"

    found = send_all(make_campaign(kind, leads=12))

    assert (found.sent, found.bounced) == (11, 1)
    assert not server.duplicates
    assert Suppression.objects.get().value == "lead3@example.com"


def test_a_throttled_account_is_waited_for(make_campaign: MakeCampaign, server: EspServer) -> None:
    server.faults.append(Fault("status", status=429, headers={"Retry-After": "120"}))

    found = send_all(make_campaign("mailgun", leads=6))

    assert (found.sent, found.unknown) == (0, 0)
    assert found.deferred + found.pending == 6
    assert set(Email.objects.values_list("tries", flat=True)) <= {0}
    assert not server.accepted


@pytest.mark.parametrize("kind", ["sendgrid", "postmark"])
def test_an_answer_that_does_not_come_leaves_unknowns_and_no_second_request(
    make_campaign: MakeCampaign, server: EspServer, kind: str, settings: Any
) -> None:
    server.faults.append(Fault("accept_and_hang"))
    settings.LEASE_SECONDS = 1.5  # the read time-out follows from it

    found = send_all(make_campaign(kind, leads=4))

    assert (found.unknown, found.sent) == (4, 0)
    assert len(server.asked) == 1
    assert not server.duplicates


def test_a_wrong_key_costs_nobody_his_message(make_campaign: MakeCampaign, server: EspServer) -> None:
    campaign = make_campaign("resend", leads=4)
    server.api_key = "another"

    found = send_all(campaign)

    assert (found.sent, found.unknown, found.failed, found.bounced) == (0, 0, 0, 0)
    assert set(Email.objects.values_list("tries", flat=True)) <= {0}


@pytest.mark.parametrize("broken", [{"options": {"api_url": ""}}, {"sealed_credentials": "broken"}])
def test_settings_that_cannot_be_used_cost_nobody_his_message(
    make_campaign: MakeCampaign, server: EspServer, broken: dict[str, Any]
) -> None:
    campaign = make_campaign("mailgun", leads=4)
    Provider.objects.update(**broken)

    found = send_all(campaign)

    assert (found.sent, found.unknown, found.failed) == (0, 0, 0)
    assert not server.asked


def test_what_a_throttled_esp_did_not_take_leaves_by_another_provider(
    make_campaign: MakeCampaign, make_provider: Callable[..., Provider], server: EspServer
) -> None:
    campaign = make_campaign("postmark", leads=10)
    with EspServer(faults=[Fault("status", status=401, body={"ErrorCode": 10, "Message": "no"})]) as broken:
        make_provider("brevo", options={"api_url": broken.url("brevo")})
        found = send_all(campaign)

    assert (found.sent, found.unknown) == (10, 0)
    assert {message.esp for message in server.accepted} == {"postmark"}


# --- transactional --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ALL)
def test_transactional_messages_leave_by_an_esp(
    make_provider: Callable[..., Provider], server: EspServer, kind: str
) -> None:
    make_provider(kind)
    # two of the same text to the same person: one call with a value for each address could not hold both
    for number in (1, 2, 3):
        to = "ada@example.com" if number < 3 else "grace@example.com"
        queue_message(to=to, subject="Order {{ data.n }}", html="<p>No {{ data.n }}</p>", data={"n": number})

    assert message_sender.send_due() == 3

    assert not server.duplicates
    assert sorted((one.recipient, one.subject) for one in server.accepted) == [
        ("ada@example.com", "Order 1"),
        ("ada@example.com", "Order 2"),
        ("grace@example.com", "Order 3"),
    ]
    assert all(one.visible_to == (one.recipient,) for one in server.accepted)
    assert set(Message.objects.values_list("status", flat=True)) == {"sent"}


def test_a_message_that_cannot_be_rendered_fails_alone(
    make_provider: Callable[..., Provider], server: EspServer
) -> None:
    make_provider("postmark")
    for number in (1, 0):
        html_text = "<p>{{ 10 | divided_by: data.n }}</p>"
        queue_message(to=f"lead{number}@example.com", subject="Share", html=html_text, data={"n": number})

    message_sender.send_due()

    assert dict(Message.objects.values_list("to_address", "status")) == {
        "lead1@example.com": "sent",
        "lead0@example.com": "failed",
    }
    assert len(server.accepted) == 1
