"""The pages of what comes back: a provider's webhook, mailboxes, and what is about no e-mail of ours."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from delivery.models import Provider
from delivery.providers import add_provider
from massmailer.doctor.providers import webhooks
from tests.integration.tracking.webhooks import esps
from tests.people import somebody
from tracking.inbound import strays
from tracking.inbound.receive import receive
from tracking.models import MailAccount, StrayEvent, StrayMail, WebhookState
from tracking.webhooks import state
from tracking.webhooks.kinds import KINDS
from tracking.webhooks.secrets import secret_of, set_secret

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(db: None) -> Client:
    return somebody("Operators", csrf=False)


def provider_of(kind: str) -> Provider:
    made = Provider.objects.create(name=f"{kind} account", kind=kind, options={"domain": "mg.example"})
    made.credentials = {"api_key": "kept"}
    made.save()
    return made


def page(provider: Provider, esp: str) -> str:
    return reverse("tracking_esp_webhook", args=[provider.pk, esp])


def page_of(provider: Provider) -> str:
    return reverse("admin:delivery_provider_change", args=[provider.pk])


def test_a_password_is_made_and_shown_once_with_the_address_to_paste(operator: Client, settings: Any) -> None:
    settings.TRACKING_URL = "https://t.sender.example"
    provider = provider_of("postmark")
    assert "shut: no secret" in operator.get(page_of(provider)).text
    response = operator.post(page(provider, "postmark"), {"action": "password"})
    secret = secret_of(Provider.objects.get(), KINDS["postmark"])
    url = f"https://{secret}@t.sender.example/webhooks/postmark/{provider.pk}/tracking/"
    assert url in unescape(response.text)
    assert "no-store" in response.headers["Cache-Control"]
    again = operator.get(page(provider, "postmark")).text
    assert secret.partition(":")[2] not in again
    assert "Bounce" in again
    state.note_event(provider.pk, "postmark")
    shown = operator.get(page_of(provider)).text
    assert "shut: no secret" not in shown
    assert WebhookState.objects.get().last_event_at.strftime("%H:%M") in shown
    # the credentials of the API stand beside it, and a change of the provider keeps both
    assert Provider.objects.get().credentials["api_key"] == "kept"
    operator.post(page(provider, "postmark"), {"action": "shut"})
    assert secret_of(Provider.objects.get(), KINDS["postmark"]) == ""


def test_a_key_goes_in_and_never_comes_out(operator: Client) -> None:
    provider = provider_of("sendgrid")
    refused = operator.post(page(provider, "sendgrid"), {"action": "key", "key": "no key at all"})
    assert "This is not the verification key" in refused.text
    key = esps.SECRETS["sendgrid"]
    framed = f"-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----"
    assert operator.post(page(provider, "sendgrid"), {"action": "key", "key": framed}).status_code == 302
    assert secret_of(Provider.objects.get(), KINDS["sendgrid"]) == key
    assert key not in operator.get(page(provider, "sendgrid")).text


def test_a_relay_may_have_an_esp_behind_it_and_keeps_its_webhook(operator: Client) -> None:
    provider = add_provider(name="relay", url="smtp+starttls://u:p@smtp.example:587")
    assert page(provider, "mandrill") in operator.get(page_of(provider)).text
    set_secret(provider.pk, KINDS["mandrill"], "key")
    add_provider(name="relay", url="smtp+starttls://u:other@smtp.example:587")
    assert secret_of(Provider.objects.get(), KINDS["mandrill"]) == "key"


def test_only_who_may_change_providers_sees_and_sets_secrets(operator: Client) -> None:
    provider = provider_of("postmark")
    viewer = somebody("", "delivery.view_provider")
    assert viewer.get(page(provider, "postmark")).status_code == 200
    assert viewer.post(page(provider, "postmark"), {"action": "password"}).status_code == 403
    assert somebody("Marketers").get(page(provider, "postmark")).status_code == 403
    assert operator.get(page(provider, "brevo")).status_code == 404
    assert operator.get(page(provider, "nonsense")).status_code == 404


def test_what_is_not_ours_can_be_looked_at(operator: Client) -> None:
    provider = provider_of("brevo")
    StrayEvent.objects.create(
        provider=provider, esp="brevo", kind="bounce", reason="about no e-mail of ours", payload='{"<b>": 1}'
    )
    receive(b"From: a@b.example\nSubject: <b>Hello</b>\n\nYou won \xff!", via="pipe")
    for model, row in (("strayevent", StrayEvent.objects.get()), ("straymail", StrayMail.objects.get())):
        assert operator.get(reverse(f"admin:tracking_{model}_changelist")).status_code == 200
        shown = operator.get(reverse(f"admin:tracking_{model}_change", args=[row.pk])).text
        assert "<b>" not in shown
        assert "&lt;b&gt;" in shown


def test_old_and_too_many_strays_go(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "MAX_STRAYS", 3)
    StrayEvent.objects.bulk_create(StrayEvent(esp="brevo", reason=str(n), payload="") for n in range(5))
    StrayEvent.objects.filter(reason="4").update(received_at="2020-01-01T00:00Z")
    assert state.prune_strays() == 3
    assert set(StrayEvent.objects.values_list("reason", flat=True)) == {"2", "3"}


def test_who_writes_without_end_fills_nothing(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strays, "MAX_STRAYS", 5)
    monkeypatch.setattr(strays, "PRUNE_EVERY", 10)
    for number in range(25):
        receive(b"Subject: %d\n\nYou won!" % number, via="smtp")
    assert StrayMail.objects.count() < 16


def test_a_mailbox_keeps_its_password_and_another_server_does_not_get_it(operator: Client) -> None:
    fields = {
        "name": "Bounces", "protocol": "imap", "host": "imap.example", "port": "993", "security": "tls",
        "username": "bounces", "folder": "INBOX", "is_active": "on",
    }  # fmt: skip
    add = reverse("admin:tracking_mailaccount_add")
    assert "Needed." in operator.post(add, fields).text
    assert operator.post(add, {**fields, "password": "secret"}).status_code == 302
    account = MailAccount.objects.get()
    assert (account.password, "secret" in account.sealed_password) == ("secret", False)
    change = reverse("admin:tracking_mailaccount_change", args=[account.pk])
    assert "secret" not in operator.get(change).text
    assert operator.post(change, {**fields, "name": "All bounces"}).status_code == 302
    assert MailAccount.objects.get().password == "secret"
    assert "typed" in operator.post(change, {**fields, "host": "evil.example"}).text
    assert "POP3 cannot" in operator.post(change, {**fields, "protocol": "pop3", "keeps_messages": "on"}).text


def test_the_doctor_names_webhooks_that_tell_nothing(db: None) -> None:
    provider = provider_of("postmark")
    assert "no secret" in webhooks()[0].detail
    set_secret(provider.pk, KINDS["postmark"], "u:p")
    assert "nothing has ever come" in webhooks()[0].detail
    state.note_event(provider.pk, "postmark")
    assert webhooks()[0].state == "ok"
