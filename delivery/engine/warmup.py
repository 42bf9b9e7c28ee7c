"""Warm-up: how a new sender's daily ceiling rises along a ramp and beyond it. Pure: days are passed in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

State = Literal["running", "frozen", "done"]

# from here on a sender is known, whatever its provider would still allow
FULLY_WARM = 1_000_000
# a ceiling that was not needed says nothing about how more would be received
USED_SHARE = 0.5
IDLE_DAYS = 30
# days after the ramp that rise by a fifth; those after them rise by a tenth
STEEP_DAYS = 7
STEEP, GENTLE = 1.2, 1.1
# some refusals are nobody's opinion of us; from so many on, and from so large a share on, they are
TROUBLED_EMAILS = 5
TROUBLED_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan as it stands.

    ramp: ceilings in e-mails a day, one at least, none falling. stage: days of the ramp that were risen, 0 for the
    first; beyond the ramp it goes on counting. stage_day: the day (UTC) that the ceiling holds for, None before the
    first. frozen: the ceiling stays until a person resumes. held: why the ceiling will not rise tomorrow, "" otherwise.
    last_sent_on: the last day with mail, None before any.
    """

    ramp: tuple[int, ...]
    stage: int = 0
    stage_day: date | None = None
    state: State = "running"
    held: str = ""
    last_sent_on: date | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    """E-mails of one day. accepted: those that arrived. throttled, blocked: refused because of who we are or how fast.
    others: everything else that was handed over."""

    accepted: int = 0
    throttled: int = 0
    blocked: int = 0
    others: int = 0

    @property
    def handed_over(self) -> int:
        return self.accepted + self.throttled + self.blocked + self.others

    @property
    def trouble(self) -> str:
        """What receivers complained of, in words; "" where they did not, or hardly."""
        refused = self.throttled + self.blocked
        if refused < TROUBLED_EMAILS or refused < self.handed_over * TROUBLED_SHARE:
            return ""
        counts = (self.throttled, "throttled"), (self.blocked, "blocked")
        parts = [f"{count:,} {word}" for count, word in counts if count]
        return f"{' and '.join(parts)} of {self.handed_over:,} that day"


NOTHING = Volume()


def ceiling_of(ramp: tuple[int, ...], stage: int) -> int:
    """E-mails a day at a stage, 0 for the first."""
    if stage < len(ramp):
        return ramp[stage]
    after = stage - len(ramp) + 1
    steep = min(after, STEEP_DAYS)
    return round(ramp[-1] * STEEP**steep * GENTLE ** (after - steep))


def ceiling(plan: Plan) -> int | None:
    """Today's most e-mails; None where there is no ceiling any more."""
    return None if plan.state == "done" else ceiling_of(plan.ramp, plan.stage)


def advance(
    plan: Plan, *, today: date, last: Volume, current: Volume = NOTHING, daily_limit: int | None = None
) -> Plan:
    """The plan as it stands `today`; the same plan where nothing changes, so that asking often is harmless.

    last: what was sent on plan.stage_day, where that is past. current: what was sent today so far. daily_limit: the
    provider's own; a plan is done when its ceiling reaches it, or FULLY_WARM.
    A plan rises one stage a day at most, when its ceiling was really used and nothing held it; a frozen one only keeps
    its days. After IDLE_DAYS without mail receivers have forgotten the sender: every plan begins anew, frozen ones too.
    """
    sent_on = today if current.handed_over else _last_day(plan, last)
    if sent_on is not None and today - sent_on >= timedelta(days=IDLE_DAYS):
        state: State = "frozen" if plan.state == "frozen" else "running"
        return replace(plan, stage=0, stage_day=today, state=state, held="", last_sent_on=None)
    plan = replace(plan, last_sent_on=sent_on)
    if plan.stage_day is None or plan.stage_day >= today:
        return _noticed(replace(plan, stage_day=plan.stage_day or today), current)
    if plan.state == "running" and not last.trouble and last.accepted >= USED_SHARE * ceiling_of(plan.ramp, plan.stage):
        plan = _risen(plan, min(daily_limit or FULLY_WARM, FULLY_WARM))
    return _noticed(replace(plan, stage_day=today, held=""), current)


def days_until_done(ramp: tuple[int, ...], daily_limit: int | None = None) -> int:
    """Days from the first to the one without a ceiling, when every day goes well."""
    goal = min(daily_limit or FULLY_WARM, FULLY_WARM)
    days = 1
    while ceiling_of(ramp, days) < goal:
        days += 1
    return days


def _last_day(plan: Plan, last: Volume) -> date | None:
    if not last.handed_over or plan.stage_day is None:
        return plan.last_sent_on
    return max(plan.stage_day, plan.last_sent_on or plan.stage_day)


def _risen(plan: Plan, goal: int) -> Plan:
    stage = plan.stage + 1
    return replace(plan, stage=stage, state="done" if ceiling_of(plan.ramp, stage) >= goal else "running")


def _noticed(plan: Plan, current: Volume) -> Plan:
    """Today's trouble stands in a running plan as soon as it is seen, and no longer than it is one."""
    return replace(plan, held=current.trouble) if plan.state == "running" else plan
