"""The rules of who opened and clicked, as tables."""

from __future__ import annotations

import datetime as dt

import pytest

from tracking.who import Click, Rule, Rules, Visit, bursts
from tracking.who_table import BUILT_IN, BUILT_IN_RULES

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
OUTLOOK = "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Microsoft Outlook 16.0.5134; ms-office)"
GMAIL_PREFETCH = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 "
    "Safari/537.36 Edge/12.246 Mozilla/5.0"
)
GMAIL_PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
OLD_CHROME = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/42.0.2311.135 Safari/537.36"
MIDDAY = dt.datetime(2025, 5, 1, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("visit", "who", "reason"),
    [
        (Visit("open", user_agent=FIREFOX), "human", "browser"),
        (Visit("click", user_agent=FIREFOX), "human", "browser"),
        (Visit("open", user_agent=OUTLOOK), "human", "browser"),
        (Visit("open", user_agent="Mozilla/5.0"), "machine", "Apple privacy proxy"),
        (Visit("click", user_agent="Mozilla/5.0"), "unsure", "bare user agent"),
        (Visit("open", user_agent=GMAIL_PREFETCH), "machine", "Gmail prefetch"),
        (Visit("open", user_agent=OLD_CHROME), "human", "browser"),
        (Visit("open", user_agent=GMAIL_PROXY), "human", "Gmail image proxy"),
        (Visit("open", "HEAD", GMAIL_PROXY), "machine", "HEAD request"),
        (Visit("click", "HEAD", FIREFOX), "machine", "HEAD request"),
        (Visit("click", user_agent=FIREFOX, purpose="prefetch"), "machine", "prefetch"),
        (Visit("click", user_agent=FIREFOX, purpose="prefetch;prerender"), "machine", "prefetch"),
        (Visit("click", user_agent=FIREFOX, purpose="preview"), "machine", "prefetch"),
        (Visit("click", user_agent="Mozilla/5.0 (compatible; Barracuda Sentinel)"), "machine", "scanner or script"),
        (Visit("click", user_agent="Mozilla/5.0 (compatible; bingbot/2.0)"), "machine", "scanner or script"),
        (Visit("click", user_agent="python-requests/2.32"), "machine", "scanner or script"),
        (Visit("click", user_agent="Python-urllib/3.11"), "machine", "scanner or script"),
        (Visit("open", user_agent="curl/8.5.0"), "machine", "scanner or script"),
        (Visit("open", user_agent=""), "unsure", "no user agent"),
        (Visit("click", user_agent="  "), "unsure", "no user agent"),
        (Visit("open", user_agent="Dalvik/2.1.0 (Linux; U; Android 14)"), "human", "mail program"),
        (Visit("click", user_agent="Dalvik/2.1.0 (Linux; U; Android 14)"), "unsure", "unknown user agent"),
        (Visit("open", user_agent="SomethingNew 1.0"), "unsure", "unknown user agent"),
        # a phone whose name contains "bot" is no bot
        (Visit("open", user_agent="Mozilla/5.0 (Linux; Android 9; CUBOT X19) Chrome/120.0"), "human", "browser"),
    ],
)
def test_a_request_is_judged_by_what_it_shows(visit: Visit, who: str, reason: str) -> None:
    assert BUILT_IN_RULES.classify(visit) == (who, reason)


def click(kind: str = "click", at: dt.datetime = MIDDAY, delivered_at: dt.datetime | None = None) -> Click:
    return Click((9, 1), at, 1, 0, Visit(kind, user_agent=FIREFOX), delivered_at)


@pytest.mark.parametrize(
    ("kind", "seconds_after", "is_machine"),
    [("click", 0.5, True), ("click", 2.999, True), ("click", 3, False), ("click", -1, True), ("open", 0.5, False)],
)
def test_a_click_right_after_delivery_is_a_machines(kind: str, seconds_after: float, is_machine: bool) -> None:
    found = BUILT_IN_RULES.judge([click(kind, MIDDAY + dt.timedelta(seconds=seconds_after), MIDDAY)])
    assert found == ({0: ("machine", "under 3 s after delivery")} if is_machine else {})


def test_a_delivery_time_that_is_not_known_accuses_nobody() -> None:
    assert BUILT_IN_RULES.judge([click(delivered_at=None)]) == {}


@pytest.mark.parametrize(
    ("clicks", "expected"),
    [
        # (e-mail, seconds, link)
        ([(1, 0, 1), (1, 1, 2), (1, 2, 3)], {0, 1, 2}),
        ([(1, 0, 1), (1, 1, 2), (1, 2.1, 3)], set()),
        ([(1, 0, 1), (1, 0.1, 1), (1, 0.2, 1)], set()),
        ([(1, 0, 1), (1, 0.5, 2)], set()),
        ([(1, 0, 1), (2, 0.1, 2), (3, 0.2, 3)], set()),
        ([(1, 1.5, 3), (2, 0, 1), (1, 0, 1), (1, 0.7, 2)], {0, 2, 3}),
        ([(1, 0, 1), (1, 10, 1), (1, 10.5, 2), (1, 11, 3)], {1, 2, 3}),
    ],
)
def test_three_different_links_within_two_seconds_are_a_scanners(
    clicks: list[tuple[int, float, int]], expected: set[int]
) -> None:
    made = [
        Click((9, email), MIDDAY + dt.timedelta(seconds=seconds), link, place, Visit("click", user_agent=FIREFOX))
        for place, (email, seconds, link) in enumerate(clicks)
    ]
    assert bursts(made, dt.timedelta(seconds=2), 3) == expected
    assert set(BUILT_IN_RULES.judge(made)) == expected


def rule(**conditions: object) -> Rule:
    return Rule("ours", "machine", "ours", **conditions)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("conditions", "visit", "applies"),
    [
        ({}, Visit("open"), True),
        ({"kind": "click"}, Visit("open"), False),
        ({"agent": "contains", "phrases": ("scan*v2",)}, Visit("open", user_agent="Mail-Scan 1 v2"), True),
        ({"agent": "contains", "phrases": ("scan*v2",)}, Visit("open", user_agent="v2 Mail-Scan 1"), False),
        # no phrase is a regex
        ({"agent": "contains", "phrases": ("s.an", "(a+)+$")}, Visit("open", user_agent="scan aaaa"), False),
        ({"agent": "begins", "phrases": ("mozilla/",)}, Visit("open", user_agent="x Mozilla/5"), False),
        ({"agent": "is", "phrases": ("a", "b")}, Visit("open", user_agent=" B "), True),
        ({"agent": "empty"}, Visit("open", user_agent="a"), False),
        ({"method": "HEAD", "agent": "empty"}, Visit("open", "HEAD"), True),
        ({"method": "HEAD", "agent": "empty"}, Visit("open", "HEAD", "a"), False),
        ({"claim": "machine"}, Visit("open", claim="machine"), True),
        ({"purposes": ("prefetch",)}, Visit("open", purpose="image"), False),
    ],
)
def test_all_conditions_of_a_rule_must_hold(conditions: dict[str, object], visit: Visit, applies: bool) -> None:
    assert rule(**conditions).applies(visit) == applies


def test_the_first_rule_that_applies_decides_and_time_comes_after_all_others() -> None:
    late = rule(within_seconds=60, agent="contains", phrases=("firefox",))
    table = Rules([late, Rule("a", "human", "a", kind="click"), *BUILT_IN])
    assert table.classify(Visit("click", "HEAD")) == ("human", "a")
    soon = click(at=MIDDAY + dt.timedelta(seconds=30), delivered_at=MIDDAY)
    assert table.judge([soon]) == {0: ("machine", "ours")}
    assert table.judge([soon._replace(visit=Visit("click", user_agent="Opera/9"))]) == {}
    assert table.reach().total_seconds() == 2
