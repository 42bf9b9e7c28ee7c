"""Pace and hours as options of a command."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandParser

from campaigns.services.pace import WEEKDAYS, Pace


def add_pace_arguments(parser: CommandParser) -> None:
    """The options that `pace_of` reads, and --local-time."""
    parser.add_argument(
        "--max-per-hour", type=int, metavar="N", help="e-mails an hour; as fast as possible if left out"
    )
    parser.add_argument("--send-from", type=time_of_day, metavar="HH:MM", help="only from this time of day on")
    parser.add_argument("--send-until", type=time_of_day, metavar="HH:MM", help="and until then; may be past midnight")
    parser.add_argument("--weekdays", type=weekdays, default=(), metavar="DAYS", help="such as mon,tue or mon-fri")
    parser.add_argument("--local-time", action="store_true", help="the hours are those of each lead's time zone")


def pace_of(options: dict[str, Any]) -> Pace:
    """The pace that was asked for; check_pace finds what is wrong with it as a whole."""
    return Pace(options["max_per_hour"], options["send_from"], options["send_until"], options["weekdays"])


def time_of_day(text: str) -> dt.time:
    """An option's value, "9:30" or "21:00"."""
    try:
        return dt.datetime.strptime(text, "%H:%M").time()
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a time of day; write it like 09:30 or 21:00") from error


def weekdays(text: str) -> tuple[int, ...]:
    """Days such as "mon,wed" or "fri-sun", as numbers in the order of the week."""
    found: set[int] = set()
    for part in text.lower().split(","):
        first, _, last = part.strip().partition("-")
        begin, end = weekday(first), weekday(last or first)
        found |= {(begin - 1 + step) % 7 + 1 for step in range((end - begin) % 7 + 1)}
    return tuple(sorted(found))


def weekday(text: str) -> int:
    """The number of a day that is written out or begun, 1 for Monday."""
    begin = text.strip()
    matches = [number for number, day in enumerate(WEEKDAYS, start=1) if day.lower().startswith(begin)]
    if len(matches) != 1:
        raise ArgumentTypeError(f"{text!r} is not a day of the week; write days like mon,tue or mon-fri")
    return matches[0]
