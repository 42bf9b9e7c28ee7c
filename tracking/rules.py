"""The rules as they are now, in every process within seconds, without a query of a request.

PostgreSQL holds them (`VisitorRule`). The drain puts them into Redis when they changed, and again every few seconds
for a Redis that has forgotten; every process reads them there from time to time. Before the first reading, and for as
long as Redis is away, a process keeps what it knows: at first the built-in ones.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import asdict
from typing import Any

import redis
from django.conf import settings
from django.db import connection

from tracking import stream
from tracking.occurrence import Occurrence
from tracking.who import Rule, Rules, Visit
from tracking.who_table import BUILT_IN, BUILT_IN_RULES

log = logging.getLogger(__name__)

KEY = "massmailer:visitor-rules"
LOOK_EVERY_SECONDS = 3.0
PUBLISH_EVERY_SECONDS = 10.0
LISTS = ("phrases", "purposes")

# Whether any rule was added, changed or deleted. 0.1 ms for some tens of rows.
STAMP = """
SELECT count(*) || ':' || coalesce(sum(id), 0) || ':' || coalesce(max(updated_at)::text, '') FROM tracking_visitorrule
"""


def current() -> Rules:
    """The rules by which this process judges now. Asks Redis every three seconds, PostgreSQL never."""
    return _known.look()


def visit_of(occurrence: Occurrence) -> Visit:
    """The request that an event came from, as far as its row keeps it."""
    data = occurrence.data or {}
    return Visit(
        occurrence.kind,
        data.get("method", "GET"),
        occurrence.user_agent,
        data.get("purpose", ""),
        data.get("claim", ""),
    )


def load() -> Rules:
    """The active rules as they stand in PostgreSQL, in their order; the built-in ones where there is no row at all."""
    from tracking.models import VisitorRule

    with connection.cursor() as cursor:
        cursor.execute(STAMP)
        (stamp,) = cursor.fetchone()
    rows = list(VisitorRule.objects.order_by("position", "name"))
    if not rows:
        return BUILT_IN_RULES
    return Rules([row.as_rule() for row in rows if row.is_active], stamp)


def publish(rules: Rules) -> None:
    """Put the rules where all processes read them. Raises redis.RedisError."""
    text = json.dumps({"stamp": rules.stamp, "rules": [asdict(rule) for rule in rules.rules]})
    stream.client(settings.REDIS_URL, stream.TIMEOUT_SECONDS).set(KEY, text)


def publish_changes() -> None:
    """Publish the rules if they changed, or were not published for a while. Cheap enough for every second."""
    with connection.cursor() as cursor:
        cursor.execute(STAMP)
        (stamp,) = cursor.fetchone()
    if stamp != _published.stamp or time.monotonic() >= _published.until:
        publish(load())
        _published.stamp, _published.until = stamp, time.monotonic() + PUBLISH_EVERY_SECONDS
        _known.until = 0.0


def forget() -> None:
    """Know what a new process knows: for tests."""
    _known.__init__()  # type: ignore[misc]
    _published.__init__()  # type: ignore[misc]


class _Published:
    """What this process has published last, and until when that is enough."""

    def __init__(self) -> None:
        self.stamp = ""
        self.until = 0.0


class _Known:
    """The rules that this process knows. Threads share it: one of them looks, the others go on with what is known."""

    def __init__(self) -> None:
        self.rules = BUILT_IN_RULES
        self.until = 0.0
        self._text = b""
        self._lock = threading.Lock()

    def look(self) -> Rules:
        if time.monotonic() >= self.until and self._lock.acquire(blocking=False):
            try:
                self.until = time.monotonic() + LOOK_EVERY_SECONDS
                self._read()
            finally:
                self._lock.release()
        return self.rules

    def _read(self) -> None:
        if stream.is_away():
            return
        try:
            text: Any = stream.client(settings.REDIS_URL, stream.TIMEOUT_SECONDS).get(KEY)
        except redis.RedisError as error:
            log.warning("the rules of opens and clicks stay as they were, Redis is away: %s", error)
            return
        if text and text != self._text:
            self.rules, self._text = _parsed(text), text


def _parsed(text: bytes) -> Rules:
    found = json.loads(text)
    return Rules([_rule(fields) for fields in found["rules"]], found["stamp"])


def _rule(fields: dict[str, Any]) -> Rule:
    read: dict[str, Any] = {name: tuple(value) if name in LISTS else value for name, value in fields.items()}
    return Rule(**read)


def seed(**_options: Any) -> None:
    """After `migrate`: the built-in rules as this version has them. What an operator may change in them stays."""
    from tracking.models import VisitorRule

    # undoing the migrations ends here as well
    if VisitorRule._meta.db_table not in connection.introspection.table_names():
        return
    rows = [VisitorRule.built_in(rule, position * 10) for position, rule in enumerate(BUILT_IN, 1)]
    VisitorRule.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["name"], update_fields=list(VisitorRule.CONDITIONS)
    )


_published = _Published()
_known = _Known()
