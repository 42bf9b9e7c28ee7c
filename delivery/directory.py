"""Who sends and under which limits, as a worker knows it: read in one round trip, so that a change in the admin is in
force within seconds and without a restart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from delivery import warm_up
from delivery.database import AsyncConnection
from delivery.limits import DAY, HOUR, SECOND, Limit
from delivery.models import Provider

# what a change in the admin may take to reach a batch that is on its way
REFRESH_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Member:
    """A provider's place in a pool."""

    provider_id: int
    tier: int
    weight: int


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """selection: "weighted" or "least_loaded". members: those whose provider is active."""

    id: int
    selection: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Directory:
    """All active providers and all pools. default_pools: by stream. ceilings: of warm-up plans, by group ("": all)."""

    providers: Mapping[int, Provider]
    pools: Mapping[int, PoolEntry]
    default_pools: Mapping[str, int]
    group_rates: Mapping[tuple[int, str], float] = field(default_factory=dict)
    ceilings: Mapping[tuple[int, str], Limit] = field(default_factory=dict)

    def pool(self, pool_id: int | None, stream: str) -> PoolEntry:
        """The pool of that id, the stream's default one where it is None or gone, an empty one where there is none."""
        chosen = self.pools.get(pool_id) if pool_id is not None else None
        return chosen or self.pools.get(self.default_pools.get(stream, 0)) or PoolEntry(0, "weighted", ())

    def limits(self, provider_id: int, group: str) -> list[Limit]:
        """What holds for mail by this provider to this mailbox group, whoever sends it."""
        provider = self.providers[provider_id]
        found = []
        for amount, seconds, name in (
            (provider.rate_per_second, SECOND, "second"),
            (provider.rate_per_hour, HOUR, "hour"),
            (provider.rate_per_day, DAY, "day"),
        ):
            if amount:
                found.append(Limit(f"provider:{provider_id}:{name}", amount, seconds))
        rate = self.group_rates.get((provider_id, group))
        if rate:
            found.append(Limit(f"group:{provider_id}:{group}", rate))
        found += [self.ceilings[key] for key in {(provider_id, ""), (provider_id, group)} if key in self.ceilings]
        return found


def _rows(columns: str, table: str) -> str:
    return f"(SELECT coalesce(jsonb_agg(jsonb_build_array({columns})), '[]') FROM {table})"  # noqa: S608 - our names


_columns = ", ".join(str(column.column) for column in Provider._meta.concrete_fields)
# One statement: windows use the same connection meanwhile, so nothing may span two. 0.8 ms.
READ = "SELECT " + ", ".join(
    (
        _rows(_columns, "delivery_provider WHERE state = 'active'"),
        _rows("id, stream, is_default, selection", "delivery_pool"),
        _rows("pool_id, provider_id, tier, weight", "delivery_poolmember"),
        _rows("provider_id, mailbox_group, rate_per_second", "delivery_grouplimit"),
        _rows("provider_id, mailbox_group, ramp, stage", "delivery_warmup WHERE state <> 'done'"),
    )
)


async def read(connection: AsyncConnection) -> Directory:
    """The directory as it is now. Raises one of DatabaseAway."""
    row = await (await connection.execute(READ)).fetchone()
    return build(*(row or ([], [], [], [], [])))


def build(
    providers: Sequence[tuple[Any, ...]],
    pools: Sequence[tuple[Any, ...]],
    members: Sequence[tuple[Any, ...]],
    groups: Sequence[tuple[Any, ...]],
    warm_ups: Sequence[tuple[Any, ...]] = (),
) -> Directory:
    """A directory from the rows that READ gives; moments are texts in them, good enough to tell changes by."""
    columns = [column.attname for column in Provider._meta.concrete_fields]
    known = [Provider.from_db("default", columns, row) for row in providers]
    active = {provider.pk: provider for provider in known}
    by_pool: dict[int, list[Member]] = defaultdict(list)
    for pool_id, provider_id, tier, weight in sorted(members):
        if provider_id in active:
            by_pool[pool_id].append(Member(provider_id, tier, weight))
    return Directory(
        providers=active,
        pools={row[0]: PoolEntry(row[0], row[3], tuple(by_pool[row[0]])) for row in pools},
        default_pools={row[1]: row[0] for row in pools if row[2]},
        group_rates={(row[0], row[1]): row[2] for row in groups},
        ceilings={(row[0], row[1]): warm_up.ceiling_limit(*row) for row in warm_ups},
    )
