"""Random deliveries and events, random conditions on them: the SQL must mean what plain Python says."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.models import Campaign, Lead
from campaigns.segments import compile_condition, describe
from delivery import partitions
from delivery.models import Email
from tests.integration.tracking.conftest import forget_partitioned_rows
from tracking import engagement
from tracking.models import CampaignEngagement, LeadEngagement
from tracking.occurrence import Occurrence, happened
from tracking.record import record

CAMPAIGNS, LEADS = 3, 4
# never on the edge of the days that are asked for: the clock goes on while the test runs
AGES = st.sampled_from([0.1, 0.9, 5, 29.9, 30.1])
DAYS = st.sampled_from([None, 1, 7, 30, 400])
COLUMN = {"opened": "open", "clicked": "click", "unsubscribed": "unsubscribe"}
GOT = {
    "sent": {"sent", "bounced_hard", "bounced_soft", "unknown"},
    "delivered": {"sent"},
    "bounced": {"bounced_hard", "bounced_soft"},
}


@dataclass
class World:
    """deliveries: status and age in days by (campaign, lead). events: (campaign, lead, kind, who, age)."""

    deliveries: dict[tuple[int, int], tuple[str, float]] = field(default_factory=dict)
    events: list[tuple[int, int, str, str, float]] = field(default_factory=list)

    def status(self, campaign: int, lead: int) -> str:
        """What the ledger says after the events: any of them proves that an unknown e-mail arrived."""
        status, _ = self.deliveries[campaign, lead]
        is_proved = status == "unknown" and (campaign, lead) in {event[:2] for event in self.events}
        return "sent" if is_proved else status


PAIRS = st.tuples(st.integers(0, CAMPAIGNS - 1), st.integers(0, LEADS - 1))
WORLDS = st.builds(
    World,
    st.dictionaries(PAIRS, st.tuples(st.sampled_from(Email.Status.values), AGES), max_size=8),
    st.lists(
        st.tuples(
            st.integers(0, CAMPAIGNS - 1), st.integers(0, LEADS - 1), st.sampled_from(list(COLUMN.values())),
            st.sampled_from(["human", "machine", "unsure"]), AGES,
        ),
        max_size=8,
    ),
)  # fmt: skip


def leaf(name: str, op: str, campaign: Any, days: int | None, who: str | None) -> dict[str, Any]:
    value = {"campaign": campaign, "days": days, "who": who if name in ("opened", "clicked") else None}
    return {"field": name, "op": op, "value": {key: one for key, one in value.items() if one is not None}}


LEAVES = st.builds(
    leaf,
    st.sampled_from([*GOT, *COLUMN]),
    st.sampled_from(["did", "did_not"]),
    st.one_of(st.sampled_from([None, "any"]), st.integers(0, 2), st.builds(lambda n: {"last": n}, st.integers(1, 4))),
    DAYS,
    st.sampled_from([None, "human", "all"]),
)
TREES = st.recursive(
    LEAVES,
    lambda nodes: st.one_of(
        st.builds(lambda many: {"all": many}, st.lists(nodes, max_size=3)),
        st.builds(lambda many: {"any": many}, st.lists(nodes, max_size=3)),
        st.builds(lambda one: {"not": one}, nodes),
    ),
    max_leaves=5,
)


def holds(node: dict[str, Any], lead: int, world: World) -> bool:
    """What a condition means: the judge. Campaign 2 is the newest, 0 the oldest."""
    if "all" in node:
        return all(holds(child, lead, world) for child in node["all"])
    if "any" in node:
        return any(holds(child, lead, world) for child in node["any"])
    if "not" in node:
        return not holds(node["not"], lead, world)
    if node["op"] == "did_not":
        return not holds({**node, "op": "did"}, lead, world)
    value = node["value"]
    asked, days = value.get("campaign", "any"), value.get("days", 10_000)
    if isinstance(asked, dict):
        campaigns = set(range(CAMPAIGNS)[-asked["last"] :])
    else:
        campaigns = set(range(CAMPAIGNS)) if asked == "any" else {asked}
    if node["field"] in GOT:
        return any(
            campaign in campaigns and who == lead and world.status(campaign, lead) in GOT[node["field"]] and age < days
            for (campaign, who), (_, age) in world.deliveries.items()
        )
    people = {"human"} if value.get("who", "human") == "human" else {"human", "machine", "unsure"}
    if node["field"] == "unsubscribed":
        people = {"human", "machine", "unsure"}
    return any(
        campaign in campaigns and who == lead and kind == COLUMN[node["field"]] and by in people and age < days
        for campaign, who, kind, by, age in world.events
    )


@pytest.fixture
def house(db: None) -> tuple[list[int], list[int]]:
    """Ids of the campaigns, the newest last, and of the leads."""
    now = dt.datetime.now(dt.UTC)
    for days in (0, 31):
        partitions.ensure_month("tracking_event", "at", (now - dt.timedelta(days=days)).date())
    campaigns = [
        Campaign.objects.create(
            name=f"C{n}", subject="s", from_email="a@b.example", body="", state="sent",
            launched_at=now - dt.timedelta(days=60 - n),
        )
        for n in range(CAMPAIGNS)
    ]  # fmt: skip
    for campaign in campaigns:
        partitions.ensure_email_partition(campaign.pk)
    leads = Lead.objects.bulk_create(Lead(email=f"l{n}@example.com") for n in range(LEADS))
    return [campaign.pk for campaign in campaigns], [lead.pk for lead in leads]


def store(world: World, campaigns: list[int], leads: list[int]) -> list[Occurrence]:
    """Write the ledger and record the events as the drain does; the numbers of a campaign moved with its last row."""
    forget_partitioned_rows()
    CampaignEngagement.objects.all().delete()
    LeadEngagement.objects.all().delete()
    now = dt.datetime.now(dt.UTC)
    Email.objects.bulk_create(
        Email(
            campaign_id=campaigns[campaign], lead_id=leads[lead], attempt=1, tries=1, status=status, variant=0,
            at=now - dt.timedelta(days=age),
        )
        for (campaign, lead), (status, age) in world.deliveries.items()
    )  # fmt: skip
    for number, pk in enumerate(campaigns):
        ages = [age for (campaign, _), (_, age) in world.deliveries.items() if campaign == number]
        Campaign.objects.filter(pk=pk).update(counted_at=now - dt.timedelta(days=min(ages, default=60)))
    events = [
        happened(kind, at=now - dt.timedelta(days=age), campaign_id=campaigns[campaign], lead_id=leads[lead], who=who)
        for campaign, lead, kind, who, age in world.events
    ]
    record(events, park=False)
    return events


def matching(condition: dict[str, Any], campaigns: list[int], leads: list[int]) -> set[int]:
    query = compile_condition(with_ids(condition, campaigns))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT lead.id, {query.where} FROM campaigns_lead lead", query.params)
        rows = cursor.fetchall()
    assert all(verdict is not None for _, verdict in rows), "an expression must never be NULL"
    return {leads.index(lead_id) for lead_id, verdict in rows if verdict}


def with_ids(node: dict[str, Any], campaigns: list[int]) -> dict[str, Any]:
    """The condition with real ids instead of numbers from 0."""
    for word in ("all", "any"):
        if word in node:
            return {word: [with_ids(child, campaigns) for child in node[word]]}
    if "not" in node:
        return {"not": with_ids(node["not"], campaigns)}
    value = dict(node["value"])
    if isinstance(value.get("campaign"), int):
        value["campaign"] = campaigns[value["campaign"]]
    return {**node, "value": value}


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(condition=TREES, world=WORLDS)
def test_sql_and_python_mean_the_same_leads(
    house: tuple[list[int], list[int]], condition: dict[str, Any], world: World
) -> None:
    campaigns, leads = house
    store(world, campaigns, leads)
    expected = {lead for lead in range(LEADS) if holds(condition, lead, world)}
    assert matching(condition, campaigns, leads) == expected
    assert describe(with_ids(condition, campaigns))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=WORLDS, judged=st.sampled_from(["human", "machine"]))
def test_a_new_judgement_of_stored_events_is_followed(
    house: tuple[list[int], list[int]], world: World, judged: str
) -> None:
    campaigns, leads = house
    store(world, campaigns, leads)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tracking_event SET who = %s", [judged])
    for campaign_id in campaigns:
        engagement.recompute(campaign_id, leads)
    world.events = [(*event[:3], judged, event[4]) for event in world.events]
    for name in ("opened", "clicked"):
        for campaign in ("any", 1):
            condition = leaf(name, "did", campaign, 30, None)
            expected = {lead for lead in range(LEADS) if holds(condition, lead, world)}
            assert matching(condition, campaigns, leads) == expected
