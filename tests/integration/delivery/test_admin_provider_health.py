"""A provider's page: its state, limits, health and warm-up, driven by a client over the real engines."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import redis
from django.test import Client
from django.urls import reverse

from delivery import circuit, provider_health, warm_up
from delivery.models import GroupLimit, Provider, ProviderEvent, ProviderUsage, WarmUp
from delivery.throttle import circuit_key, pace_key
from tests.people import boss, somebody

pytestmark = pytest.mark.django_db
LIST = "/admin/delivery/provider/"


@pytest.fixture
def client(redis_client: redis.Redis) -> Client:
    return boss()


@pytest.fixture
def provider() -> Provider:
    return Provider.objects.create(name="Relay", host="smtp.example.com")


def page_address(provider: Provider) -> str:
    return reverse("admin:delivery_provider_change", args=[provider.pk])


def page(client: Client, provider: Provider) -> str:
    return client.get(page_address(provider)).content.decode()


def post(client: Client, name: str, number: int, **fields: str) -> Any:
    address = reverse(f"admin:{name}", args=[number])
    return client.post(address, {"_form_submitted": "1", **fields}, headers={"HX-Request": "true"})


def used(provider: Provider, group: str = "gmail", **counts: int) -> None:
    hour = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
    ProviderUsage.objects.create(provider=provider, mailbox_group=group, hour=hour, **counts)


def cut_off(client: redis.Redis, provider: Provider, seconds: float = 60) -> None:
    until = dt.datetime.now().timestamp() + seconds
    client.hset(circuit_key(provider.pk), mapping={"state": "open", "until": str(until)})


# --- states and circuits ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "offered"),
    [("active", {"drain", "pause"}), ("draining", {"activate", "pause"}), ("paused", {"activate"})],
)
def test_a_provider_offers_what_its_state_allows(
    client: Client, provider: Provider, state: str, offered: set[str]
) -> None:
    provider.move(state)
    shown = page(client, provider)
    for name in ("activate", "drain", "pause", "try_again"):
        address = reverse(f"admin:delivery_provider_{name}", args=[provider.pk])
        assert (address in shown) == (name in offered)


def test_a_change_of_state_is_an_event_with_who_did_it(client: Client, provider: Provider) -> None:
    post(client, "delivery_provider_drain", provider.pk)
    post(client, "delivery_provider_drain", provider.pk)

    assert [event.text for event in ProviderEvent.objects.all()] == ["The provider takes no new mail. By boss0."]
    assert "The provider takes no new mail. By boss0." in page(client, provider)


def test_a_cut_off_provider_says_so_and_can_be_tried_at_once(
    client: Client, provider: Provider, redis_client: redis.Redis
) -> None:
    cut_off(redis_client, provider)
    for shown in (page(client, provider), client.get(LIST).content.decode()):
        assert "Cut off" in shown

    post(client, "delivery_provider_try_again", provider.pk)

    assert circuit.read([provider.pk])[provider.pk].state == "closed"
    assert "Cut off" not in page(client, provider)


def test_without_redis_the_page_is_shown_without_what_redis_knows(
    client: Client, provider: Provider, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    shown = page(client, provider)

    assert "Redis does not answer" in shown
    assert client.get(LIST).status_code == 200


# --- limits ----------------------------------------------------------------------------------------------------------
def test_limits_of_the_provider_and_of_groups_are_set_on_one_page(client: Client, provider: Provider) -> None:
    client.post(
        page_address(provider),
        {
            "name": "Relay", "kind": "smtp", "host": "smtp.example.com", "port": "587", "security": "starttls",
            "max_connections": "5", "rate_per_second": "12.5", "rate_per_hour": "9000", "rate_per_day": "100000",
            "local_address": "192.0.2.7", "group_limits-TOTAL_FORMS": "2", "group_limits-INITIAL_FORMS": "0",
            "group_limits-0-mailbox_group": "gmail", "group_limits-0-rate_per_second": "5",
            "group_limits-1-mailbox_group": "mimecast", "group_limits-1-rate_per_second": "0.5",
        },
    )  # fmt: skip

    provider.refresh_from_db()
    assert (provider.rate_per_second, provider.rate_per_hour, provider.rate_per_day) == (12.5, 9000, 100_000)
    assert (provider.max_connections, provider.local_address) == (5, "192.0.2.7")
    assert dict(GroupLimit.objects.values_list("mailbox_group", "rate_per_second")) == {"gmail": 5, "mimecast": 0.5}
    assert "12.5 a second, 9,000 an hour, 100,000 a day" in client.get(LIST).content.decode()


def test_a_group_that_nobody_knows_is_refused_and_a_stored_one_stays(client: Client, provider: Provider) -> None:
    limit = GroupLimit.objects.create(provider=provider, mailbox_group="formerly", rate_per_second=1)
    typed = {
        "name": "Relay", "kind": "smtp", "host": "smtp.example.com", "port": "587", "security": "starttls",
        "max_connections": "5", "group_limits-TOTAL_FORMS": "2", "group_limits-INITIAL_FORMS": "1",
        "group_limits-0-id": str(limit.pk), "group_limits-0-provider": str(provider.pk),
        "group_limits-0-mailbox_group": "formerly", "group_limits-0-rate_per_second": "2",
        "group_limits-1-mailbox_group": "hotmail", "group_limits-1-rate_per_second": "1",
    }  # fmt: skip

    assert "Select a valid choice" in client.post(page_address(provider), typed).content.decode()
    client.post(page_address(provider), {**typed, "group_limits-TOTAL_FORMS": "1"})

    limit.refresh_from_db()
    assert (limit.mailbox_group, limit.rate_per_second) == ("formerly", 2)


# --- health ----------------------------------------------------------------------------------------------------------
def test_todays_numbers_stand_by_group_with_who_refuses(client: Client, provider: Provider) -> None:
    used(provider, "gmail", accepted=1234, deferred=5)
    used(provider, "yahoo", accepted=90, throttled=10)
    ProviderUsage.objects.create(
        provider=provider, mailbox_group="apple", hour=dt.datetime.now(dt.UTC) - dt.timedelta(days=2), accepted=77
    )

    health = provider_health.health(provider)
    assert [(row.label, row.total, row.is_troubled) for row in health.groups] == [
        ("gmail", 1239, False), ("yahoo", 100, True),
    ]  # fmt: skip
    assert len(health.hours) == 1
    shown = page(client, provider)
    assert "1,234" in shown
    assert "Refused by yahoo" in shown
    assert "apple" not in shown.partition("Last hours")[0].partition("Today by mailbox group")[2]


def test_a_receivers_wish_for_less_is_shown(client: Client, provider: Provider, redis_client: redis.Redis) -> None:
    used(provider, "gmail", accepted=10)
    used(provider, "yahoo", accepted=10)
    redis_client.hset(pace_key(provider.pk, "gmail"), "rate", "3.5")
    until = dt.datetime.now().timestamp() + 600
    redis_client.hset(pace_key(provider.pk, "yahoo"), mapping={"rate": "1", "until": str(until)})

    shown = page(client, provider)

    assert "Mail to gmail: slowed down to 3.5 a second" in shown
    assert "Mail to yahoo: the receiver asked for silence" in shown


def test_the_newest_twenty_events_are_shown(client: Client, provider: Provider) -> None:
    ProviderEvent.objects.bulk_create(
        ProviderEvent(provider=provider, kind="error", code=421, text=f"event number {number}.") for number in range(25)
    )

    shown = page(client, provider)

    assert "421 event number 24." in shown
    assert "event number 5." in shown
    assert "event number 4." not in shown


@pytest.mark.parametrize(
    ("state", "counts", "words"),
    [
        ("paused", {"accepted": 5}, "Paused"),
        ("draining", {"accepted": 5}, "Draining"),
        ("active", {}, "Well"),
        ("active", {"accepted": 99, "blocked": 1}, "Well"),
        ("active", {"accepted": 90, "blocked": 10}, "Refused by gmail"),
    ],
)
def test_a_glance_says_what_matters_most(
    provider: Provider, redis_client: redis.Redis, state: str, counts: dict[str, int], words: str
) -> None:
    provider.move(state)
    if counts:
        used(provider, **counts)

    assert provider_health.glances([provider])[provider.pk].words == words


def test_an_open_circuit_whose_time_is_over_is_being_tried(provider: Provider, redis_client: redis.Redis) -> None:
    cut_off(redis_client, provider, seconds=-1)
    assert provider_health.glances([provider])[provider.pk].words == "Being tried again"


def test_the_list_asks_the_same_number_of_questions_for_many_providers(
    client: Client, provider: Provider, django_assert_max_num_queries: Any
) -> None:
    for number in range(10):
        Provider.objects.create(name=f"Relay {number}", host="smtp.example.com")
    with django_assert_max_num_queries(12):
        client.get(LIST)


# --- warm-up ---------------------------------------------------------------------------------------------------------
def test_a_plan_begins_with_the_published_ramp_or_own_numbers(client: Client, provider: Provider) -> None:
    dialog = client.get(reverse("admin:delivery_provider_warm_up", args=[provider.pk])).content.decode()
    assert "200, 500, 1000" in dialog

    response = post(client, "delivery_provider_warm_up", provider.pk, mailbox_group="", ramp="1000\n5000, 20000")
    post(client, "delivery_provider_warm_up", provider.pk, mailbox_group="gmail", ramp="50 100")

    assert response["HX-Redirect"] == page_address(provider)
    assert dict(WarmUp.objects.values_list("mailbox_group", "ramp")) == {"": [1000, 5000, 20000], "gmail": [50, 100]}
    assert {one.limit.key: one.amount for one in warm_up.ceilings(provider)} == {
        f"warm:{provider.pk}": 1000,
        f"warm:{provider.pk}:gmail": 50,
    }
    left = client.get(reverse("admin:delivery_provider_warm_up", args=[provider.pk])).content.decode()
    assert 'value="gmail"' not in left
    assert 'value="yahoo"' in left


@pytest.mark.parametrize(
    ("ramp", "words"),
    [
        ("", "required"),
        ("many", "“many” is no number"),
        ("200, -5", "“-5” is no number"),
        ("0, 5", "one e-mail at least"),
        ("500, 200", "200 is less than the day before"),
        (" ".join(["1"] * 101), "100 at most"),
    ],
)
def test_a_ramp_that_is_none_is_told_in_the_dialog(client: Client, provider: Provider, ramp: str, words: str) -> None:
    shown = post(client, "delivery_provider_warm_up", provider.pk, mailbox_group="", ramp=ramp).content.decode()

    assert words in shown
    assert not WarmUp.objects.exists()


def test_the_page_says_what_a_plan_allows_and_what_is_used(client: Client, provider: Provider) -> None:
    warm_up.start(provider_id=provider.pk, mailbox_group="", ramp=[1000, 2000], by="ops")
    used(provider, accepted=250)

    shown = page(client, provider)

    assert 'value="25"' in shown
    assert ">2,000</td>" in shown
    # two days of the ramp, seven by a fifth, 51 by a tenth
    assert ">60 days</td>" in shown
    assert "Warm-up for all mailboxes: begins at 1,000 a day. By ops." in shown


def test_a_plan_is_frozen_resumed_begun_anew_and_removed(client: Client, provider: Provider) -> None:
    row = warm_up.start(provider_id=provider.pk, mailbox_group="gmail", ramp=[1000, 2000], by="ops")
    WarmUp.objects.update(stage=1)

    post(client, "delivery_warmup_freeze", row.pk, reason="on a blocklist")
    row.refresh_from_db()
    assert (row.state, row.frozen_reason) == ("frozen", "on a blocklist")
    assert "on a blocklist" in page(client, provider)
    # a second person comes too late
    post(client, "delivery_warmup_freeze", row.pk, reason="again")
    row.refresh_from_db()
    assert row.frozen_reason == "on a blocklist"

    post(client, "delivery_warmup_resume", row.pk)
    row.refresh_from_db()
    assert (row.state, row.frozen_reason, row.stage) == ("running", "", 1)

    post(client, "delivery_warmup_restart", row.pk)
    row.refresh_from_db()
    assert (row.state, row.stage, row.stage_day) == ("running", 0, warm_up.today_utc())

    post(client, "delivery_warmup_end", row.pk)
    assert not WarmUp.objects.exists()
    assert ProviderEvent.objects.count() == 5


def test_get_changes_nothing(client: Client, provider: Provider) -> None:
    row = warm_up.start(provider_id=provider.pk, mailbox_group="", ramp=[10], by="ops")
    for name in ("freeze", "resume", "restart", "end"):
        client.get(reverse(f"admin:delivery_warmup_{name}", args=[row.pk]))
    row.refresh_from_db()
    assert row.state == "running"


def test_who_may_only_look_sees_the_page_without_its_buttons(provider: Provider, redis_client: redis.Redis) -> None:
    row = warm_up.start(provider_id=provider.pk, mailbox_group="", ramp=[10], by="ops")
    viewer = somebody("", "delivery.view_provider")

    shown = page(viewer, provider)

    assert "Health" in shown
    assert "Start a plan" not in shown
    assert "Freeze" not in shown
    for name, number in (("delivery_provider_warm_up", provider.pk), ("delivery_warmup_freeze", row.pk)):
        assert post(viewer, name, number, ramp="5").status_code == 403
    assert post(viewer, "delivery_provider_drain", provider.pk).status_code in (302, 403)
    provider.refresh_from_db()
    assert provider.state == "active"


def test_an_operator_may_do_all_of_it(provider: Provider, redis_client: redis.Redis) -> None:
    operator = somebody("Operators")
    post(operator, "delivery_provider_warm_up", provider.pk, mailbox_group="", ramp="10 20")
    post(operator, "delivery_provider_drain", provider.pk)

    provider.refresh_from_db()
    assert (provider.state, WarmUp.objects.count()) == ("draining", 1)
