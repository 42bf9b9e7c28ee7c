"""Sending domains in the admin, from the first key to a signed campaign; DNS is a real server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from delivery import domain_keys, domains
from delivery.models import Pool, Provider, SendingDomain
from delivery.preflight import check_sending_domain
from massmailer.doctor.domains import sending_domains
from tests.dns_server import DnsServer
from tests.people import a_campaign, boss, somebody

pytestmark = pytest.mark.django_db
ADD = "/admin/delivery/sendingdomain/add/"
LIST = "/admin/delivery/sendingdomain/"


@pytest.fixture
def client() -> Client:
    return boss()


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[DnsServer]:
    """What this machine's resolver answers from; at first nothing."""
    with DnsServer() as server:
        monkeypatch.setattr("delivery.engine.dns.check.system_resolver", server.resolver)
        yield server


@pytest.fixture
def domain() -> SendingDomain:
    return SendingDomain.objects.create(domain="acme.example")


def change(domain: SendingDomain) -> str:
    return reverse("admin:delivery_sendingdomain_change", args=[domain.pk])


def act(client: Client, domain: SendingDomain, name: str, **fields: str) -> str:
    """Answer a dialog of the domain's page; what comes back."""
    address = reverse(f"admin:delivery_sendingdomain_{name}", args=[domain.pk])
    return client.post(address, {"_form_submitted": "1", **fields}, follow=True).content.decode()


def check_dns(client: Client, domain: SendingDomain) -> str:
    address = reverse("admin:delivery_sendingdomain_dns", args=[domain.pk])
    return client.post(address, follow=True).content.decode()


def publish(zone: DnsServer, domain: SendingDomain) -> None:
    """Put the records of all keys into DNS."""
    domain.refresh_from_db()
    for record in domain_keys.records(domain):
        zone.txt(record.name, record.value)


def test_a_domain_is_added_in_ascii_and_leads_to_its_page(client: Client) -> None:
    pool = Pool.objects.create(name="Own")
    fields = {"domain": "Bücher.example", "pool": str(pool.pk), "bounce_domain": "Back.Bücher.example"}
    response = client.post(ADD, fields)
    domain = SendingDomain.objects.get()
    assert (domain.domain, domain.bounce_domain) == ("xn--bcher-kva.example", "back.xn--bcher-kva.example")
    assert response["Location"] == change(domain)


@pytest.mark.parametrize("field", ["domain", "bounce_domain"])
def test_what_is_no_domain_is_told_at_its_field(client: Client, field: str) -> None:
    fields = {"domain": "acme.example", "pool": "", "bounce_domain": "", field: "news@acme.example"}
    response = client.post(ADD, fields)
    assert "domain only" in " ".join(response.context["adminform"].form.errors[field])


def test_from_a_key_to_signing_with_what_dns_confirms(client: Client, domain: SendingDomain, zone: DnsServer) -> None:
    page = act(client, domain, "generate_key", with_ed25519="on")
    domain.refresh_from_db()
    record, second = domain_keys.records(domain)
    for text in (record.name, record.value, second.name):
        assert text in page
    assert "PRIVATE KEY" not in page

    assert "was not found in DNS yet" in act(client, domain, "sign_on")
    check_dns(client, domain)
    assert "was not found in DNS yet" in act(client, domain, "sign_on")
    publish(zone, domain)
    assert "matches the key" in check_dns(client, domain)
    act(client, domain, "sign_on")
    domain.refresh_from_db()
    assert domain.is_signing
    assert domain.dns_checked_at is not None

    act(client, domain, "sign_off")
    domain.refresh_from_db()
    assert not domain.is_signing


def test_who_cannot_ask_dns_may_say_that_the_record_is_there(
    client: Client, domain: SendingDomain, zone: DnsServer
) -> None:
    act(client, domain, "generate_key")
    zone.broken.add("*")
    assert "DNS could not be asked" in check_dns(client, domain)
    act(client, domain, "sign_on", is_sure="on")
    domain.refresh_from_db()
    assert domain.is_signing


def test_a_new_key_signs_when_dns_has_its_record(client: Client, domain: SendingDomain, zone: DnsServer) -> None:
    act(client, domain, "generate_key")
    act(client, domain, "sign_on", is_sure="on")
    domain.refresh_from_db()
    old = domain.dkim_selector
    page = act(client, domain, "generate_key")
    assert "until then the old key does" in page
    check_dns(client, domain)
    domain.refresh_from_db()
    assert domain.dkim_selector == old

    publish(zone, domain)
    assert "the new key is confirmed" in check_dns(client, domain)
    domain.refresh_from_db()
    assert domain.dkim_selector > old
    assert not domain_keys.unconfirmed(domain)


def test_the_new_key_is_put_to_use_by_a_person(client: Client, domain: SendingDomain) -> None:
    act(client, domain, "generate_key")
    act(client, domain, "sign_on", is_sure="on")
    act(client, domain, "generate_key")
    act(client, domain, "use_next")
    domain.refresh_from_db()
    assert domain.dkim_selector.endswith("b")
    assert "use_next" not in client.get(change(domain)).content.decode()


def test_silence_takes_no_confirmation_back(client: Client, domain: SendingDomain, zone: DnsServer) -> None:
    act(client, domain, "generate_key")
    publish(zone, domain)
    check_dns(client, domain)
    zone.broken.add("*")
    check_dns(client, domain)
    domain.refresh_from_db()
    assert not domain_keys.unconfirmed(domain)


def test_a_pause_is_shown_and_ended(client: Client, domain: SendingDomain) -> None:
    domains.pause("a@acme.example", datetime.now(UTC) + timedelta(hours=4), "Gmail refuses our signature")
    assert "Paused" in client.get(LIST).content.decode()
    assert "Gmail refuses our signature" in client.get(change(domain)).content.decode()
    act(client, domain, "resume")
    domain.refresh_from_db()
    assert domain.paused_until is None
    assert "Gmail refuses our signature" not in client.get(change(domain)).content.decode()


def test_keys_that_no_key_opens_are_told_on_the_page_and_by_the_doctor(client: Client, domain: SendingDomain) -> None:
    act(client, domain, "generate_key")
    act(client, domain, "sign_on", is_sure="on")
    SendingDomain.objects.update(sealed_keys="broken")
    assert "Nothing is sent from this domain until that is cured" in client.get(change(domain)).content.decode()
    (check,) = sending_domains()
    assert (check.state, check.name) == ("fail", "domain acme.example")
    assert "ENCRYPTION_KEYS" in act(client, domain, "generate_key")


def test_the_doctor_names_the_lines_that_are_red(client: Client, domain: SendingDomain, zone: DnsServer) -> None:
    assert sending_domains() == []
    act(client, domain, "generate_key")
    check_dns(client, domain)
    (check,) = sending_domains()
    assert check.state == "warn"
    assert "DKIM mm" in check.detail
    assert "SPF" in check.detail


def test_viewing_shows_records_and_no_buttons(domain: SendingDomain) -> None:
    domain_keys.generate(domain_id=domain.pk, today=datetime.now(UTC).date())
    viewer = somebody("", "delivery.view_sendingdomain")
    page = viewer.get(change(domain)).content.decode()
    assert "_domainkey.acme.example" in page
    assert "Check DNS</button>" not in page
    assert "generate_key" not in page
    address = reverse("admin:delivery_sendingdomain_dns", args=[domain.pk])
    assert viewer.post(address).status_code == 403
    assert boss().get(address).status_code == 405


def test_operators_work_with_domains() -> None:
    assert somebody("Operators").get(ADD).status_code == 200


# --- what a launch is told ------------------------------------------------------------------------------------------
def codes(from_email: str = "news@acme.example") -> list[str]:
    return [problem.code for problem in check_sending_domain(a_campaign(from_email=from_email))]


def test_a_launch_is_warned_of_what_receivers_will_doubt(domain: SendingDomain) -> None:
    provider = Provider.objects.create(name="Relay", host="smtp.example.com")
    pool = Pool.objects.create(name="Own")
    pool.members.create(provider=provider)
    SendingDomain.objects.update(pool=pool)
    now = datetime.now(UTC)
    assert codes("a@else.example") == ["no-sending-domain"]
    assert codes() == ["domain-unsigned", "dns-unchecked"]
    SendingDomain.objects.update(is_signing=True, dns_checked_at=now - timedelta(days=31))
    assert codes("a@news.acme.example") == ["dns-unchecked"]
    SendingDomain.objects.update(dns_checked_at=now, dns_report={"state": "error"}, paused_until=now + timedelta(1))
    assert codes() == ["domain-paused", "dns-error"]
    SendingDomain.objects.update(dns_report={"state": "warning"}, paused_until=now)
    assert codes() == []
    SendingDomain.objects.update(is_signing=False)
    Provider.objects.update(kind="ses")
    assert codes() == [], "an ESP signs by itself"
