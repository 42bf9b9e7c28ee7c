"""From a proved request to anymail's events, one by one: a bad one spoils no other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from anymail.signals import AnymailTrackingEvent
from django.http import HttpRequest

from tracking.webhooks.kinds import WebhookKind
from tracking.webhooks.proof import MALFORMED

MAX_EVENTS = 5_000
_PAYLOAD_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something in a request that is no event; payload: how it begins."""

    payload: str
    reason: str


def read_events(kind: WebhookKind, view: Any, request: HttpRequest) -> list[AnymailTrackingEvent | Unreadable]:
    """Everything that a request tells, at most MAX_EVENTS. Never raises for what stands in the request."""
    if kind.name not in _MANY:
        return list(_tried(request.body, lambda: view.parse_events(request)))
    split, translate = _MANY[kind.name]
    try:
        items = split(request)
    except MALFORMED as error:
        return [_unreadable(request.body, error)]
    found: list[AnymailTrackingEvent | Unreadable] = []
    for item in items[:MAX_EVENTS]:
        found += _tried(item, partial(translate, view, item))
    if len(items) > MAX_EVENTS:
        found.append(Unreadable("", f"{len(items) - MAX_EVENTS} events more than {MAX_EVENTS} in one request"))
    return found


def _tried(
    source: object, read: Callable[[], list[AnymailTrackingEvent]]
) -> Iterator[AnymailTrackingEvent | Unreadable]:
    try:
        yield from read()
    except MALFORMED as error:
        yield _unreadable(source, error)


def _unreadable(source: object, error: Exception) -> Unreadable:
    text = source.decode(errors="replace") if isinstance(source, bytes) else json.dumps(source, default=str)
    return Unreadable(text[:_PAYLOAD_CHARACTERS], repr(error)[:300])


def _array(request: HttpRequest) -> list[Any]:
    found = json.loads(request.body)
    return found if isinstance(found, list) else [found]


def _mandrill(request: HttpRequest) -> list[Any]:
    return list(json.loads(request.POST["mandrill_events"]))


def _one(view: Any, item: Any) -> list[AnymailTrackingEvent]:
    return [view.esp_to_anymail_event(item)]


def _sparkpost(view: Any, item: Any) -> list[AnymailTrackingEvent]:
    event_class, event, raw = view.unwrap_event(item)
    return [] if event is None else [view.esp_to_anymail_event(event_class, event, raw)]


def _mandrill_one(view: Any, item: Any) -> list[AnymailTrackingEvent]:
    event = view.esp_to_anymail_event(item)
    return [event] if isinstance(event, AnymailTrackingEvent) else []


# ESPs that put many events into one request: how to take it apart, and how to read a piece
_MANY: Mapping[str, tuple[Callable[[HttpRequest], list[Any]], Callable[[Any, Any], list[AnymailTrackingEvent]]]] = {
    "sendgrid": (_array, _one),
    "mailjet": (_array, _one),
    "sparkpost": (_array, _sparkpost),
    "mandrill": (_mandrill, _mandrill_one),
}
