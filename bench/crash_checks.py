"""What must hold when a round is over, at the sink and in the ledger."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from bench.crash_world import World, ledger
from delivery.numbers import campaign_numbers, recount

SHOWN = 12
POSSIBLE = ("sent", "unknown")


def violations(world: World) -> list[str]:
    """Everything that is wrong with the campaign of this round, with its evidence; empty when it was right."""
    world.log.read()
    statuses = _statuses(world.campaign_id)
    accepted = set(world.log.accepted(world.campaign_id))
    sent = {lead for lead, status in statuses.items() if status == "sent"}
    found = [*_doubles(world), *_states(world, statuses), *_recounted(world.campaign_id)]
    lost = {lead for lead in accepted if statuses.get(lead) not in POSSIBLE}
    found += _leads(world, "accepted by the sink, and neither sent nor unknown", lost)
    found += _leads(world, "sent in the ledger, and never accepted by the sink", sent - accepted)
    skipped = set(world.must_skip)
    wrong = {lead for lead in skipped if lead in accepted or statuses.get(lead) != "skipped"}
    return found + _leads(world, "changed before its claim (erased, unsubscribed or cancelled), and not skipped", wrong)


def _statuses(campaign_id: int) -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT lead_id, status FROM delivery_email WHERE campaign_id = %s", [campaign_id])
        return dict(cursor.fetchall())


def _doubles(world: World) -> list[str]:
    accepted = world.log.accepted(world.campaign_id)
    twice = {lead for lead, ids in accepted.items() if len(ids) > 1}
    found = _leads(world, "accepted more than once", twice)
    addresses = [address for address, times in world.log.addresses(world.campaign_id).items() if times > 1]
    if len(addresses) != len(twice):
        found.append(f"{len(addresses)} addresses were accepted more than once: {addresses[:SHOWN]}")
    return found


def _states(world: World, statuses: dict[int, str]) -> list[str]:
    """Every lead of the frozen audience stands in the ledger once, and nobody else does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT unnest(lead_ids) FROM delivery_batch WHERE campaign_id = %s AND kind = 'first'", [world.campaign_id]
        )
        audience = [row[0] for row in cursor.fetchall()]
    found = [] if len(audience) == len(set(audience)) else ["a lead stands in two first batches"]
    found += _leads(world, "in the audience, and not in the ledger", set(audience) - set(statuses))
    return found + _leads(world, "in the ledger, and not in the audience", set(statuses) - set(audience))


def _recounted(campaign_id: int) -> list[str]:
    summed, counted = campaign_numbers(campaign_id), recount(campaign_id)
    return [] if summed == counted else [f"the sums {summed} are not what the ledger says: {counted}"]


def _leads(world: World, what: str, leads: Iterable[int]) -> list[str]:
    chosen = sorted(leads)
    if not chosen:
        return []
    accepted = world.log.accepted(world.campaign_id)
    lines = [f"{len(chosen)} leads are {what}:"]
    for row in ledger(world.campaign_id, chosen[:SHOWN]):
        lines.append(f"  ledger {row}, sink {accepted.get(int(str(row[0])), [])}")
    missing = [lead for lead in chosen[:SHOWN] if not ledger(world.campaign_id, [lead])]
    lines += [f"  lead {lead}: no row, sink {accepted.get(lead, [])}" for lead in missing]
    lines += [f"  {batch}" for batch in _batches_of(world.campaign_id, chosen[:SHOWN])]
    return ["\n".join(lines)]


def _batches_of(campaign_id: int, leads: list[int]) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 'batch', id, kind, attempt, size, cursor, recorded, state, publish_count FROM delivery_batch "
            "WHERE campaign_id = %s AND lead_ids && %s::bigint[] ORDER BY id",
            [campaign_id, leads],
        )
        return cursor.fetchall()
