"""Providers, pools and test sends in the admin; the servers are real ones on loopback."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bench.sink import Options, Sink
from campaigns import crypto
from delivery.models import Message, Pool, PoolMember, Provider, ProviderUsage, ReplyRule
from delivery.providers import endpoint_of
from tests.people import a_campaign, a_lead, boss, somebody

pytestmark = pytest.mark.django_db
ADD = "/admin/delivery/provider/add/"


@pytest.fixture
def client() -> Client:
    return boss()


@pytest.fixture
def guarded_sink() -> Iterator[Sink]:
    with Sink(Options(users={"mailer": "right"})) as running:
        yield running


def typed(**changes: Any) -> dict[str, Any]:
    fields = {
        "name": "Relay", "kind": "smtp", "host": "smtp.example.com", "port": "587", "security": "starttls",
        "username": "mailer", "password": "s3cret", "local_address": "", "max_connections": "20",
        "rate_per_second": "", "rate_per_hour": "", "rate_per_day": "", "group_limits-TOTAL_FORMS": "0",
        "group_limits-INITIAL_FORMS": "0",
    }  # fmt: skip
    return {**fields, **changes}


def change(provider: Provider) -> str:
    return reverse("admin:delivery_provider_change", args=[provider.pk])


def test_a_new_provider_stands_in_the_default_pools_with_its_password_sealed(client: Client) -> None:
    client.post(ADD, typed())

    provider = Provider.objects.get()
    assert provider.credentials == {"password": "s3cret"}
    assert "s3cret" not in provider.sealed_credentials
    assert {pool.stream for pool in provider.pools.all()} == set(Pool.Stream.values)


def test_the_password_never_comes_out_again(client: Client) -> None:
    client.post(ADD, typed())

    assert "s3cret" not in client.get(change(Provider.objects.get())).content.decode()


def test_a_mistake_in_the_form_does_not_give_the_password_back(client: Client) -> None:
    assert "s3cret" not in client.post(ADD, typed(port="99999")).content.decode()


def test_an_empty_password_keeps_the_stored_one_and_a_new_one_replaces_it(client: Client) -> None:
    client.post(ADD, typed())
    provider = Provider.objects.get()

    client.post(change(provider), typed(password="", name="Other"))
    provider.refresh_from_db()
    assert (provider.name, provider.credentials) == ("Other", {"password": "s3cret"})

    client.post(change(provider), typed(password="n3wer"))
    provider.refresh_from_db()
    assert provider.credentials == {"password": "n3wer"}

    client.post(change(provider), typed(username="", password=""))
    provider.refresh_from_db()
    assert provider.credentials == {}


def test_the_password_is_not_sent_to_a_server_that_was_changed_without_it(client: Client) -> None:
    client.post(ADD, typed())
    provider = Provider.objects.get()

    page = client.post(change(provider), typed(password="", host="elsewhere.example"))

    assert "typed again" in " ".join(page.context["adminform"].form.errors["password"])
    assert client.post(change(provider), typed(password="n3wer", host="elsewhere.example")).status_code == 302
    provider.refresh_from_db()
    assert (provider.host, provider.credentials) == ("elsewhere.example", {"password": "n3wer"})


def test_settings_of_the_command_line_survive_an_edit(client: Client) -> None:
    client.post(ADD, typed())
    provider = Provider.objects.get()
    provider.credentials = {**provider.credentials, "verify": "no"}
    provider.save()

    client.post(change(provider), typed(password=""))

    provider.refresh_from_db()
    assert provider.credentials == {"password": "s3cret", "verify": "no"}


def test_a_password_that_no_key_opens_can_be_typed_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.post(ADD, typed())
    provider = Provider.objects.get()
    Provider.objects.update(sealed_credentials="broken")

    assert "needs its password" in client.post(change(provider), typed(password="")).content.decode()
    tested = client.post(reverse("admin:delivery_provider_test", args=[provider.pk]), follow=True).content.decode()
    assert "type the password again" in tested
    client.post(change(provider), typed(password="again"))

    provider.refresh_from_db()
    assert crypto.unseal(provider.sealed_credentials) == {"password": "again"}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("host", "", "name of the server"),
        ("host", "smtp://smtp.example.com", "only"),
        ("host", "me@example.com", "only"),
        ("port", "0", "greater than or equal to 1"),
        ("password", "", "needs its password"),
        ("username", "", "needs a user name"),
        ("local_address", "here", "valid IPv4 or IPv6"),
        ("max_connections", "0", "greater than or equal to 1"),
    ],
)
def test_a_mistake_is_told_at_its_field(client: Client, field: str, value: str, words: str) -> None:
    response = client.post(ADD, typed(**{field: value}))

    assert words in " ".join(response.context["adminform"].form.errors[field])


def test_before_a_provider_is_deleted_its_numbers_are_counted_and_not_listed(client: Client) -> None:
    client.post(ADD, typed())
    provider = Provider.objects.get()
    hours = [timezone.now() - timedelta(hours=number) for number in range(1_200)]
    ProviderUsage.objects.bulk_create(ProviderUsage(provider=provider, hour=hour) for hour in hours)
    ReplyRule.objects.create(name="ours", outcome="block", codes="550", reason="Blocked.", provider=provider)
    address = reverse("admin:delivery_provider_delete", args=[provider.pk])

    page = client.get(address).content.decode()

    assert "1,200 provider usages" in page
    assert len(page) < 200_000
    without_rules = somebody("", "delivery.delete_provider", "delivery.view_provider")
    assert "reply rule" in without_rules.get(address).content.decode()
    assert without_rules.post(address, {"post": "yes"}).status_code == 403
    client.post(address, {"post": "yes"})
    assert not Provider.objects.exists()
    assert not ProviderUsage.objects.exists()


# --- test connection ------------------------------------------------------------------------------------------------
def probe_page(client: Client, **fields: Any) -> str:
    provider = Provider(name="Tested", security="plain", **{key: v for key, v in fields.items() if key != "password"})
    provider.credentials = {"password": fields["password"]} if "password" in fields else {}
    provider.save()
    address = reverse("admin:delivery_provider_test", args=[provider.pk])
    return client.post(address, follow=True).content.decode()


def test_a_server_that_answers_is_described(client: Client) -> None:
    with Sink(Options()) as sink:
        page = probe_page(client, host="127.0.0.1", port=sink.port)

    assert "The server answers:" in page
    assert "ms for each command" in page
    assert "The session is not encrypted; no log-in asked for." in page
    assert "It takes commands in one go (PIPELINING), one message at a time (no CHUNKING)," in page


def test_a_relay_that_takes_several_messages_at_once_is_described_whether_or_not_it_is_used(client: Client) -> None:
    with Sink(Options(chunking=True)) as sink:
        page = probe_page(client, host="127.0.0.1", port=sink.port, chunking=False)

    assert "It takes several messages at once (PIPELINING and CHUNKING) and messages of up to 105 MB." in page


def test_a_wrong_password_is_told_with_the_servers_reply(client: Client, guarded_sink: Sink) -> None:
    page = probe_page(client, host="127.0.0.1", port=guarded_sink.port, username="mailer", password="wrong")

    assert "Tested does not work yet" in page
    assert "535" in page
    assert "password" in page


def test_the_right_password_logs_in(client: Client, guarded_sink: Sink) -> None:
    page = probe_page(client, host="127.0.0.1", port=guarded_sink.port, username="mailer", password="right")

    assert "not encrypted; logged in (it takes" in page
    assert "PLAIN" in page


def test_an_unreachable_host_is_told_with_its_address(client: Client) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    page = probe_page(client, host="127.0.0.1", port=port)

    assert "does not work yet" in page
    assert str(port) in page


def test_a_provider_without_a_host_is_told_what_is_missing(client: Client) -> None:
    assert "host is missing" in probe_page(client)


# --- pausing, pools -------------------------------------------------------------------------------------------------
def test_a_provider_is_paused_and_activated_by_dialogs(client: Client) -> None:
    client.post(ADD, typed())
    provider = Provider.objects.get()

    moves = (
        ("drain", "draining"),
        ("activate", "active"),
        ("drain", "draining"),
        ("pause", "paused"),
        ("activate", "active"),
    )
    for name, state in moves:
        address = reverse(f"admin:delivery_provider_{name}", args=[provider.pk])
        assert address in client.get(change(provider)).content.decode()
        client.post(address, {"_form_submitted": "1"})
        provider.refresh_from_db()
        assert provider.state == state


def test_viewing_a_provider_shows_no_form_for_its_password() -> None:
    provider = Provider.objects.create(name="Relay", host="smtp.example.com")

    page = somebody("", "delivery.view_provider").get(change(provider)).content.decode()

    assert "smtp.example.com" in page
    assert 'type="password"' not in page
    assert "Test connection" not in page


def test_a_pool_takes_members_with_tier_and_weight(client: Client) -> None:
    provider = Provider.objects.create(name="Relay", host="smtp.example.com")
    client.post(
        reverse("admin:delivery_pool_add"),
        {
            "name": "Fast", "stream": "marketing", "selection": "weighted", "members-TOTAL_FORMS": "1",
            "members-INITIAL_FORMS": "0", "members-MIN_NUM_FORMS": "0", "members-MAX_NUM_FORMS": "1000",
            "members-0-provider": str(provider.pk),
            "members-0-tier": "2", "members-0-weight": "5",
        },
    )  # fmt: skip

    member = PoolMember.objects.get()
    assert (member.pool.name, member.tier, member.weight) == ("Fast", 2, 5)


# --- test send ------------------------------------------------------------------------------------------------------
def send_test(client: Client, campaign: Any, **fields: str) -> Any:
    address = reverse("delivery_test_send", args=[campaign.pk])
    return client.post(address, {"_form_submitted": "1", **fields}, headers={"HX-Request": "true"})


def test_a_test_goes_to_one_address_with_the_values_of_the_chosen_lead(client: Client) -> None:
    campaign = a_campaign()
    lead = a_lead("grace@example.com", first_name="Grace")

    response = send_test(client, campaign, to="me@Example.com", lead="grace@example.com")

    message = Message.objects.get(to_address="me@example.com")
    assert message.data["lead"]["id"] == lead.pk
    assert response["HX-Redirect"] == reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    campaign.refresh_from_db()
    assert (campaign.state, campaign.audience) == ("draft", 0)


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"to": "nobody"}, "@"), ({"to": "me@example.com", "lead": "x@y.zz"}, "No lead has the address")],
)
def test_a_test_that_cannot_be_sent_says_why_in_the_dialog(client: Client, fields: dict[str, str], words: str) -> None:
    page = send_test(client, a_campaign(), **fields).content.decode()

    assert 'role="dialog"' in page
    assert words in page
    assert not Message.objects.filter(to_address="me@example.com").exists()


def test_a_campaign_with_errors_is_not_test_sent(client: Client) -> None:
    page = send_test(client, a_campaign(body="<mjml></mjml>"), to="me@example.com").content.decode()

    assert "Error in the body" in page
    assert not Message.objects.filter(to_address="me@example.com").exists()


def test_the_dialog_proposes_ones_own_address(client: Client) -> None:
    page = client.get(reverse("delivery_test_send", args=[a_campaign().pk])).content.decode()

    assert 'value="boss@example.com"' in page


def test_several_messages_at_once_can_be_switched_off(client: Client) -> None:
    assert re.search(r'<input[^>]* name="chunking"[^>]* checked', client.get(ADD).content.decode())
    client.post(ADD, typed(chunking="on"))
    provider = Provider.objects.get()
    assert endpoint_of(provider).chunking

    client.post(change(provider), typed())
    provider.refresh_from_db()
    assert not endpoint_of(provider).chunking


# --- by command -------------------------------------------------------------------------------------------------------
def add(*arguments: str) -> Provider:
    call_command("add_provider", "--name", "Relay", "--smtp", "smtp://smtp.example.com:25", *arguments)
    return Provider.objects.get()


def test_limits_and_tier_are_given_by_command() -> None:
    Pool.objects.create(name="Reserve")
    provider = add(
        "--rate", "50/s", "--rate-hour", "9000", "--rate-day", "100000", "--group-rate", "gmail=5/s",
        "--group-rate", "yahoo=60/m", "--tier", "2", "--weight", "3", "--pool", "Reserve",
        "--local-address", "192.0.2.7",
    )  # fmt: skip

    assert (provider.rate_per_second, provider.rate_per_hour, provider.rate_per_day) == (50, 9000, 100_000)
    assert provider.local_address == "192.0.2.7"
    assert dict(provider.group_limits.values_list("mailbox_group", "rate_per_second")) == {"gmail": 5, "yahoo": 1}
    assert [(one.pool.name, one.tier, one.weight) for one in PoolMember.objects.all()] == [("Reserve", 2, 3)]


def test_a_change_by_command_keeps_what_it_does_not_name() -> None:
    assert add().chunking
    add("--rate-day", "100000", "--group-rate", "gmail=5/s", "--tier", "2", "--no-chunking")
    provider = add("--group-rate", "yahoo=1/s")

    assert provider.rate_per_day == 100_000
    assert not provider.chunking
    assert set(provider.group_limits.values_list("mailbox_group", flat=True)) == {"gmail", "yahoo"}
    assert set(PoolMember.objects.values_list("tier", flat=True)) == {2}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--group-rate", "hotmail=5/s"), "'hotmail' is no mailbox group; use one of gmail, yahoo"),
        (("--group-rate", "gmail"), "gmail=5/s"),
        (("--group-rate", "gmail=fast"), "'fast' is not a rate"),
        (("--rate-day", "0"), "greater than or equal to 1"),
        (("--tier", "10"), "less than or equal to 9"),
        (("--local-address", "here"), "valid IPv4 or IPv6"),
    ],
)
def test_a_mistake_by_command_adds_nothing(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        add(*arguments)
    assert not Provider.objects.exists()
    assert not PoolMember.objects.exists()
