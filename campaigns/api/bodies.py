"""Reading what a request brings: bounded, and free of what no database stores."""

from __future__ import annotations

import json
import re
from typing import Any, cast

from django.http import HttpRequest
from django.http.request import UnreadablePostError
from ninja.parser import Parser

from campaigns.api.errors import ApiError, At, invalid, pointer_to

JSON_TYPE = "application/json"
# NUL and lone halves of surrogate pairs: JSON can spell both, PostgreSQL takes neither
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAY_SPELL_THEM = re.compile(rb"\\u(0000|[dD][89a-fA-F])")


def read(request: HttpRequest, most_bytes: int, types: tuple[str, ...]) -> None:
    """Read the body into memory, so that `request.body` gives it. Raises ApiError 411, 413, 415 or 422."""
    if "%00" in request.META.get("QUERY_STRING", ""):
        raise invalid(At("A NUL character cannot be searched for.", parameter="query"))
    if request.META.get("HTTP_TRANSFER_ENCODING"):
        raise ApiError(411, "Send the body with its Content-Length, not in chunks.")
    length = _length(request)
    if length > most_bytes:
        raise ApiError(413, f"The body has {length:,} bytes; at most {most_bytes:,} are taken here.")
    if length and types and request.content_type not in types:
        raise ApiError(415, f"Send the body as {' or '.join(types)}, not as {request.content_type or 'nothing'}.")
    try:
        # Django's own limit is one for all pages, and lower than a file of 10,000 leads
        request._body = request.read()
    except UnreadablePostError as error:
        raise ApiError(400, "The connection broke in the middle of the body.", "unreadable-body") from error


def _length(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdecimal() else 0


class StrictParser(Parser):
    """JSON of which every text can be stored."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """Raises ApiError 422 with the place of a text that cannot be stored; ninja says 400 of what is no JSON."""
        return cast(dict[str, Any], parse_json(request.body))


def parse_json(raw: bytes) -> Any:
    """The value. Raises ValueError or RecursionError where it is no JSON, ApiError 422 for a text that cannot be."""
    value = json.loads(raw, parse_constant=_no_constant)
    if _MAY_SPELL_THEM.search(raw):
        _check(value, ())
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _check(value: Any, steps: tuple[str | int, ...]) -> None:
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise invalid(At("This text has a NUL character or half a character in it.", pointer=pointer_to(*steps)))
    elif isinstance(value, dict):
        for name, one in value.items():
            _check(name, (*steps, "?"))
            _check(one, (*steps, name))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            _check(one, (*steps, place))
