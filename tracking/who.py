"""Who opened or clicked: a person, a machine, or we cannot tell. Pure; rules are a table, first match wins.

Everything is kept and marked with its reason; reports show the three apart, so a wrong rule loses nothing, and rules
that were changed can be applied again to what is stored (`tracking.reclassify`).

Rules with a time need what only the ledger and the neighbours tell. They are judged when a click is recorded, after
the others, where those have not found a machine.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

# different requests whose verdict a process remembers
REMEMBERED_VISITS = 4096
GAP = "*"


class Verdict(NamedTuple):
    """who: "human", "machine" or "unsure". reason: why, in a few words, for the event's row."""

    who: str
    reason: str


NO_RULE = Verdict("unsure", "unknown user agent")


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request shows. purpose: the headers Sec-Purpose, Purpose, X-Purpose and X-Moz joined, in lower case.

    claim: "machine" where an ESP that saw the request calls it one.
    """

    kind: str
    method: str = "GET"
    user_agent: str = ""
    purpose: str = ""
    claim: str = ""

    def signals(self) -> dict[str, str] | None:
        """What the event's row must keep beside the user agent, so that rules can be applied again. None: nothing."""
        kept = {"method": self.method if self.method != "GET" else "", "purpose": self.purpose, "claim": self.claim}
        return {name: value for name, value in kept.items() if value} or None


@dataclass(frozen=True)
class Rule:
    """One line of the table; conditions that are empty do not count, all others must hold.

    kind: "open", "click", or "" for both. agent: how `phrases` are compared with the user agent: "contains", "begins",
    "is" (one of them is enough, `*` stands for any characters), "empty", or "" for any. purposes: one of them in the
    headers that tell a prefetch. claim: as in Visit. within_seconds: clicked so soon after delivery; with links: so
    many different links of one e-mail clicked within that time.
    """

    name: str
    who: str
    reason: str
    kind: str = ""
    agent: str = ""
    phrases: tuple[str, ...] = ()
    method: str = ""
    purposes: tuple[str, ...] = ()
    claim: str = ""
    within_seconds: float | None = None
    links: int | None = None

    @cached_property
    def verdict(self) -> Verdict:
        return Verdict(self.who, self.reason)

    def applies(self, visit: Visit) -> bool:
        """Whether the request meets every condition that a request alone can meet."""
        return (
            (not self.kind or self.kind == visit.kind)
            and (not self.method or self.method == visit.method)
            and (not self.claim or self.claim == visit.claim)
            and (not self.purposes or any(word in visit.purpose for word in self.purposes))
            and (not self.agent or self._fits_agent(visit.user_agent.strip().lower()))
        )

    def _fits_agent(self, agent: str) -> bool:
        match self.agent:
            case "empty":
                return not agent
            case "is":
                return agent in self.phrases
            case "begins":
                return agent.startswith(self.phrases)
        return any(_holds(agent, pieces) for pieces in self._pieces)

    @cached_property
    def _pieces(self) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(piece for piece in phrase.split(GAP) if piece) for phrase in self.phrases)


def _holds(text: str, pieces: tuple[str, ...]) -> bool:
    """Whether the pieces stand in the text, one behind the other."""
    start = 0
    for piece in pieces:
        found = text.find(piece, start)
        if found < 0:
            return False
        start = found + len(piece)
    return True


class Click(NamedTuple):
    """A click that the request alone does not prove a machine's. email: whatever identifies the e-mail. place: the
    caller's own index. delivered_at: None where it is not known."""

    email: tuple[int, int]
    at: dt.datetime
    link_number: int
    place: int
    visit: Visit
    delivered_at: dt.datetime | None = None


class Rules:
    """A table of rules, in the order in which they are looked at, ready for use. stamp: tells versions apart."""

    def __init__(self, rules: Iterable[Rule], stamp: str = "") -> None:
        self.rules = tuple(rules)
        self.stamp = stamp
        self._early = tuple(rule for rule in self.rules if rule.within_seconds is None)
        self._late = tuple(rule for rule in self.rules if rule.within_seconds is not None)
        self.classify = lru_cache(maxsize=REMEMBERED_VISITS)(self._classify)

    def _classify(self, visit: Visit) -> Verdict:
        """Who made this request, from the request alone."""
        return next((rule.verdict for rule in self._early if rule.applies(visit)), NO_RULE)

    def reach(self) -> dt.timedelta:
        """How far apart clicks can be that tell something about each other."""
        seconds = [rule.within_seconds or 0 for rule in self._late if rule.links]
        return dt.timedelta(seconds=max(seconds, default=0))

    def judge(self, clicks: Sequence[Click]) -> dict[int, Verdict]:
        """Verdicts by the time of clicks, by their places; clicks about which time tells nothing have none."""
        found: dict[int, Verdict] = {}
        for rule in self._late if clicks else ():
            within = dt.timedelta(seconds=rule.within_seconds or 0)
            fitting = [click for click in clicks if click.place not in found and rule.applies(click.visit)]
            places = bursts(fitting, within, rule.links) if rule.links else soon(fitting, within)
            found.update(dict.fromkeys(places, rule.verdict))
        return found


def soon(clicks: Iterable[Click], within: dt.timedelta) -> set[int]:
    """The places of clicks made less than that after delivery. Where that is not known nobody is accused."""
    return {c.place for c in clicks if c.delivered_at is not None and c.at - c.delivered_at < within}


def bursts(clicks: Iterable[Click], within: dt.timedelta, links: int) -> set[int]:
    """The places of clicks that are part of so many different links of one e-mail within that time."""
    by_email: dict[tuple[int, int], list[Click]] = defaultdict(list)
    for click in clicks:
        by_email[click.email].append(click)
    found: set[int] = set()
    for of_one in by_email.values():
        if len(of_one) >= links:
            found |= _bursts_of_one(sorted(of_one, key=lambda click: click.at), within, links)
    return found


def _bursts_of_one(clicks: list[Click], within: dt.timedelta, links: int) -> set[int]:
    found: set[int] = set()
    for start, first in enumerate(clicks):
        window = [click for click in clicks[start:] if click.at - first.at <= within]
        if len({click.link_number for click in window}) >= links:
            found |= {click.place for click in window}
    return found
