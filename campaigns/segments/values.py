"""Checks of the values in a condition. Each returns the value as its operator wants it or raises ValueInvalid."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils import timezone

from campaigns.segments.errors import ValueInvalid

MAX_TEXT = 1000
MAX_VALUES = 1000
MAX_NUMBER = Decimal(10) ** 30
MAX_DAYS = 36_500
ISO_DATE = re.compile(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}")


def nothing(value: object) -> None:
    """For operators without a value, such as is_set."""
    if value is not None:
        raise ValueInvalid("this operator takes no value; leave `value` out")


def text(value: object) -> str:
    """Text that PostgreSQL can store, 1 to 1,000 characters."""
    if not isinstance(value, str):
        raise ValueInvalid(f"the value must be text in quotes, not {kind_of(value)}")
    if not value:
        raise ValueInvalid("the value is empty; to look for empty fields use the operator is_empty")
    return storable(value)


def storable(value: str) -> str:
    if len(value) > MAX_TEXT:
        raise ValueInvalid(f"the value has {len(value):,} characters; at most {MAX_TEXT:,} are allowed")
    if "\x00" in value:
        raise ValueInvalid("the value contains a NUL character; remove it")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueInvalid("the value contains half of a surrogate pair; type the character again") from error
    return value


def number(value: object) -> Decimal:
    """A finite number of at most 30 digits before the point."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueInvalid(f"the value must be a number without quotes, not {kind_of(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueInvalid("the value must be a finite number")
    if isinstance(value, int) and abs(value) >= MAX_NUMBER:
        raise ValueInvalid("the number is too large")
    found = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not found.is_finite() or abs(found) >= MAX_NUMBER:
        raise ValueInvalid("the number is too large")
    return found


def days(value: object) -> int:
    """A whole number of days, 0 to 36,500."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_DAYS:
        raise ValueInvalid(f"the value must be a whole number of days from 0 to {MAX_DAYS}, such as 30")
    return value


def list_of(check: Callable[[object], object]) -> Callable[[object], tuple[object, ...]]:
    """A check for a list of 1 to 1,000 values; one bare value is read as a list of one."""

    def check_list(value: object) -> tuple[object, ...]:
        items = value if isinstance(value, list | tuple) else [value]
        if not items:
            raise ValueInvalid('the list is empty; give at least one value, such as ["de", "fr"]')
        if len(items) > MAX_VALUES:
            raise ValueInvalid(f"the list has {len(items):,} values; at most {MAX_VALUES:,} are allowed")
        return tuple(check(item) for item in items)

    return check_list


def pair_of(check: Callable[[object], object]) -> Callable[[object], tuple[object, object]]:
    """A check for [lowest, highest]."""

    def check_pair(value: object) -> tuple[object, object]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise ValueInvalid("between takes a list of two values: [lowest, highest]")
        low, high = check(value[0]), check(value[1])
        if low > high:  # type: ignore[operator]  # both come from the same check, which returns something ordered
            raise ValueInvalid("the first value of between is above the second; swap them")
        return low, high

    return check_pair


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A date or a time as the user wrote it: [start, end) in absolute time; end is start for an exact time.

    A day without a time means the whole day in the installation's time zone.
    """

    start: dt.datetime
    end: dt.datetime
    words: str = field(compare=False)

    @property
    def is_day(self) -> bool:
        return self.end > self.start


def moment(value: object) -> Moment:
    """An ISO date or date-time; one without an offset is read in the installation's time zone."""
    cure = "give an ISO date such as 2025-01-31 or a time such as 2025-01-31T18:00+01:00"
    if not isinstance(value, str):
        raise ValueInvalid(f"the value must be a date in quotes, not {kind_of(value)}; {cure}")
    zone = timezone.get_default_timezone()
    try:
        if ISO_DATE.fullmatch(value):
            day = dt.date.fromisoformat(value)
            following = day + dt.timedelta(days=1)
            return Moment(_midnight(day, zone), _midnight(following, zone), value)
        found = dt.datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueInvalid(f"{shown(value)} is not a date; {cure}") from error
    if not 1000 <= found.year <= 2999:
        raise ValueInvalid(f"the year of {shown(value)} is out of range; {cure}")
    exact = found if found.tzinfo else found.replace(tzinfo=zone)
    return Moment(exact, exact, value)


def _midnight(day: dt.date, zone: dt.tzinfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=zone)


def shown(value: object) -> str:
    """`value` for an error message: quoted and cut to 40 characters."""
    words = str(value)
    return repr(words if len(words) <= 40 else words[:39] + "…")


def kind_of(value: object) -> str:
    """The JSON type of `value` in words."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "true or false"
    names: list[tuple[type | tuple[type, ...], str]] = [
        (str, "text"), ((int, float, Decimal), "a number"), ((list, tuple), "a list"), (dict, "an object"),
    ]  # fmt: skip
    return next((name for types, name in names if isinstance(value, types)), type(value).__name__)
