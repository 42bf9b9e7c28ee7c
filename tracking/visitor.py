"""What is kept of a request: its user agent, cut, and the network that it came from, never the address."""

from __future__ import annotations

from django.http import HttpRequest

from campaigns.visitors import network
from tracking.occurrence import USER_AGENT_CHARACTERS
from tracking.who import Visit

__all__ = ["network", "user_agent", "visit"]

PURPOSE_HEADERS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")


def user_agent(request: HttpRequest) -> str:
    return request.headers.get("User-Agent", "")[:USER_AGENT_CHARACTERS]


def visit(kind: str, request: HttpRequest) -> Visit:
    """The request as the rules of `who` see it. kind: "open" or "click"."""
    purpose = " ".join(request.headers.get(name, "") for name in PURPOSE_HEADERS)
    return Visit(kind, request.method or "GET", user_agent(request), purpose.strip().lower())
