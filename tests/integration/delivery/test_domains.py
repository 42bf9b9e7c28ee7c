"""Sending domains: look-up, pools, pauses, and keys from the first to the third."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from campaigns import crypto
from delivery import domain_keys, domains
from delivery.domain_keys import SwitchRefused
from delivery.domains import DomainInvalid
from delivery.engine.dkim_keys import load_key
from delivery.models import CampaignPool, Pool, SendingDomain
from tests.people import a_campaign

pytestmark = pytest.mark.django_db
NOVEMBER, DECEMBER = date(2026, 11, 26), date(2026, 12, 1)
TOMORROW = datetime.now(UTC) + timedelta(days=1)


def a_domain(name: str = "acme.example", **fields: object) -> SendingDomain:
    return SendingDomain.objects.create(domain=name, **fields)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("a@acme.example", "acme.example"),
        ("a@ACME.example", "acme.example"),
        ("a@news.acme.example", "news.acme.example"),
        ("a@x.news.acme.example", "news.acme.example"),
        ("a@other.acme.example", "acme.example"),
        ("a@notacme.example", None),
        ("acme.example", "acme.example"),
    ],
)
def test_the_nearest_row_covers_an_address(address: str, found: str | None) -> None:
    a_domain()
    a_domain("news.acme.example")
    row = domains.find(address)
    assert (row and row.domain) == found


@pytest.mark.parametrize(
    ("text", "domain"),
    [("Acme.Example.", "acme.example"), (" bücher.example ", "xn--bcher-kva.example")],
)
def test_a_domain_is_stored_in_ascii(text: str, domain: str) -> None:
    assert domains.ascii_domain(text) == domain


@pytest.mark.parametrize("text", ["", "acme", "a@acme.example", "https://acme.example", "acme .example", "-a.example"])
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(DomainInvalid):
        domains.ascii_domain(text)


def test_the_campaigns_own_pool_comes_before_its_domains() -> None:
    own, shared = Pool.objects.create(name="Own"), Pool.objects.create(name="Of the domain")
    campaign = a_campaign(from_email="news@acme.example")
    assert domains.pool_for(campaign) is None
    a_domain(pool=shared)
    assert domains.pool_for(campaign) == shared.pk
    CampaignPool.objects.create(campaign=campaign, pool=own)
    assert domains.pool_for(campaign) == own.pk


def is_paused(address: str) -> bool:
    """As a worker that has just read the domains sees it."""
    book = domains.DomainBook()
    book.refresh()
    return book.pause_seconds(address, datetime.now(UTC)) > 0


def test_a_pause_holds_for_the_domain_and_what_it_covers_until_it_ends() -> None:
    a_domain()
    assert not is_paused("a@acme.example")
    assert domains.pause("a@news.acme.example", TOMORROW, "Gmail refuses our DKIM") == "acme.example"
    assert is_paused("a@acme.example")
    domains.pause("a@acme.example", TOMORROW - timedelta(hours=3), "a shorter one")
    row = SendingDomain.objects.get()
    assert (row.paused_until, row.pause_reason) == (TOMORROW, "Gmail refuses our DKIM")
    assert domains.resume("a@acme.example")
    assert not domains.resume("a@acme.example")
    assert not is_paused("a@acme.example")


def test_a_pause_that_is_over_holds_nothing() -> None:
    a_domain(paused_until=datetime.now(UTC) - timedelta(seconds=1))
    assert not is_paused("a@acme.example")


def test_a_domain_nobody_entered_can_be_paused_and_is_seen_then() -> None:
    assert domains.pause("a@new.example", TOMORROW, "refused") == "new.example"
    assert SendingDomain.objects.get().paused_until == TOMORROW


# --- keys -----------------------------------------------------------------------------------------------------------
def test_the_first_key_is_in_use_at_once_and_signs_nothing_before_the_switch() -> None:
    row = a_domain()
    (record,) = domain_keys.generate(domain_id=row.pk, today=NOVEMBER)
    assert record.name == "mm202611a._domainkey.acme.example"
    assert record.value.startswith("v=DKIM1; k=rsa; p=MII")
    with pytest.raises(SwitchRefused, match="mm202611a was not found in DNS"):
        domain_keys.switch_signing(domain_id=row.pk, on=True)
    SendingDomain.objects.update(dns_report={"confirmed": ["mm202611a"]})
    domain_keys.switch_signing(domain_id=row.pk, on=True)
    row.refresh_from_db()
    assert row.is_signing
    assert load_key("s", row.keys["rsa"]).algorithm == "rsa-sha256"


def test_a_domain_without_a_key_cannot_sign_however_sure_one_is() -> None:
    with pytest.raises(SwitchRefused, match="no key yet"):
        domain_keys.switch_signing(domain_id=a_domain().pk, on=True, is_sure=True)


def test_a_domain_whose_key_is_lost_cannot_sign_but_gets_a_new_one() -> None:
    row = a_domain()
    domain_keys.generate(domain_id=row.pk, today=NOVEMBER)
    SendingDomain.objects.update(sealed_keys="broken")
    with pytest.raises(SwitchRefused, match="cannot be opened"):
        domain_keys.switch_signing(domain_id=row.pk, on=True, is_sure=True)
    (record,) = domain_keys.generate(domain_id=row.pk, today=NOVEMBER)
    assert record.selector == "mm202611b"
    SendingDomain.objects.update(is_signing=True, sealed_keys="broken")
    with pytest.raises(crypto.SecretUnreadable):
        domain_keys.generate(domain_id=row.pk, today=NOVEMBER)


def test_while_a_key_is_replaced_the_old_one_signs() -> None:
    row = a_domain()
    domain_keys.generate(domain_id=row.pk, today=NOVEMBER, with_ed25519=True)
    domain_keys.switch_signing(domain_id=row.pk, on=True, is_sure=True)
    made = domain_keys.generate(domain_id=row.pk, today=NOVEMBER, with_ed25519=True)
    assert [record.selector for record in made] == ["mm202611b", "mm202611b-ed25519"]
    row.refresh_from_db()
    assert row.dkim_selector == "mm202611a"
    assert [(record.selector, record.is_next) for record in domain_keys.records(row)] == [
        ("mm202611a", False), ("mm202611a-ed25519", False), ("mm202611b", True), ("mm202611b-ed25519", True),
    ]  # fmt: skip

    assert domain_keys.promote(domain_id=row.pk)
    assert not domain_keys.promote(domain_id=row.pk)
    row.refresh_from_db()
    assert (row.dkim_selector, row.ed25519_selector) == ("mm202611b", "mm202611b-ed25519")
    assert [record.is_next for record in domain_keys.records(row)] == [False, False]
    (third,) = domain_keys.generate(domain_id=row.pk, today=DECEMBER)
    assert third.selector == "mm202612a"


def test_after_the_26th_key_of_a_month_comes_the_27th() -> None:
    row = a_domain(dkim_selector="mm202611z")
    (record,) = domain_keys.generate(domain_id=row.pk, today=NOVEMBER)
    assert record.selector == "mm202611aa"
