"""Versions of what the API shows: what has not changed is not sent again, what has changed is not overwritten."""

from __future__ import annotations

import hashlib
import json

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags
from ninja import Schema

from campaigns.api.errors import ApiError, At


def answer(request: HttpRequest, out: Schema, status: int = 200) -> HttpResponse:
    """The response with its ETag; 304 without a body where the caller of a GET has this version already."""
    body = _body(out)
    tag = _tag(body)
    if request.method in ("GET", "HEAD") and _matches(request.headers.get("If-None-Match", ""), tag):
        return HttpResponse(status=304, headers={"ETag": tag})
    return HttpResponse(body, status=status, content_type="application/json; charset=utf-8", headers={"ETag": tag})


def demand(request: HttpRequest, now: Schema) -> None:
    """Raises ApiError 412 unless If-Match, where it was sent, names what the row shows now. Lock the row before."""
    wanted = request.headers.get("If-Match", "")
    if wanted and not _matches(wanted, _tag(_body(now))):
        detail = "It has changed since you read it. Read it again, and send your change with its new ETag."
        raise ApiError(412, detail, errors=[At(detail, header="If-Match")])


def _body(out: Schema) -> bytes:
    return json.dumps(out.model_dump(mode="json"), cls=DjangoJSONEncoder, ensure_ascii=False).encode()


def _tag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def _matches(header: str, tag: str) -> bool:
    wanted = parse_etags(header)
    return "*" in wanted or tag in (one.removeprefix("W/") for one in wanted)
