"""A router whose operations demand a scope and say in OpenAPI what every one of them may answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from ninja import Router

from campaigns.api import scopes
from campaigns.api.callers import BearerKey
from campaigns.api.errors import MEDIA_TYPE
from campaigns.api.idempotency import HEADER, MOST_CHARACTERS
from campaigns.api.operation import ApiOperation, ApiPathView

Handler = TypeVar("Handler", bound=Callable[..., Any])

PROBLEMS = {
    400: "The body cannot be read as what it says it is.",
    401: "No key was sent, or it is unknown, revoked or expired.",
    403: "The key lacks the scope, or may not be used from this address.",
    404: "There is no such thing.",
    409: "The state of the thing, or another request, does not allow this now.",
    411: "The body came without its length.",
    412: "It has changed since it was read (If-Match).",
    413: "The body is too large.",
    415: "The body is of a type that is not taken here.",
    422: "The request does not fit; `errors` names each place.",
    429: "The key has used up its limit; Retry-After says when there is room again.",
    503: "An engine is away or busy. Send it again as it was; Retry-After says when.",
}
ALWAYS = (401, 403, 422, 429, 503)
WITH_BODY = (400, 411, 413, 415)


class ApiRouter(Router):
    """The addresses of one resource. resource: the first part of its scopes, and its heading in the reference."""

    def __init__(self, resource: str) -> None:
        super().__init__(tags=[resource.capitalize()])
        self.resource = resource

    def read(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """GET; options as `operation` takes them."""
        return self.operation("GET", path, **options)

    def create(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """POST, which honours an Idempotency-Key."""
        return self.operation("POST", path, **options)

    def change(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """PATCH: what is left out stays."""
        return self.operation("PATCH", path, **options)

    def replace(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """PUT."""
        return self.operation("PUT", path, **options)

    def remove(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """DELETE."""
        return self.operation("DELETE", path, **options)

    def operation(
        self,
        method: str,
        path: str,
        *,
        response: Any,
        verb: str = "",
        problems: tuple[int, ...] = (),
        example: Any = None,
        etag: bool = False,
        commits: bool = ApiOperation.commits,
        max_body_bytes: int = ApiOperation.max_body_bytes,
        body_types: tuple[str, ...] = ApiOperation.body_types,
        openapi: dict[str, Any] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Register a handler; the first line of its docstring is the summary, the rest the description.

        response: a schema, or a mapping of status to schema. verb: of the scope, read for GET and write for others.
        problems: statuses that this operation answers beside those that all have. example: of the JSON body.
        etag: the answer has an ETag, and If-None-Match (GET) or If-Match are honoured. commits: see ApiOperation.
        """
        scope = f"{self.resource}:{verb or ('read' if method == 'GET' else 'write')}"
        assert scope in scopes.BY_NAME, scope  # noqa: S101 (at import time, for whoever adds an operation)
        tagged = etag and method in ("PUT", "PATCH")
        statuses = {*ALWAYS, *problems, *((404,) if "{" in path else ()), *((412,) if tagged else ())}
        statuses |= {*WITH_BODY, *((409,) if method == "POST" else ())} if method in ("POST", "PUT", "PATCH") else set()
        extra = _openapi(method, sorted(statuses), example, etag)
        _merge(extra, {"x-scope": scope, **({"x-etag": True} if etag else {}), **(openapi or {})})

        def register(handler: Handler) -> Handler:
            summary, _, description = inspect.cleandoc(handler.__doc__ or "").partition("\n")
            view = self.path_operations.setdefault(path, ApiPathView())
            assert isinstance(view, ApiPathView)  # noqa: S101 (for mypy)
            made = view.add_operation(
                path, [method], handler, auth=BearerKey(scope), response=response, operation_id=handler.__name__,
                summary=summary.rstrip("."), description=f"{description.strip()}\n\nScope: `{scope}`.".strip(),
                openapi_extra=extra,
            )  # fmt: skip
            made.max_body_bytes, made.body_types, made.commits = max_body_bytes, body_types, commits
            return handler

        return register


def _openapi(method: str, statuses: list[int], example: Any, etag: bool) -> dict[str, Any]:
    extra: dict[str, Any] = {
        "responses": {
            status: {
                "description": PROBLEMS[status],
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
            }
            for status in statuses
        }
    }
    parameters = []
    if method == "POST":
        words = "Makes the request happen once, however often it is sent within 24 hours."
        parameters.append(_header(HEADER, words, {"minLength": 1, "maxLength": MOST_CHARACTERS, "pattern": "^[!-~]+$"}))
    if etag and method == "GET":
        parameters.append(_header("If-None-Match", "The ETag that you have: 304 where nothing has changed.", {}))
        extra["responses"][304] = {"description": "Nothing has changed since this ETag."}
    elif etag and method != "POST":
        parameters.append(_header("If-Match", "The ETag that your change builds on: 412 where it has changed.", {}))
    if parameters:
        extra["parameters"] = parameters
    if example is not None:
        extra["requestBody"] = {"content": {"application/json": {"example": example}}}
    return extra


def _header(name: str, words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "in": "header", "name": name, "required": False, "description": words, "schema": {"type": "string", **schema},
    }  # fmt: skip


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value
