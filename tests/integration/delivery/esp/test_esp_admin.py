"""ESP accounts in the admin and on the command line; the ESPs are loopback servers."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from bench.esp_dialects import DIALECTS, Answer
from bench.esp_server import EspServer, Fault
from bench.sink import Options, Sink
from campaigns.addresses import digest
from campaigns.models import Suppression
from delivery.models import Provider
from tests.people import boss, somebody

pytestmark = pytest.mark.django_db
ADD = "/admin/delivery/provider/add/"
ALL = ("ses", "sendgrid", "mailgun", "postmark", "brevo", "resend", "mailjet")


@pytest.fixture
def client() -> Client:
    return boss()


def typed(kind: str, **changes: str) -> dict[str, str]:
    own = {"mailgun": {"domain": "mail.example.com"}, "ses": {"region": "eu-central-1"}}.get(kind, {})
    secrets = {"api_key": "k3y-value"} | ({"secret_key": "s3cret-value"} if kind in ("ses", "mailjet") else {})
    fields = {
        "name": "Account", "kind": kind, "port": "587", "security": "starttls", "max_connections": "20",
        "group_limits-TOTAL_FORMS": "0", "group_limits-INITIAL_FORMS": "0",
    }  # fmt: skip
    return {**fields, **own, **secrets, **changes}


def change(provider: Provider) -> str:
    return reverse("admin:delivery_provider_change", args=[provider.pk])


def saved(server: EspServer, kind: str, **fields: Any) -> Provider:
    options = {"mailgun": {"domain": "mail.example.com"}, "ses": {"region": "eu-central-1"}}.get(kind, {})
    provider = Provider(name="Account", kind=kind, options={"api_url": server.url(kind), **options}, **fields)
    both = {"api_key": server.api_key, "secret_key": server.secret_key}
    provider.credentials = both if kind in ("ses", "mailjet") else {"api_key": server.api_key}
    provider.save()
    return provider


# --- the form -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ALL)
def test_an_account_is_added_with_its_secrets_sealed(client: Client, kind: str) -> None:
    assert client.post(ADD, typed(kind)).status_code == 302

    provider = Provider.objects.get()
    assert provider.credentials["api_key"] == "k3y-value"
    assert "k3y-value" not in provider.sealed_credentials
    assert provider.pools.count() == 2
    page = client.get(change(provider)).content.decode()
    assert "k3y-value" not in page
    assert "s3cret-value" not in page


def test_leaving_a_secret_empty_keeps_it(client: Client) -> None:
    client.post(ADD, typed("mailjet"))
    provider = Provider.objects.get()

    client.post(change(provider), typed("mailjet", name="Other", api_key="", secret_key="n3w"))

    provider.refresh_from_db()
    assert provider.name == "Other"
    assert provider.credentials == {"api_key": "k3y-value", "secret_key": "n3w"}


def test_another_kind_does_not_inherit_secrets(client: Client) -> None:
    client.post(ADD, typed("mailgun"))
    provider = Provider.objects.get()

    page = client.post(change(provider), typed("brevo", api_key=""))

    assert "Brevo needs this" in " ".join(page.context["adminform"].form.errors["api_key"])


def test_the_key_is_not_sent_to_an_address_that_was_changed_without_it(client: Client) -> None:
    client.post(ADD, typed("resend"))
    provider = Provider.objects.get()

    page = client.post(change(provider), typed("resend", api_key="", api_url="https://elsewhere.example/"))

    assert "typed again" in " ".join(page.context["adminform"].form.errors["api_key"])


def test_no_secret_is_sent_to_an_address_that_was_changed_without_it(client: Client) -> None:
    client.post(ADD, typed("mailjet"))
    elsewhere = typed("mailjet", api_key="any", secret_key="", api_url="https://203.0.114.7/")

    page = client.post(change(Provider.objects.get()), elsewhere)

    assert "typed again" in " ".join(page.context["adminform"].form.errors["secret_key"])


@pytest.mark.parametrize("url", ["https://127.0.0.1:8443/", "http://localhost:8080/", "https://169.254.169.254/"])
def test_an_api_address_leads_to_this_machine_only_where_everything_runs_on_it(
    client: Client, settings: Any, url: str
) -> None:
    settings.EMBEDDED = False
    page = client.post(ADD, typed("resend", api_url=url))

    assert page.context["adminform"].form.errors["api_url"]

    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1:8443", "localhost:8080", "169.254.169.254"]
    again = client.post(ADD, typed("resend", api_url=url))
    assert again.status_code == (200 if "169.254" in url else 302)


@pytest.mark.parametrize(
    ("kind", "field", "value", "words"),
    [
        ("mailgun", "domain", "", "Mailgun needs this"),
        ("mailgun", "domain", "https://mail.example.com", "domain only"),
        ("mailgun", "region", "mars", "one of: eu"),
        ("ses", "region", "", "Amazon SES needs this"),
        ("ses", "region", "Frankfurt", "eu-central-1"),
        ("ses", "secret_key", "", "Amazon SES needs this"),
        ("mailjet", "secret_key", "", "Mailjet needs this"),
        ("postmark", "message_stream", "a b", "Only letters"),
        ("brevo", "api_key", "ключ", "no letters beyond ASCII"),
        ("brevo", "api_url", "http://api.example.com/", "https://"),
        ("brevo", "api_url", "api.example.com", "web address"),
        ("brevo", "api_url", "https://[::1", "web address"),
        ("brevo", "api_url", "https://api.example.com:x/", "web address"),
        ("mailjet", "batch_size", "51", "50 recipients a call"),
    ],
)
def test_a_mistake_is_told_at_its_field(client: Client, kind: str, field: str, value: str, words: str) -> None:
    page = client.post(ADD, typed(kind, **{field: value}))

    assert words in " ".join(page.context["adminform"].form.errors[field])


def test_somebody_who_may_only_look_sees_no_secret_and_no_form(server: EspServer) -> None:
    provider = saved(server, "mailgun")

    page = somebody("", "delivery.view_provider").get(change(provider)).content.decode()

    assert "mail.example.com" in page
    assert 'type="password"' not in page
    assert "Send me one" not in page
    assert "Test connection" not in page


# --- test connection ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ALL)
def test_a_key_that_works_is_told_with_the_latency(client: Client, server: EspServer, kind: str) -> None:
    address = reverse("admin:delivery_provider_test", args=[saved(server, kind).pk])

    page = client.post(address, follow=True).content.decode()

    assert "The key works" in page
    assert "ms." in page
    assert not server.accepted


@pytest.mark.parametrize("kind", ALL)
def test_a_key_that_does_not_work_is_told(client: Client, server: EspServer, kind: str) -> None:
    provider = saved(server, kind)
    server.api_key = "another"

    page = client.post(reverse("admin:delivery_provider_test", args=[provider.pk]), follow=True).content.decode()

    assert "does not work yet" in page
    assert "right-key" not in page


def test_a_key_that_may_only_send_works(client: Client, server: EspServer, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = saved(server, "resend")
    answer = Answer(401, {"name": "restricted_api_key", "message": "This API key is restricted to only send emails"})
    monkeypatch.setitem(DIALECTS, "resend", replace(DIALECTS["resend"], check=lambda _esp, _asked: answer))

    page = client.post(reverse("admin:delivery_provider_test", args=[provider.pk]), follow=True).content.decode()

    assert "it may send and nothing else" in page


# --- send me one ----------------------------------------------------------------------------------------------------
def send_one(client: Client, provider: Provider, **fields: str) -> str:
    address = reverse("admin:delivery_provider_send_one", args=[provider.pk])
    given = {"_form_submitted": "1", "to": "me@example.com", "sender": "Test <test@mail.example.com>", **fields}
    return client.post(address, given, follow=True).content.decode()


@pytest.mark.parametrize("kind", ALL)
def test_one_message_leaves_by_exactly_this_provider(client: Client, server: EspServer, kind: str) -> None:
    page = send_one(client, saved(server, kind))

    assert "accepted the message" in page
    (message,) = server.accepted
    assert (message.esp, message.recipient) == (kind, "me@example.com")
    assert "Account" in message.subject


def test_the_history_says_who_sent_one_and_in_whose_name(client: Client, server: EspServer) -> None:
    provider = saved(server, "resend")

    send_one(client, provider)

    history = client.get(reverse("admin:delivery_provider_history", args=[provider.pk])).content.decode()
    assert "Sent one test message from" in history


def test_one_message_leaves_by_a_relay(client: Client) -> None:
    with Sink(Options()) as sink:
        relay = Provider.objects.create(name="Relay", host="127.0.0.1", port=sink.port, security="plain")
        page = send_one(client, relay)

        assert "Relay accepted the message" in page
        assert [address for address, _ in sink.accepted()] == ["me@example.com"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("status", status=401), "was not handed over"),
        (Fault("status", status=429), "asks us to slow down"),
        (Fault("accept_and_reset"), "It is not known whether"),
        (Fault("status", status=422, body={"message": "Invalid `to` field."}), "refuses me@example.com"),
    ],
)
def test_what_became_of_it_is_told_in_plain_words(client: Client, server: EspServer, fault: Fault, words: str) -> None:
    server.faults.append(fault)

    assert words in send_one(client, saved(server, "resend"))


def test_nothing_is_sent_to_a_suppressed_address(client: Client, server: EspServer) -> None:
    Suppression.objects.create(kind="hash", digest=digest("me@example.com"), reason="complaint")

    assert "suppression list" in send_one(client, saved(server, "brevo"))
    assert not server.asked


def test_the_dialog_proposes_ones_own_address_and_the_accounts_domain(client: Client, server: EspServer) -> None:
    address = reverse("admin:delivery_provider_send_one", args=[saved(server, "mailgun").pk])

    page = client.get(address).content.decode()

    assert 'value="boss@example.com"' in page
    assert 'value="test@mail.example.com"' in page


def test_somebody_who_may_only_look_sends_nothing(server: EspServer) -> None:
    address = reverse("admin:delivery_provider_send_one", args=[saved(server, "mailgun").pk])

    assert somebody("", "delivery.view_provider").post(address, {"to": "me@example.com"}).status_code == 403
    assert not server.asked


# --- the command ----------------------------------------------------------------------------------------------------
def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("add_provider", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_adds_an_account_and_says_whether_its_key_works(server: EspServer) -> None:
    options = ["--option", "domain=mail.example.com", "--option", f"api_url={server.url('mailgun')}"]

    number = run("--name", "MG", "--esp", "mailgun", "--api-key", server.api_key, *options, "--check")

    provider = Provider.objects.get(pk=int(number))
    assert (provider.kind, provider.options["domain"]) == ("mailgun", "mail.example.com")
    assert provider.pools.count() == 2


def test_the_command_takes_secrets_from_the_environment_and_from_standard_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MASSMAILER_ESP_KEY", "from-environment")
    monkeypatch.setattr("sys.stdin", io.StringIO("from-stdin\n"))

    run("--name", "MJ", "--esp", "mailjet", "--api-secret", "-")

    assert Provider.objects.get().credentials == {"api_key": "from-environment", "secret_key": "from-stdin"}


def test_the_command_run_again_without_a_key_keeps_it() -> None:
    run("--name", "PM", "--esp", "postmark", "--api-key", "token")
    run("--name", "PM", "--esp", "postmark", "--option", "message_stream=broadcast", "--recipients", "200")

    provider = Provider.objects.get()
    assert provider.credentials == {"api_key": "token"}
    assert (provider.batch_size, provider.options) == (200, {"message_stream": "broadcast"})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--esp", "mailgun", "--api-key", "x"], "domain: Mailgun needs this"),
        (["--esp", "brevo"], "api_key: Brevo needs this"),
        (["--esp", "brevo", "--api-key", "x", "--option", "colour=red"], "no option 'colour'"),
        (["--esp", "brevo", "--api-key", "x", "--option", "colour"], "NAME=VALUE"),
    ],
)
def test_the_command_names_what_is_wrong(arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run("--name", "A", *arguments)
    assert not Provider.objects.exists()
