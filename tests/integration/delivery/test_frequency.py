"""The frequency cap: no lead gets more than it allows, whoever asks at once."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
from django.db import connection

from campaigns.leads.erase import erase_lead
from campaigns.models import Campaign, Lead
from delivery import database, frequency
from delivery.database import AsyncConnection
from delivery.frequency import NO_CAP, Cap
from delivery.models import LeadTouch, SendingPolicy
from delivery.partitions import ensure_email_partition

pytestmark = pytest.mark.django_db(transaction=True)
T = TypeVar("T")
WEEK = Cap(2, 7)
LEADS = list(range(1, 41))


def on_a_line(work: Callable[[AsyncConnection], Coroutine[Any, Any, T]]) -> T:
    """Run `work` with a connection like that of a worker child."""

    async def run() -> T:
        connection = await database.connect(application_name="test")
        async with connection:
            return await work(connection)

    return asyncio.run(run())


def reserve(campaign_id: int, leads: list[int], cap: Cap = WEEK, wish_days: int = 0) -> set[int]:
    return on_a_line(lambda line: frequency.reserve(line, cap, campaign_id, leads, wish_days=wish_days))


def release(campaign_id: int, leads: list[int]) -> None:
    on_a_line(lambda line: frequency.release(line, campaign_id, leads))


def held() -> dict[int, list[int]]:
    """The campaigns that hold a place, by lead; the two arrays must always be of one length."""
    touches = list(LeadTouch.objects.order_by("lead_id"))
    assert all(len(touch.campaign_ids) == len(touch.times) for touch in touches)
    return {touch.lead_id: touch.campaign_ids for touch in touches}


def age(days: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_leadtouch SET times = "
            "(SELECT array_agg(at - %s * interval '1 day') FROM unnest(times) AS at)",
            [days],
        )


def test_the_third_campaign_of_a_week_has_no_place() -> None:
    assert reserve(1, [5, 3]) == {3, 5}
    assert reserve(2, [3]) == {3}
    assert reserve(3, [3, 5]) == {5}
    assert held() == {3: [1, 2], 5: [1, 3]}


def test_a_retry_of_the_same_campaign_takes_no_second_place() -> None:
    reserve(1, [3])
    reserve(2, [3])
    assert reserve(2, [3]) == {3}
    assert held() == {3: [1, 2]}


def test_what_is_older_than_the_period_is_cut_off() -> None:
    reserve(1, [3])
    age(4)
    reserve(2, [3])
    age(2.9)
    assert reserve(3, [3]) == set()
    age(0.2)
    assert reserve(3, [3]) == {3}
    assert held() == {3: [2, 3]}


def test_a_place_that_was_not_used_is_given_back() -> None:
    for campaign in (1, 2):
        reserve(campaign, [3, 4])
    age(1)
    release(1, [3, 9])
    assert held() == {3: [2], 4: [1, 2]}
    assert reserve(3, [3, 4]) == {3}
    release(2, [3])
    # the time of the place that is left is that of the campaign that has it
    age(6.5)
    assert reserve(4, [3], Cap(1, 7)) == set()


def test_a_lowered_cap_holds_at_once() -> None:
    reserve(1, [3])
    assert reserve(2, [3], Cap(1, 7)) == set()
    assert reserve(2, [3], Cap(3, 7)) == {3}


def test_campaigns_at_once_never_exceed_the_cap() -> None:
    """Six workers, each for a campaign of its own, take and give back places of the same leads."""
    start = threading.Barrier(6)
    finished: list[int] = []

    async def work(line: AsyncConnection, campaign: int) -> None:
        rng = random.Random(campaign)
        for _ in range(15):
            window = rng.sample(LEADS, 25)
            got = await frequency.reserve(line, WEEK, campaign, window)
            await frequency.release(line, campaign, sorted(lead for lead in got if rng.random() < 0.5))

    def run(campaign: int) -> None:
        start.wait()
        on_a_line(lambda line: work(line, campaign))
        finished.append(campaign)

    threads = [threading.Thread(target=run, args=[campaign]) for campaign in range(1, 7)]
    for thread in threads:
        thread.start()
    most = 0
    while any(thread.is_alive() for thread in threads):
        most = max([most, *(len(campaigns) for campaigns in held().values())])
    for thread in threads:
        thread.join()
    assert sorted(finished) == [1, 2, 3, 4, 5, 6]
    assert max(most, *(len(campaigns) for campaigns in held().values())) == WEEK.amount
    assert all(len(set(campaigns)) == len(campaigns) for campaigns in held().values())


def test_two_campaigns_for_the_last_place_share_the_leads() -> None:
    start = threading.Barrier(2)
    got: dict[int, set[int]] = {}

    def run(campaign: int) -> None:
        async def work(line: AsyncConnection) -> set[int]:
            await asyncio.to_thread(start.wait)
            # one goes up and the other down: the statement brings them into one order
            found: set[int] = set()
            for window in [LEADS[:20], LEADS[20:]][:: 1 if campaign == 1 else -1]:
                found |= await frequency.reserve(line, Cap(1, 7), campaign, window[::-1])
            return found

        got[campaign] = on_a_line(work)

    threads = [threading.Thread(target=run, args=[campaign]) for campaign in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got[1] | got[2] == set(LEADS)
    assert not got[1] & got[2]


def test_no_cap_means_nothing_to_ask() -> None:
    campaign = Campaign.objects.create(name="A", subject="A", from_email="a@example.com", body="")
    assert frequency.cap_of(campaign.pk) == NO_CAP
    policy = SendingPolicy.objects.create(frequency_cap=0)
    assert frequency.cap_of(campaign.pk) == NO_CAP
    policy.frequency_cap = 3
    policy.save()
    assert frequency.cap_of(campaign.pk) == Cap(3, 7)
    assert Cap(3, 7).reason == "frequency cap: 3 in 7 days"
    assert Cap(1, 1).reason == "frequency cap: 1 in 1 day"
    Campaign.objects.update(ignores_frequency_cap=True)
    assert frequency.cap_of(campaign.pk) == Cap(0, 0, honours_wishes=False)


def test_who_wants_one_e_mail_a_week_gets_one_with_or_without_a_cap() -> None:
    assert reserve(1, [3], NO_CAP, wish_days=7) == {3}
    assert reserve(2, [3], NO_CAP, wish_days=7) == set()
    assert reserve(2, [3], Cap(5, 1), wish_days=7) == set()
    age(7.1)
    assert reserve(2, [3], Cap(1, 30), wish_days=7) == set()
    assert reserve(2, [3], Cap(2, 30), wish_days=7) == {3}
    assert NO_CAP.reason_for(7) == "wants at most one in 7 days"


def test_a_wish_counts_what_was_sent_before_it() -> None:
    ensure_email_partition(1)
    for campaign, status, days in ((1, "sent", 3), (2, "skipped", 2), (3, "unknown", 9)):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO delivery_email (campaign_id, lead_id, at, attempt, tries, variant, status) "
                "VALUES (%s, 5, now() - %s * interval '1 day', 1, 1, 0, %s)",
                [campaign, days, status],
            )
    reserve(9, [5])
    for _ in range(2):
        frequency.remember(5, 7)
        assert held() == {5: [1, 9]}


def test_an_erased_lead_leaves_no_touches() -> None:
    ann, bob = (Lead.objects.create(email=f"{name}@example.com") for name in ("ann", "bob"))
    reserve(1, [ann.pk, bob.pk])
    erase_lead(ann.pk)
    assert list(held()) == [bob.pk]
