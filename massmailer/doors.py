"""Pixels and links whose target is known, from the WSGI server straight to the event stream.

Nothing here is decided anew: tokens, limits, events and answers are those of `tracking.views`, which answer everything
else. Django's request, handler and signals took half of the processor time of a pixel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from django.http import HttpResponse

from campaigns import visitors
from campaigns.public_limits import refusal
from delivery import content
from delivery.engine.token import Door
from massmailer.middleware import guarded
from tracking import views
from tracking.doors import subject_of

# as the paths in tracking.urls; a number of more digits is no link's
_find = re.compile(r"/(?:o/([-a-zA-Z0-9_]+)\.gif|c/([-a-zA-Z0-9_]+)/([0-9]{1,5}))").fullmatch


class Answer(NamedTuple):
    """What a WSGI server sends."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


def answer(environ: Mapping[str, Any]) -> Answer | None:
    """Answer a good pixel or link without a query. None: nothing has happened yet, Django should look at the request.

    Threads may call it at once. It touches no database connection, which only Django's signals would look after.
    """
    found = _find(environ["PATH_INFO"])
    if found is None or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return None
    pixel_token, link_token, number = found.groups()
    return _pixel(environ, pixel_token) if pixel_token else _link(environ, link_token, int(number))


def _pixel(environ: Mapping[str, Any], token: str) -> Answer | None:
    subject = subject_of(Door.OPEN, token)
    if subject is None:
        return None
    origin = visitors.origin(environ)
    refused = refusal("open", origin.stranger)
    if refused is not None:
        return _sent(refused)
    views.note("open", environ, origin.network, subject)
    return _transparent()


def _link(environ: Mapping[str, Any], token: str, number: int) -> Answer | None:
    subject = subject_of(Door.CLICK, token)
    if subject is None or subject.message_id:
        return None
    target = content.known_target(campaign_id=subject.campaign_id, number=number)
    if target is None:
        return None
    origin = visitors.origin(environ)
    refused = refusal("click", origin.stranger)
    if refused is not None:
        return _sent(refused)
    views.note("click", environ, origin.network, subject, number)
    return _onward(target)


@lru_cache(maxsize=1)
def _transparent() -> Answer:
    return _sent(views.transparent())


@lru_cache(maxsize=1024)
def _onward(target: str) -> Answer:
    return _sent(views.onward(target))


def _sent(response: HttpResponse) -> Answer:
    """An answer as Django's own handler would give it to the server."""
    guarded(response)
    return Answer(f"{response.status_code} {response.reason_phrase}", list(response.items()), response.content)
