"""The rules of who opened and clicked, as tables."""

from __future__ import annotations

import datetime as dt

import pytest

from tracking.who import BURST, TOO_SOON, Click, Visit, bursts, classify, too_soon

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
    assert classify(visit) == (who, reason)


@pytest.mark.parametrize(
    ("kind", "seconds_after", "is_machine"),
    [("click", 0.5, True), ("click", 2.999, True), ("click", 3, False), ("click", -1, True), ("open", 0.5, False)],
)
def test_a_click_right_after_delivery_is_a_machines(kind: str, seconds_after: float, is_machine: bool) -> None:
    verdict = too_soon(kind, MIDDAY + dt.timedelta(seconds=seconds_after), MIDDAY)
    assert (verdict is not None) == is_machine
    assert verdict is None or verdict.who == "machine"


def test_a_delivery_time_that_is_not_known_accuses_nobody() -> None:
    assert too_soon("click", MIDDAY, None) is None
    assert TOO_SOON.total_seconds() == 3


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
        Click((9, email), MIDDAY + dt.timedelta(seconds=seconds), link, place)
        for place, (email, seconds, link) in enumerate(clicks)
    ]
    assert bursts(made) == expected
    assert BURST.total_seconds() == 2
