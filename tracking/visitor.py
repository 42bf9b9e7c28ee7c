"""What is kept of a request: its user agent, cut, and the network that it came from, never the address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from campaigns.visitors import network
from tracking.occurrence import USER_AGENT_CHARACTERS
from tracking.who import Visit

__all__ = ["network", "user_agent", "visit"]

# Sec-Purpose, Purpose, X-Purpose, X-Moz
PURPOSE_HEADERS = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")


def user_agent(request: HttpRequest) -> str:
    return request.headers.get("User-Agent", "")[:USER_AGENT_CHARACTERS]


def visit(kind: str, meta: Mapping[str, Any]) -> Visit:
    """The request with these CGI variables (a WSGI environ, or `request.META`) as the rules of `who` see it.

    kind: "open" or "click".
    """
    agent = meta.get("HTTP_USER_AGENT", "")[:USER_AGENT_CHARACTERS]
    purpose = " ".join([meta[name] for name in PURPOSE_HEADERS if name in meta])
    return Visit(kind, meta["REQUEST_METHOD"], agent, purpose.strip().lower())
