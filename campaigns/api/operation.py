"""What every request passes on its way to a handler: key, scope, limits, size, and the Idempotency-Key of a POST."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja.operation import Operation, PathView

from campaigns.api import bodies, idempotency, limits
from campaigns.api.callers import caller
from campaigns.api.errors import ApiError, respond

# of every answer: they say something about the key, so no cache between us may keep them
ALWAYS = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}


class ApiOperation(Operation):
    """One method of one address.

    max_body_bytes and body_types: what it takes; an empty tuple takes any type. commits: all that the handler writes is
    one service's, which commits by itself; it needs no transaction around it.
    """

    max_body_bytes = 1024 * 1024
    commits = False
    body_types: tuple[str, ...] = (bodies.JSON_TYPE,)

    def clone(self) -> ApiOperation:
        cloned = super().clone()
        assert isinstance(cloned, ApiOperation)  # noqa: S101 (for mypy: ninja's clone keeps the class)
        cloned.max_body_bytes, cloned.body_types = self.max_body_bytes, self.body_types
        cloned.commits = self.commits
        return cloned

    def run(self, request: HttpRequest, **path: Any) -> HttpResponseBase:
        headers: dict[str, str] = {}
        try:
            response = super()._run_checks(request) or self._limited(request, headers, path)
        except ApiError as error:
            response = respond(error)
        except Exception as error:  # noqa: BLE001 (the API's handlers say which are answered, and raise the others)
            response = self.api.on_exception(request, error)
        for name, value in {**ALWAYS, **headers}.items():
            response.setdefault(name, value)
        return response

    def _run_checks(self, _request: HttpRequest) -> None:
        """Nothing more: `run` has looked before it asked for the Idempotency-Key."""

    def _limited(self, request: HttpRequest, headers: dict[str, str], path: dict[str, Any]) -> HttpResponseBase:
        key = caller(request)
        headers.update(limits.take(key))
        bodies.read(request, self.max_body_bytes, self.body_types)
        name = request.headers.get(idempotency.HEADER) if request.method == "POST" else None
        if request.method == "GET" or (self.commits and name is None):
            return super().run(request, **path)
        if name is None:
            return idempotency.whole(lambda: super(ApiOperation, self).run(request, **path))
        return idempotency.once(request, key, name, lambda: super(ApiOperation, self).run(request, **path))


class ApiPathView(PathView):
    """Makes ApiOperations. ninja names its own class in the middle of a long method, so it is swapped for the call."""

    def add_operation(self, path: str, methods: list[str], view_func: Any, **options: Any) -> ApiOperation:
        operation = ApiOperation(path, methods, view_func, **options)
        self.operations.append(operation)
        return operation


def compact(value: Any) -> bytes:
    """JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
