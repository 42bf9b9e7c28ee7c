"""Who opened or clicked: a person, a machine, or we cannot tell. Pure; rules are a table, first match wins.

Everything is kept and marked with its reason; reports show the three apart, so a wrong rule loses nothing.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

# a person reads before clicking; scanners follow every link of a message while it is being delivered
TOO_SOON = dt.timedelta(seconds=3)
BURST = dt.timedelta(seconds=2)
BURST_LINKS = 3

# programs that fetch on their own account, in lower case; browsers and mail programs have none of these
MACHINE_AGENTS = (
    "barracuda", "proofpoint", "mimecast", "messagelabs", "symantec", "fortinet", "fortiguard", "zscaler", "sophos",
    "bitdefender", "trendmicro", "trend micro", "checkpoint", "forcepoint", "ironport", "cloudmark", "vadesecure",
    "bingpreview", "facebookexternalhit", "slackbot", "skypeuripreview", "whatsapp", "telegrambot", "linkpreview",
    "headlesschrome", "phantomjs", "python-", "curl/", "wget/", "go-http-client", "java/",
    "apache-httpclient", "libwww", "axios/", "node-fetch", "guzzlehttp", "bot/", "bot;", "bot)", "crawler",
    "spider", "scanner", "urlcheck", "linkcheck",
)  # fmt: skip
# mail programs that load images with a library's name instead of a browser's
MAIL_PROGRAMS = (
    "dalvik/",
    "cfnetwork/",
    "okhttp/",
    "outlook",
    "thunderbird",
    "airmail",
    "lotus-notes",
    "yahoomailproxy",
)


class Verdict(NamedTuple):
    """who: "human", "machine" or "unsure". reason: why, in a few words, for the event's row."""

    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request shows. purpose: the headers Sec-Purpose, Purpose, X-Purpose and X-Moz joined, in lower case."""

    kind: str
    method: str = "GET"
    user_agent: str = ""
    purpose: str = ""

    @property
    def agent(self) -> str:
        return self.user_agent.lower()

    @property
    def is_open(self) -> bool:
        return self.kind == "open"


class Rule(NamedTuple):
    verdict: Verdict
    applies: Callable[[Visit], bool]


def _contains(text: str, words: Iterable[str]) -> bool:
    return any(word in text for word in words)


RULES: tuple[Rule, ...] = (
    Rule(Verdict("machine", "HEAD request"), lambda visit: visit.method == "HEAD"),
    Rule(
        Verdict("machine", "prefetch"),
        lambda visit: _contains(visit.purpose, ("prefetch", "prerender", "preview")),
    ),
    # Apple Mail's privacy protection loads every image of every message under this whole name
    Rule(Verdict("machine", "Apple privacy proxy"), lambda visit: visit.is_open and visit.user_agent == "Mozilla/5.0"),
    Rule(
        Verdict("machine", "Gmail prefetch"),
        lambda visit: visit.is_open and "chrome/42.0.2311.135" in visit.agent and "edge/12.246" in visit.agent,
    ),
    # Gmail's proxy fetches when somebody reads: a real reader behind a shared name
    Rule(Verdict("human", "Gmail image proxy"), lambda visit: visit.is_open and "googleimageproxy" in visit.agent),
    Rule(Verdict("machine", "scanner or script"), lambda visit: _contains(visit.agent, MACHINE_AGENTS)),
    Rule(Verdict("unsure", "no user agent"), lambda visit: not visit.agent.strip()),
    Rule(Verdict("unsure", "bare user agent"), lambda visit: visit.user_agent.strip() == "Mozilla/5.0"),
    Rule(Verdict("human", "browser"), lambda visit: visit.agent.startswith(("mozilla/", "opera/"))),
    Rule(Verdict("human", "mail program"), lambda visit: visit.is_open and _contains(visit.agent, MAIL_PROGRAMS)),
)
UNKNOWN_AGENT = Verdict("unsure", "unknown user agent")


def classify(visit: Visit) -> Verdict:
    """Who made this request, from the request alone."""
    return next((rule.verdict for rule in RULES if rule.applies(visit)), UNKNOWN_AGENT)


def too_soon(kind: str, at: dt.datetime, delivered_at: dt.datetime | None) -> Verdict | None:
    """A machine's click: made less than three seconds after delivery. None where that is not so or not known.

    Only clicks: a mail program that is open shows its images as soon as the message arrives.
    """
    if kind != "click" or delivered_at is None or at - delivered_at >= TOO_SOON:
        return None
    return Verdict("machine", "under 3 s after delivery")


IN_A_BURST = Verdict("machine", "three links within 2 s")


class Click(NamedTuple):
    """email: whatever identifies the e-mail. place: the caller's own index."""

    email: tuple[int, int]
    at: dt.datetime
    link_number: int
    place: int


def bursts(clicks: Iterable[Click]) -> set[int]:
    """The places of clicks that are part of three different links of one e-mail within two seconds."""
    by_email: dict[tuple[int, int], list[Click]] = defaultdict(list)
    for click in clicks:
        by_email[click.email].append(click)
    found: set[int] = set()
    for of_one in by_email.values():
        if len(of_one) >= BURST_LINKS:
            found |= _bursts_of_one(sorted(of_one, key=lambda click: click.at))
    return found


def _bursts_of_one(clicks: list[Click]) -> set[int]:
    found: set[int] = set()
    for start, first in enumerate(clicks):
        window = [click for click in clicks[start:] if click.at - first.at <= BURST]
        if len({click.link_number for click in window}) >= BURST_LINKS:
            found |= {click.place for click in window}
    return found
