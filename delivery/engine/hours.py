"""Sending hours: when a campaign may send, by the clock on the wall of a time zone. Pure arithmetic.

A moment is open if the clock on the wall shows a time inside the hours then. So nothing special happens when clocks
change: hours that fall into the skipped part of a night do not open in that night, and hours inside a part that comes
twice are open both times.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EVERY_DAY = frozenset(range(1, 8))
ONE_DAY = timedelta(days=1)
# one weekday a week, and that day's hours swallowed by a change of clocks or a day left out at the date line
HORIZON_DAYS = 22


@lru_cache(maxsize=1024)
def find_zone(name: str, fallback: str) -> ZoneInfo:
    """The time zone of that name, `fallback` where there is none. Raises ZoneInfoNotFoundError for a bad fallback."""
    try:
        return ZoneInfo(name) if name else ZoneInfo(fallback)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # not a name, not a relative path, or a folder such as Europe
        return ZoneInfo(fallback)


@dataclass(frozen=True, slots=True)
class SendingHours:
    """From a time of day until another, on some days of the week.

    begin: None means midnight. end: exclusive; None means midnight; earlier than `begin` means the next morning. Equal
    ones mean a whole day. weekdays: 1 for Monday to 7 for Sunday, none at all for every day; the hours after midnight
    belong to the day on which they began. Raises ValueError for other weekdays.
    """

    begin: time | None = None
    end: time | None = None
    weekdays: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not self.weekdays <= EVERY_DAY:
            raise ValueError(f"weekdays are 1 to 7, not {sorted(self.weekdays - EVERY_DAY)}")

    @property
    def is_always(self) -> bool:
        """True when nothing is ever closed."""
        return self._length == ONE_DAY and self._days == EVERY_DAY

    @property
    def open_per_week(self) -> timedelta:
        """How long it is open in a week without a change of clocks."""
        return self._length * len(self._days)

    def is_open(self, moment: datetime, zone: ZoneInfo) -> bool:
        """Whether the clock of `zone` shows a time inside the hours at this (aware) moment."""
        since_begin = moment.astimezone(zone).replace(tzinfo=None) - _since_midnight(self.begin)
        of_day = since_begin - datetime.combine(since_begin.date(), time.min)
        return of_day < self._length and since_begin.isoweekday() in self._days

    def next_open(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """The first moment after `now` that is open, in UTC; None when `now` is open already."""
        return None if self.is_open(now, zone) else self._next(now, zone, wanted=True)

    def closes_at(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """The first moment after `now` that is closed, in UTC; None where none ever is. A closed `now` is its own."""
        if self.is_always:
            return None
        return self._next(now, zone, wanted=False) if self.is_open(now, zone) else now.astimezone(UTC)

    @property
    def _length(self) -> timedelta:
        return (_since_midnight(self.end) - _since_midnight(self.begin)) % ONE_DAY or ONE_DAY

    @property
    def _days(self) -> frozenset[int]:
        return self.weekdays or EVERY_DAY

    def _next(self, now: datetime, zone: ZoneInfo, *, wanted: bool) -> datetime:
        """The first change to `wanted` after `now`; the end of the horizon where there is none before it."""
        first = datetime.combine(now.astimezone(UTC).date(), time.min, UTC)
        times = {time.min, self.begin or time.min, self.end or time.min}
        for number in range(HORIZON_DAYS):
            for moment in sorted(_changes(first + number * ONE_DAY, times, zone)):
                if moment > now and self.is_open(moment, zone) is wanted:
                    return moment
        return first + HORIZON_DAYS * ONE_DAY


def _since_midnight(at: time | None) -> timedelta:
    return datetime.combine(date.min, at or time.min) - datetime.combine(date.min, time.min)


def _changes(begin: datetime, times: set[time], zone: ZoneInfo) -> Iterator[datetime]:
    """Moments of the day (of UTC) that starts at `begin` at which hours can open or close."""
    end = begin + ONE_DAY
    for day in (begin.date() - ONE_DAY, begin.date(), begin.date() + ONE_DAY):
        for at in times:
            for fold in (0, 1):
                # a time that comes twice has two moments; one that is skipped has none that shows it
                moment = datetime.combine(day, at, zone).replace(fold=fold).astimezone(UTC)
                shown = moment.astimezone(zone).replace(tzinfo=None)
                if begin <= moment < end and shown == datetime.combine(day, at):
                    yield moment
    if begin.astimezone(zone).utcoffset() != end.astimezone(zone).utcoffset():
        yield _clock_change(begin, end, zone)


def _clock_change(begin: datetime, end: datetime, zone: ZoneInfo) -> datetime:
    """The moment between two (in UTC) at which the zone's offset changes, to the second."""
    before = begin.astimezone(zone).utcoffset()
    while end - begin > timedelta(seconds=1):
        middle = begin + timedelta(seconds=(end - begin) // timedelta(seconds=1) // 2)
        if middle.astimezone(zone).utcoffset() == before:
            begin = middle
        else:
            end = middle
    return end
