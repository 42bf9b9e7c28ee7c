"""Every order of events of the claim protocol, and every rule switched off in turn."""

from __future__ import annotations

import pytest

from .protocol_model import MUTATIONS, Bounds, search

# one lead through two attempts with zombies in each; two leads that share a batch
WORLDS = (Bounds(leads=1, attempts=2, leases=3), Bounds(leads=2, attempts=1, leases=2))


@pytest.mark.parametrize("bounds", WORLDS)
def test_no_order_of_events_sends_twice_or_loses_a_lead(bounds: Bounds) -> None:
    worlds, fault = search(bounds)
    assert fault == ""
    # a model that hardly moves would prove nothing
    assert worlds > 2_000


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_without_one_of_its_rules_the_protocol_fails(mutation: str) -> None:
    faults = [search(bounds, mutation)[1] for bounds in WORLDS]
    assert any(faults), f"the search found nothing wrong although: {mutation}"
