"""Events on their way through the stream."""

from __future__ import annotations

import datetime as dt
import json

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


def test_a_user_agent_is_cut_and_loses_what_a_table_cannot_hold() -> None:
    occurrence = happened("open", campaign_id=1, lead_id=2, user_agent="a\0b" + "x" * 1000)
    assert occurrence.user_agent.startswith("abx")
    assert len(occurrence.user_agent) == 300


def entry(**changes: object) -> str:
    fields = json.loads(happened("click", at=MIDDAY, campaign_id=1, lead_id=2, link_number=3).encode())
    fields.update(changes)
    return json.dumps({key: value for key, value in fields.items() if value is not None})


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "[]", "null", "{}", '{"i":1}',
        entry(i="zz"), entry(t="noon"), entry(t=10**30), entry(k="dance"), entry(w="cat"), entry(c=2**63),
        entry(c=-1), entry(n=40000), entry(n=True), entry(l=None), entry(c="1"), entry(u=5), entry(u="a\0b"),
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(EntryUnreadable):
        decode(text)
