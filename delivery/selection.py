"""Which provider of a tier is next: by weight in turn, or the least loaded. One for each worker process and pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from delivery.directory import Member

# a provider that could not be chosen for a while does not get all that it missed at once
MOST_CREDIT_MESSAGES = 500


class Turns:
    """Smooth weighted round robin, counted in messages: windows may differ in size, shares do not.

    The turns go on from batch to batch: begun anew with each, the first provider would always have a window more.
    """

    def __init__(self) -> None:
        self._credit: dict[int, float] = {}

    def best(self, members: Sequence[Member]) -> Member:
        """The member whose turn it is. members: of one tier, at least one."""
        return max(members, key=lambda one: (self._credit.get(one.provider_id, 0.0) + one.weight, -one.provider_id))

    def charge(self, chosen: Member, candidates: Sequence[Member], messages: int) -> None:
        """`chosen` takes so many messages, and each candidate that could have had them gains its share of them."""
        total = sum(one.weight for one in candidates)
        most = MOST_CREDIT_MESSAGES * total
        for one in candidates:
            credit = self._credit.get(one.provider_id, 0.0) + one.weight * messages
            if one is chosen:
                credit -= total * messages
            self._credit[one.provider_id] = max(-most, min(most, credit))


def least_loaded(members: Sequence[Member], in_flight: Mapping[int, int]) -> Member:
    """The member with the fewest messages under way for its weight; among equals the heaviest."""
    return min(members, key=lambda one: (in_flight.get(one.provider_id, 0) / one.weight, -one.weight, one.provider_id))
