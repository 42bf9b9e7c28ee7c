"""Answers that the public doors have in common."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
RETRY_AFTER_SECONDS = 30


def private(response: HttpResponse) -> HttpResponse:
    """The same answer, kept out of caches and search engines: its address names one person's e-mail."""
    response.headers["Cache-Control"] = "no-store, max-age=0"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def page(template: str, context: dict[str, Any] | None = None, *, status: int = 200) -> HttpResponse:
    """One of our own public pages. Rendered without the request: no session, no cookie, no query can slip in."""
    response = HttpResponse(render_to_string(f"public/{template}", context or {}), status=status)
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return private(response)


def not_found(_request: HttpRequest | None = None) -> HttpResponse:
    """For an address that is cut, altered, or of another kind, and for what is no longer kept."""
    return page("not_found.html", status=404)


def come_back_later() -> HttpResponse:
    """For the minutes in which PostgreSQL is away."""
    response = page("later.html", status=503)
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
