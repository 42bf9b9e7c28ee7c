"""Pools in the admin, and which pool a campaign leaves by: on its page, by dialog, by command, and when it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from bench.sink import Options, Sink
from campaigns.models import Campaign
from campaigns.services.preflight import preflight
from delivery import launch, pools, send
from delivery.models import Batch, CampaignPool, Email, Pool, PoolMember, Provider, SendingDomain
from delivery.providers import add_provider, default_pool
from tests.people import a_campaign, boss, somebody

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(redis_client: redis.Redis) -> Client:
    return boss()


def relay(name: str, *members: tuple[Pool, int, int], state: str = "active") -> Provider:
    provider = Provider.objects.create(name=name, host="smtp.example.com", state=state)
    for pool, tier, weight in members:
        PoolMember.objects.create(pool=pool, provider=provider, tier=tier, weight=weight)
    return provider


def typed(**changes: str) -> dict[str, Any]:
    fields = {
        "name": "Fast", "stream": "marketing", "selection": "weighted", "is_shared": "on", "members-TOTAL_FORMS": "0",
        "members-INITIAL_FORMS": "0",
    }  # fmt: skip
    return {name: value for name, value in {**fields, **changes}.items() if value}


def page(client: Client, pool: Pool) -> str:
    return client.get(reverse("admin:delivery_pool_change", args=[pool.pk])).content.decode()


def choose(client: Client, campaign: Campaign, pool: Pool | None) -> Any:
    address = reverse("delivery_campaign_pool", args=[campaign.pk])
    typed = {"_form_submitted": "1", "pool": str(pool.pk) if pool else ""}
    return client.post(address, typed, headers={"HX-Request": "true"})


# --- the page of a pool ----------------------------------------------------------------------------------------------
def test_a_pool_shows_its_members_with_tier_share_and_health(client: Client) -> None:
    pool = Pool.objects.create(name="Fast")
    relay("Big relay", (pool, 1, 3))
    relay("Small relay", (pool, 1, 1))
    relay("Resting relay", (pool, 1, 4), state="paused")
    relay("Reserve", (pool, 2, 1))

    shown = page(client, pool)

    assert [part for part in ("75 %", "25 %", "100 %", "Paused") if part in shown] == [
        "75 %",
        "25 %",
        "100 %",
        "Paused",
    ]
    listed = client.get(reverse("admin:delivery_pool_changelist")).content.decode()
    assert "Big relay (tier 1, well)" in listed
    assert "Resting relay (tier 1, paused)" in listed


def test_how_a_pool_chooses_and_whom_it_serves_are_set(client: Client) -> None:
    client.post(reverse("admin:delivery_pool_add"), typed(selection="least_loaded", is_shared=""))

    pool = Pool.objects.get(name="Fast")
    assert (pool.selection, pool.is_shared, pool.is_default) == ("least_loaded", False, False)
    assert "Dedicated" in page(client, pool)


def test_a_new_default_takes_the_place_of_the_old_one(client: Client) -> None:
    old, other_stream = default_pool("marketing"), default_pool("transactional")
    pool = Pool.objects.create(name="Fast")
    address = reverse("admin:delivery_pool_make_default", args=[pool.pk])
    assert address in page(client, pool)

    client.post(address, {"_form_submitted": "1"})

    assert set(Pool.objects.filter(is_default=True)) == {pool, other_stream}
    assert default_pool("marketing") == pool
    assert address not in page(client, pool)
    assert reverse("admin:delivery_pool_make_default", args=[old.pk]) in page(client, old)


def test_a_dedicated_pool_does_not_become_the_default(client: Client) -> None:
    old, pool = default_pool("marketing"), Pool.objects.create(name="Mine", is_shared=False)
    address = reverse("admin:delivery_pool_make_default", args=[pool.pk])
    assert address not in page(client, pool)

    client.post(address, {"_form_submitted": "1"})

    assert default_pool("marketing") == old


@pytest.mark.parametrize(
    ("changes", "field"), [({"is_shared": ""}, "is_shared"), ({"stream": "transactional"}, "stream")]
)
def test_a_stream_keeps_a_shared_default(client: Client, changes: dict[str, str], field: str) -> None:
    pool = default_pool("marketing")
    address = reverse("admin:delivery_pool_change", args=[pool.pk])

    response = client.post(address, typed(name=pool.name, **changes))

    assert field in response.context["adminform"].form.errors
    assert client.post(reverse("admin:delivery_pool_delete", args=[pool.pk]), {"post": "yes"}).status_code == 403


# --- the pool of a campaign ------------------------------------------------------------------------------------------
def test_a_campaign_leaves_by_the_named_pool_else_its_domains_else_the_default() -> None:
    campaign = a_campaign(from_email="news@shop.example")
    usual, dedicated = default_pool("marketing"), Pool.objects.create(name="Shop", is_shared=False)
    named = Pool.objects.create(name="Named")

    assert pools.chosen_pool(campaign) == pools.Chosen(usual, "the default pool")
    SendingDomain.objects.create(domain="shop.example", pool=dedicated)
    assert pools.chosen_pool(campaign) == pools.Chosen(dedicated, "the pool of its sending domain")
    pools.set_campaign_pool(campaign_id=campaign.pk, pool_id=named.pk)
    assert pools.chosen_pool(campaign) == pools.Chosen(named, "chosen for this campaign")
    pools.set_campaign_pool(campaign_id=campaign.pk, pool_id=None)
    assert pools.chosen_pool(campaign).pool == dedicated


@pytest.mark.parametrize("state", ["draft", "sending"])
def test_the_pool_is_chosen_in_a_dialog_and_shown_on_the_page(client: Client, state: str) -> None:
    campaign = a_campaign(state=state)
    pool = Pool.objects.create(name="Quick and dedicated", is_shared=False)
    relay("Quick relay", (pool, 1, 1))
    address = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    assert reverse("delivery_campaign_pool", args=[campaign.pk]) in client.get(address).content.decode()

    assert choose(client, campaign, pool)["HX-Redirect"] == address

    shown = client.get(address).content.decode()
    assert "Quick and dedicated" in shown
    assert "chosen for this campaign: Quick relay" in shown
    assert (
        " selected>Quick and dedicated (dedicated)"
        in client.get(reverse("delivery_campaign_pool", args=[campaign.pk])).content.decode()
    )
    choose(client, campaign, None)
    assert not CampaignPool.objects.exists()


def test_pools_of_other_streams_and_cancelled_campaigns_are_refused(client: Client) -> None:
    campaign, other = a_campaign(), Pool.objects.create(name="Orders", stream="transactional")

    assert "Select a valid choice" in choose(client, campaign, other).content.decode()
    with pytest.raises(pools.PoolRefused, match="marketing"):
        pools.set_campaign_pool(campaign_id=campaign.pk, pool_id=other.pk)
    cancelled = a_campaign(state="cancelled")
    assert "was cancelled" in choose(client, cancelled, None).content.decode()


def test_who_may_not_launch_does_not_choose(redis_client: redis.Redis) -> None:
    campaign, pool = a_campaign(), Pool.objects.create(name="Fast")
    assert choose(somebody("", "campaigns.view_campaign"), campaign, pool).status_code == 403
    assert choose(somebody("Marketers"), campaign, pool).status_code == 200
    assert CampaignPool.objects.get().pool == pool


def test_preflight_looks_at_the_pool_that_would_be_used() -> None:
    campaign = a_campaign(from_email="news@shop.example")
    relay("Usual", (default_pool("marketing"), 1, 1))
    empty = Pool.objects.create(name="Empty")

    def warned() -> bool:
        return any(problem.code == "no-provider" for problem in preflight(campaign))

    assert not warned()
    SendingDomain.objects.create(domain="shop.example", pool=empty)
    assert warned()


@pytest.mark.django_db(transaction=True)
def test_a_campaign_is_launched_into_a_pool_by_command(make_campaign: Callable[..., Campaign]) -> None:
    with Sink(Options()) as other:
        campaign = make_campaign(leads=5)
        Campaign.objects.update(state=Campaign.State.DRAFT)
        pool = Pool.objects.create(name="Other")
        provider = add_provider(name="Other relay", url=f"smtp://127.0.0.1:{other.port}", pools=["Other"])

        with pytest.raises(CommandError, match=r"no marketing pool 'Typo'\. Pools: Default marketing, Other"):
            call_command("launch", str(campaign.pk), "--pool", "Typo")
        campaign.refresh_from_db()
        assert campaign.state == "draft"

        call_command("launch", str(campaign.pk), "--pool", "Other")
        launch.launch_campaign(campaign_id=campaign.pk)
        for batch_id in Batch.objects.values_list("pk", flat=True):
            send.send_batch(batch_id)

        assert len(other.accepted()) == 5
    assert CampaignPool.objects.get().pool == pool
    assert set(Email.objects.values_list("provider_id", flat=True)) == {provider.pk}
