"""Warm-up plans in the database: the ceilings that the throttle reads, and the task that moves plans on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest

from bench.sink import Sink
from campaigns.models import Campaign
from delivery import directory, launch, provider_events, send, tasks, usage, warm_up
from delivery.engine.warmup import Volume
from delivery.models import Batch, Provider, ProviderEvent, ProviderUsage, WarmUp

pytestmark = pytest.mark.django_db
FIRST = date(2026, 3, 1)
MONDAY = date(2026, 3, 2)


@pytest.fixture
def provider() -> Provider:
    return Provider.objects.create(name="Relay", host="smtp.example.com")


def plan(provider: Provider, group: str = "", **fields: object) -> WarmUp:
    return WarmUp.objects.create(
        provider=provider, mailbox_group=group, **{"ramp": [100, 200, 400], "stage_day": FIRST, **fields}
    )


def sent(provider: Provider, day: date, group: str = "gmail", hour: int = 9, **counts: int) -> None:
    at = datetime.combine(day, time(hour), UTC)
    ProviderUsage.objects.create(provider=provider, mailbox_group=group, hour=at, **counts)


def ceilings(provider: Provider, day: date = MONDAY) -> dict[str, int]:
    return {one.limit.key: one.amount for one in warm_up.ceilings(Provider.objects.get(pk=provider.pk), day)}


def test_each_plan_gives_its_ceiling_and_a_finished_one_gives_none(provider: Provider) -> None:
    plan(provider)
    plan(provider, "gmail", stage=2, state="frozen")
    plan(provider, "yahoo", stage=9, state="done")

    found = warm_up.ceilings(provider, MONDAY)

    assert [(one.limit.key, one.mailbox_group, one.amount, one.day) for one in found] == [
        (f"warm:{provider.pk}", "", 100, MONDAY),
        (f"warm:{provider.pk}:gmail", "gmail", 400, MONDAY),
    ]
    assert all(one.limit.is_quota for one in found)


def test_forty_days_of_beat_take_a_plan_to_its_end(provider: Provider) -> None:
    Provider.objects.update(rate_per_day=1_000)
    row = plan(provider, stage_day=None)
    seen = []

    for number in range(40):
        today = FIRST + timedelta(days=number)
        warm_up.advance_all(today)
        seen.append(next(iter(ceilings(provider, today).values()), None))
        if number < 12:
            sent(provider, today, "gmail", accepted=(seen[-1] or 100) // 2)
            sent(provider, today, "other", hour=22, accepted=(seen[-1] or 100) // 2)
        warm_up.advance_all(today)

    # 30 days after the twelfth day's mail would be the 42nd: it stays done until then
    assert seen == [100, 200, 400, 480, 576, 691, 829, 995, *[None] * 32]
    row.refresh_from_db()
    assert (row.state, row.last_sent_on) == ("done", FIRST + timedelta(days=11))
    warm_up.advance_all(FIRST + timedelta(days=41))
    assert ceilings(provider) == {f"warm:{provider.pk}": 100}


def test_a_groups_plan_looks_at_its_own_mail_only(provider: Provider) -> None:
    plan(provider, "gmail")
    plan(provider, "yahoo")
    plan(provider)
    sent(provider, FIRST, "gmail", accepted=100)
    sent(provider, FIRST, "yahoo", accepted=80, throttled=20)

    warm_up.advance_all(MONDAY)

    key = f"warm:{provider.pk}"
    # yahoo's trouble is the whole provider's as well
    assert ceilings(provider) == {key: 100, f"{key}:gmail": 200, f"{key}:yahoo": 100}


def test_another_providers_mail_and_other_days_do_not_count(provider: Provider) -> None:
    other = Provider.objects.create(name="Other", host="smtp.example.com")
    plan(provider)
    sent(other, FIRST, accepted=100)
    sent(provider, FIRST - timedelta(days=1), accepted=100, hour=23)
    sent(provider, MONDAY, accepted=100, hour=0)

    warm_up.advance_all(MONDAY)

    assert ceilings(provider) == {f"warm:{provider.pk}": 100}


def test_asking_twice_moves_a_plan_once(provider: Provider) -> None:
    plan(provider)
    sent(provider, FIRST, accepted=100)

    assert warm_up.advance_all(MONDAY) == 1
    assert warm_up.advance_all(MONDAY) == 0
    assert ceilings(provider) == {f"warm:{provider.pk}": 200}


def test_a_person_who_freezes_meanwhile_wins(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    row = plan(provider)
    sent(provider, FIRST, accepted=100)
    by_day = usage.by_day

    def freeze_meanwhile(*arguments: object) -> object:
        WarmUp.objects.update(state="frozen", frozen_reason="blocklist")
        return by_day(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(usage, "by_day", freeze_meanwhile)
    assert warm_up.advance_all(MONDAY) == 0

    row.refresh_from_db()
    assert (row.state, row.stage, row.frozen_reason) == ("frozen", 0, "blocklist")


def test_a_frozen_plan_keeps_its_reason_and_its_stage(provider: Provider) -> None:
    row = plan(provider, state="frozen", frozen_reason="blocklist")
    sent(provider, FIRST, accepted=100)

    warm_up.advance_all(MONDAY)

    row.refresh_from_db()
    assert (row.stage, row.stage_day, row.frozen_reason) == (0, MONDAY, "blocklist")


def test_what_happens_to_a_plan_stands_among_the_providers_events(provider: Provider) -> None:
    plan(provider, "gmail")
    sent(provider, FIRST, accepted=100)
    sent(provider, MONDAY, accepted=50, throttled=50)

    warm_up.advance_all(MONDAY)
    warm_up.advance_all(MONDAY + timedelta(days=1))
    warm_up.advance_all(MONDAY + timedelta(days=31))

    assert [event.text for event in ProviderEvent.objects.order_by("id")] == [
        "Warm-up for gmail: now 200 a day",
        "Warm-up for gmail: 30 days without mail, begins anew at 100 a day",
    ]


def test_trouble_is_an_event_on_the_day_itself(provider: Provider) -> None:
    row = plan(provider, stage_day=MONDAY)
    sent(provider, MONDAY, accepted=50, throttled=50)

    warm_up.advance_all(MONDAY)
    warm_up.advance_all(MONDAY)

    words = "Warm-up for all mailboxes: does not rise tomorrow, 50 throttled of 100 that day"
    assert ProviderEvent.objects.get().text == words
    row.refresh_from_db()
    assert (row.state, row.frozen_reason) == ("running", "50 throttled of 100 that day")


def test_what_was_used_today_is_told_by_plan(provider: Provider) -> None:
    whole, gmail = plan(provider), plan(provider, "gmail")
    sent(provider, MONDAY, "gmail", accepted=5, deferred=2)
    sent(provider, MONDAY, "yahoo", accepted=10)

    assert warm_up.used_today([whole, gmail], MONDAY) == {whole.pk: 17, gmail.pk: 7}


def test_volumes_of_a_day_are_summed_over_its_hours(provider: Provider) -> None:
    sent(provider, FIRST, hour=0, accepted=1, unknown=2)
    sent(provider, FIRST, hour=23, accepted=10, blocked=3, throttled=4)

    assert usage.by_day([provider.pk], [FIRST]) == {(provider.pk, "gmail", FIRST): Volume(11, 4, 3, 2)}


def test_the_beat_task_keeps_the_newest_events_of_each_provider(provider: Provider) -> None:
    other = Provider.objects.create(name="Other", host="smtp.example.com")
    ProviderEvent.objects.bulk_create(
        ProviderEvent(provider=owner, kind="error", text=f"{owner.name} {number}")
        for number in range(205)
        for owner in (provider, other)
    )

    tasks.advance_warm_ups()

    for owner in (provider, other):
        kept = list(owner.events.order_by("id").values_list("text", flat=True))
        assert (len(kept), kept[0]) == (provider_events.KEPT_A_PROVIDER, f"{owner.name} 5")


@pytest.mark.django_db(transaction=True)
def test_a_campaign_stops_at_the_days_ceiling(make_campaign: Callable[..., Campaign], sink: Sink) -> None:
    campaign = make_campaign(leads=30)
    WarmUp.objects.create(provider=Provider.objects.get(), ramp=[12, 50])

    launch.launch_campaign(campaign_id=campaign.pk)
    for batch_id in Batch.objects.values_list("pk", flat=True):
        send.send_batch(batch_id)

    assert len(sink.accepted()) == 12
    # the rest goes on when the quota begins anew, at the next midnight UTC
    batch = Batch.objects.get()
    assert batch.not_before is not None
    assert batch.not_before > datetime.now(UTC)


def test_a_ceiling_for_one_group_holds_beside_the_whole_providers(provider: Provider) -> None:
    rows = [(provider.pk, "", [100], 0), (provider.pk, "gmail", [10], 0), (provider.pk, "yahoo", [20], 0)]
    values = [getattr(provider, field.attname) for field in Provider._meta.concrete_fields]
    found = directory.build([tuple(values)], [], [], [], rows)

    def keys(group: str) -> dict[str, float]:
        return {limit.key: limit.amount for limit in found.limits(provider.pk, group)}

    assert keys("gmail") == {f"warm:{provider.pk}": 100, f"warm:{provider.pk}:gmail": 10}
    assert keys("other") == keys("") == {f"warm:{provider.pk}": 100}
