"""When a campaign must stop by itself: shares of bad e-mails over its beginning and over every later window. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

# a window is told to within this part of its size: one sample is kept for each
SAMPLES_A_WINDOW = 10


class Tally(NamedTuple):
    """What became of a campaign's e-mails up to a moment. tried: all but skipped and pending ones. bounces: hard."""

    tried: int = 0
    bounces: int = 0
    complaints: int = 0
    deferrals: int = 0
    unknowns: int = 0


# in the order in which they are looked at; such as "bounces" to its word in a sentence
WORDS: Mapping[str, str] = {
    "bounces": "bounced for good",
    "complaints": "were marked as spam",
    "deferrals": "were refused for now",
    "unknowns": "got no answer after they were handed over",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """percent: the most that may be bad of each kind, 0 for no limit. first, window: sizes in e-mails.

    least: fewer bad e-mails than this never stop a campaign, however small it is.
    """

    percent: Mapping[str, float]
    first: int = 500
    window: int = 1000
    least: int = 10


@dataclass(frozen=True, slots=True)
class Trip:
    """Why a campaign must stop. bad of `tried` e-mails; `is_first`: of those since it began or was resumed."""

    kind: str
    bad: int
    tried: int
    percent: float
    is_first: bool

    @property
    def words(self) -> str:
        """A sentence for the person who sees the campaign paused."""
        which = "first" if self.is_first else "last"
        return (
            f"{self.bad:,} of the {which} {self.tried:,} e-mails {WORDS[self.kind]} "
            f"({100 * self.bad / max(1, self.tried):.1f} %; at most {self.percent:g} % may)."
        )


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered of a campaign. base: where counting began. samples: later tallies, the oldest first."""

    base: Tally
    samples: tuple[Tally, ...] = ()

    def seen(self, now: Tally, window: int) -> Watch:
        """With what is needed of `now`; itself, where that is nothing."""
        last = self.samples[-1] if self.samples else self.base
        if now.tried - last.tried < max(1, window // SAMPLES_A_WINDOW):
            return self
        older = [sample for sample in self.samples if sample.tried <= now.tried - window]
        kept = self.samples[max(0, len(older) - 1) :]
        return replace(self, samples=(*kept, now))


def judge(limits: Limits, watch: Watch, now: Tally) -> Trip | None:
    """The first limit that is passed, None where all hold.

    A share is taken of the whole size at least: the first 500 have passed 5 % with their 25th bad one, however few
    were tried by then, and a handful says nothing. Complaints come hours after their e-mails, so they are counted from
    the beginning; the others over the last window too.
    """
    last = _window_start(watch.samples, now.tried - limits.window)
    for kind, percent in limits.percent.items():
        is_first = last is None or kind == "complaints"
        start, size = (watch.base, limits.first) if is_first or last is None else (last, limits.window)
        tried, bad = now.tried - start.tried, getattr(now, kind) - getattr(start, kind)
        if percent and bad >= limits.least and 100 * bad > percent * max(tried, size):
            return Trip(kind, bad, tried, percent, is_first)
    return None


def _window_start(samples: Sequence[Tally], tried: int) -> Tally | None:
    """The newest sample that lies a whole window back."""
    return next((sample for sample in reversed(samples) if sample.tried <= tried), None)
