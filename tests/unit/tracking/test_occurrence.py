"""Events on their way through the stream."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.occurrence import KINDS, WHO, EntryUnreadable, decode, happened, new_id

MIDDAY = dt.datetime(2025, 5, 1, 12, 0, 0, 123456, tzinfo=dt.UTC)
BIG = st.integers(0, 2**63 - 1)


@given(
    kind=st.sampled_from(sorted(KINDS)),
    campaign_id=BIG,
    lead_id=BIG,
    link_number=st.none() | st.integers(0, 32767),
    who=st.sampled_from(sorted(WHO)),
    user_agent=st.text(),
    at=st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)),
)
def test_what_is_encoded_comes_back_as_it_was(**fields: object) -> None:
    occurrence = happened(**fields)  # type: ignore[arg-type]  # what the strategies give
    assert decode(occurrence.encode()) == occurrence


def test_ids_sort_by_time_and_never_repeat() -> None:
    ids = [new_id(MIDDAY + dt.timedelta(milliseconds=n)) for n in range(100)]
    assert ids == sorted(ids)
    assert len({new_id(MIDDAY) for _ in range(1000)}) == 1000
    assert {made.version for made in ids} == {7}
    assert {made.variant for made in ids} == {"specified in RFC 4122"}


def test_a_user_agent_is_cut_and_loses_what_stream_and_table_cannot_hold() -> None:
    occurrence = happened("open", campaign_id=1, lead_id=2, user_agent="a\0b\tc\nd\ud800" + "x" * 1000)
    assert occurrence.user_agent.startswith("a b c d?x")
    assert len(occurrence.user_agent) == 300
    assert decode(occurrence.encode()) == occurrence


def entry(**changes: object) -> str:
    """A good entry but for the fields named, which are given by their place."""
    fields = happened("click", at=MIDDAY, campaign_id=1, lead_id=2, link_number=3).encode().split("\t")
    for name, value in changes.items():
        fields[PLACES[name]] = str(value)
    return "\t".join(fields)


PLACES = {
    "version": 0, "id": 1, "at": 2, "kind": 3, "who": 4, "campaign": 5, "lead": 7, "provider": 8, "link": 9, "data": 13,
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "1", "\t" * 13, entry() + "\t", entry(version=2), entry(id="zz"), entry(at="noon"), entry(at=10**30),
        entry(kind="dance"), entry(who="cat"), entry(campaign=2**63), entry(campaign=-1), entry(campaign="1.5"),
        entry(link=40000), entry(lead=""), entry(provider="x"), entry(data="{"),
    ],
    # an entry has an id of chance in it: names must be the same in every process
    ids=lambda text: f"{len(text)} characters",
)  # fmt: skip
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(EntryUnreadable):
        decode(text)


def test_a_good_entry_is_read() -> None:
    assert decode(entry()).link_number == 3
