"""What a condition means, said in plain Python and independently of the SQL: the judge of the property tests."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

UTC = ZoneInfo("UTC")
NUMBER = re.compile(r" *[+-]?[0-9]{1,30}(\.[0-9]{1,30})? *")
TIME_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z",
                "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d %H:%M%z", "%Y-%m-%dT%H:%M%z")  # fmt: skip
COMPLEMENTS = {"is_not": "is", "has_none": "has_any"}


@dataclass
class Person:
    """A lead as the judge sees it. lists: status by the list's name."""

    columns: dict[str, str]
    created_at: dt.datetime
    attributes: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    lists: dict[str, str] = field(default_factory=dict)


def holds(node: dict[str, Any], person: Person, now: dt.datetime) -> bool:
    """Whether `person` is meant by the condition."""
    if not node:
        return True
    if "all" in node:
        return all(holds(child, person, now) for child in node["all"])
    if "any" in node:
        return any(holds(child, person, now) for child in node["any"])
    if "not" in node:
        return not holds(node["not"], person, now)
    name, op, value = node["field"], node["op"], node.get("value")
    if op in COMPLEMENTS or op.startswith("not_"):
        twin = COMPLEMENTS.get(op, op.removeprefix("not_"))
        return not holds({"field": name, "op": twin, "value": value}, person, now)
    if name == "tags":
        return tags_hold(op, value, person.tags)
    if name == "list":
        return list_holds(op, value, person.lists)
    if name == "created_at":
        return time_holds(op, value, person.created_at, now)
    if name.startswith("attributes."):
        return attribute_holds(op, value, person.attributes, name.removeprefix("attributes."), now)
    return text_holds(op, value, column(name, person))


def column(name: str, person: Person) -> str:
    return person.columns["email"].split("@")[1] if name == "email_domain" else person.columns[name]


def fold(text: str) -> str:
    """Lower case one character for one, as the database does it."""
    return "".join("i" if character == "İ" else character.lower() for character in text)


def text_holds(op: str, value: Any, actual: str | None) -> bool:
    if op == "is_empty":
        return actual in (None, "")
    if op == "is_set":
        return actual not in (None, "")
    if actual is None:
        return False
    tests: dict[str, Callable[[], bool]] = {
        "is": lambda: fold(actual) == fold(value),
        "in": lambda: fold(actual) in [fold(item) for item in value],
        "contains": lambda: fold(value) in fold(actual),
        "starts_with": lambda: fold(actual).startswith(fold(value)),
        "ends_with": lambda: fold(actual).endswith(fold(value)),
    }
    return tests[op]()


def tags_hold(op: str, value: Any, tags: list[str]) -> bool:
    tests: dict[str, Callable[[], bool]] = {
        "has": lambda: value in tags,
        "has_any": lambda: any(tag in tags for tag in value),
        "has_all": lambda: all(tag in tags for tag in value),
        "is_empty": lambda: not tags,
        "is_set": lambda: bool(tags),
    }
    return tests[op]()


def list_holds(op: str, value: str, lists: dict[str, str]) -> bool:
    wanted = {"member_of": "subscribed", "unsubscribed_from": "unsubscribed", "unconfirmed_on": "unconfirmed"}
    return lists.get(value) == wanted[op]


def time_holds(op: str, value: Any, actual: dt.datetime | None, now: dt.datetime) -> bool:
    if actual is None:
        return False
    if op == "in_last_days":
        return now - dt.timedelta(days=value) <= actual <= now
    if op == "more_than_days_ago":
        return actual < now - dt.timedelta(days=value)
    if op == "in_next_days":
        return now <= actual <= now + dt.timedelta(days=value)
    if op == "between":
        return time_holds("on_or_after", value[0], actual, now) and time_holds("on_or_before", value[1], actual, now)
    when = read_time(value)
    assert when is not None
    day = len(value) == 10
    past = actual >= when + dt.timedelta(days=1) if day else actual > when
    return {
        "before": actual < when,
        "after": past,
        "on": actual >= when and not past,
        "on_or_after": actual >= when,
        "on_or_before": not past,
    }[op]


def read_time(text: Any) -> dt.datetime | None:
    for form in TIME_FORMATS:
        try:
            found = dt.datetime.strptime(text, form)
        except (ValueError, TypeError):
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def attribute_holds(op: str, value: Any, attributes: dict[str, Any], name: str, now: dt.datetime) -> bool:
    actual = attributes.get(name)
    if op == "is_empty":
        return actual in (None, "", [], {}) and actual is not False and actual != 0
    if op == "is_set":
        return not attribute_holds("is_empty", value, attributes, name, now)
    if op == "is_exactly":
        return isinstance(actual, str) and actual == value
    example = value[0] if isinstance(value, list) else value
    if isinstance(example, bool):
        return fold(scalar_text(actual) or "") == str(value).lower()
    if op.endswith(("_days", "_ago")) or op in ("before", "after", "on", "on_or_after", "on_or_before"):
        return time_holds(op, value, read_time(actual), now)
    if isinstance(example, int | float):
        return number_holds(op, value, read_number(actual))
    if op == "between":
        return time_holds(op, value, read_time(actual), now)
    return text_holds(op, value, scalar_text(actual))


def scalar_text(actual: Any) -> str | None:
    if isinstance(actual, bool):
        return str(actual).lower()
    if isinstance(actual, int | float):
        return format(Decimal(repr(actual)), "f")
    return actual if isinstance(actual, str) else None


def read_number(actual: Any) -> Decimal | None:
    if isinstance(actual, bool):
        return None
    if isinstance(actual, int | float):
        return Decimal(repr(actual))
    return Decimal(actual.strip(" ")) if isinstance(actual, str) and NUMBER.fullmatch(actual) else None


def number_holds(op: str, value: Any, actual: Decimal | None) -> bool:
    if actual is None:
        return False
    if op == "between":
        return Decimal(repr(value[0])) <= actual <= Decimal(repr(value[1]))
    if op == "in":
        return actual in [Decimal(repr(item)) for item in value]
    given = Decimal(repr(value))
    return {
        "is": actual == given,
        "<": actual < given,
        "<=": actual <= given,
        ">": actual > given,
        ">=": actual >= given,
    }[op]
