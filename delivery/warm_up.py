"""Warm-up plans at work: today's ceilings for the throttle, and the daily step along the ramp."""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from delivery import provider_events, usage
from delivery.engine import warmup
from delivery.engine.warmup import Plan, Volume
from delivery.limits import DAY, Limit
from delivery.models import Provider, ProviderEvent, WarmUp

logger = logging.getLogger(__name__)

State = WarmUp.State


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What a plan allows on one day. mailbox_group: "" for the provider as a whole."""

    limit: Limit
    day: dt.date
    mailbox_group: str = ""

    @property
    def amount(self) -> int:
        return int(self.limit.amount)


def today_utc() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def ceilings(provider: Provider, day: dt.date | None = None) -> list[Ceiling]:
    """The daily ceilings of a provider's plans that are not done; one query, none where `warm_ups` is prefetched.

    day: UTC, today when None.
    """
    day = day or today_utc()
    rows = [row for row in provider.warm_ups.all() if row.state != State.DONE]
    return [
        Ceiling(ceiling_limit(row.provider_id, row.mailbox_group, row.ramp, row.stage), day, row.mailbox_group)
        for row in rows
    ]


def ceiling_limit(provider_id: int, mailbox_group: str, ramp: Sequence[int], stage: int) -> Limit:
    """The daily quota of a plan at a stage. Its key is "warm:<provider>" or "warm:<provider>:<group>"."""
    key = f"warm:{provider_id}:{mailbox_group}" if mailbox_group else f"warm:{provider_id}"
    return Limit(key, warmup.ceiling_of(tuple(ramp) or (1,), stage), DAY)


def plan_of(row: WarmUp) -> Plan:
    """A row as the engine's value."""
    return Plan(
        ramp=tuple(row.ramp) or (1,),
        stage=row.stage,
        stage_day=row.stage_day,
        state=row.state,  # type: ignore[arg-type]  # the choices of the field are the literal's values
        held="" if row.state == State.FROZEN else row.frozen_reason,
        last_sent_on=row.last_sent_on,
    )


def advance_all(today: dt.date | None = None) -> int:
    """Move every plan on to `today` (UTC); how many changed.

    Harmless at any moment and twice: a plan moves by compare-and-set, and only once into a day.
    """
    today = today or today_utc()
    rows = list(WarmUp.objects.select_related("provider"))
    if not rows:
        return 0
    volumes = _volumes(rows, today)
    return sum(_move(row, volumes, today) for row in rows)


def start(*, provider_id: int, mailbox_group: str, ramp: Sequence[int], by: str) -> WarmUp:
    """Begin a plan today. Raises django.db.IntegrityError where the provider has one for this group already."""
    with transaction.atomic():
        row = WarmUp.objects.create(
            provider_id=provider_id, mailbox_group=mailbox_group, ramp=list(ramp), stage_day=today_utc()
        )
        _note(row, f"begins at {ramp[0]:,} a day. By {by}.")
    return row


def freeze(row: WarmUp, *, reason: str, by: str) -> bool:
    """Keep a running plan at its ceiling until somebody resumes it; False where it was not running."""
    words = reason.strip() or "by hand"
    return _change(row, f"frozen, {words}. By {by}.", from_=State.RUNNING, state=State.FROZEN, frozen_reason=words)


def resume(row: WarmUp, *, by: str) -> bool:
    """Let a frozen plan rise again, from tomorrow on; False where it was not frozen."""
    return _change(row, f"resumed. By {by}.", from_=State.FROZEN, state=State.RUNNING, frozen_reason="")


def restart(row: WarmUp, *, by: str) -> bool:
    """Begin anew at the first stage, today, whatever the plan's state."""
    first = {"stage": 0, "stage_day": today_utc(), "frozen_reason": "", "last_sent_on": None}
    return _change(row, f"begun anew. By {by}.", from_=None, state=State.RUNNING, **first)


def end(row: WarmUp, *, by: str) -> None:
    """Remove a plan: no ceiling any more."""
    with transaction.atomic():
        _note(row, f"removed. By {by}.")
        row.delete()


def _change(row: WarmUp, words: str, *, from_: str | None, **changes: Any) -> bool:
    rows = WarmUp.objects.filter(pk=row.pk)
    with transaction.atomic():
        if not (rows.filter(state=from_) if from_ else rows).update(**changes):
            return False
        _note(row, words)
    return True


def _note(row: WarmUp, words: str) -> None:
    text = f"Warm-up for {row.mailbox_group or 'all mailboxes'}: {words}"
    provider_events.note(row.provider_id, ProviderEvent.Kind.CHANGED, text, mailbox_group=row.mailbox_group)


def used_today(rows: Iterable[WarmUp], today: dt.date | None = None) -> dict[int, int]:
    """E-mails handed over today under each plan, by the plan's id."""
    today = today or today_utc()
    rows = list(rows)
    volumes = _volumes(rows, today) if rows else {}
    return {row.pk: _of(row, volumes, today).handed_over for row in rows}


_Volumes = Mapping[tuple[int, str, dt.date], Volume]


def _volumes(rows: Iterable[WarmUp], today: dt.date) -> _Volumes:
    """Volume by provider, mailbox group ("": all) and day, of the days that the plans ask about."""
    days = {today} | {row.stage_day for row in rows if row.stage_day and row.stage_day < today}
    found: dict[tuple[int, str, dt.date], Volume] = {}
    sums: dict[tuple[int, dt.date], list[Volume]] = defaultdict(list)
    for (provider_id, group, day), volume in usage.by_day({row.provider_id for row in rows}, days).items():
        found[provider_id, group, day] = volume
        sums[provider_id, day].append(volume)
    for (provider_id, day), parts in sums.items():
        found[provider_id, "", day] = usage.total(parts)
    return found


def _of(row: WarmUp, volumes: _Volumes, day: dt.date | None) -> Volume:
    return volumes.get((row.provider_id, row.mailbox_group, day), warmup.NOTHING) if day else warmup.NOTHING


def _move(row: WarmUp, volumes: _Volumes, today: dt.date) -> bool:
    plan = plan_of(row)
    moved = warmup.advance(
        plan,
        today=today,
        last=_of(row, volumes, row.stage_day),
        current=_of(row, volumes, today),
        daily_limit=row.provider.rate_per_day,
    )
    if moved == plan:
        return False
    with transaction.atomic():
        if not _compare_and_set(row, moved):
            return False
        words = _describe(plan, moved)
        if words:
            _note(row, words)
            logger.info("provider %s, warm-up for %r: %s", row.provider_id, row.mailbox_group, words)
    return True


def _compare_and_set(row: WarmUp, moved: Plan) -> bool:
    """False where a person or another runner was faster: the next round looks again."""
    seen = WarmUp.objects.filter(
        pk=row.pk, stage=row.stage, stage_day=row.stage_day, state=row.state, ramp=row.ramp,
        frozen_reason=row.frozen_reason, last_sent_on=row.last_sent_on,
    )  # fmt: skip
    changes: dict[str, Any] = {
        "stage": moved.stage,
        "stage_day": moved.stage_day,
        "state": moved.state,
        "last_sent_on": moved.last_sent_on,
    }
    if moved.state != State.FROZEN:
        changes["frozen_reason"] = moved.held
    return bool(seen.update(**changes))


def _describe(before: Plan, after: Plan) -> str:
    """What an operator would want to read of a move; "" where there is nothing to tell."""
    if after.stage < before.stage:
        return f"{warmup.IDLE_DAYS} days without mail, begins anew at {warmup.ceiling(after):,} a day"
    if after.state == "done" and before.state != "done":
        return "done, no ceiling any more"
    if after.stage > before.stage:
        return f"now {warmup.ceiling(after):,} a day"
    if after.held and not before.held:
        return f"does not rise tomorrow, {after.held}"
    return ""
