"""A program that calls the API, for tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.test import Client

from campaigns.api import keys
from campaigns.api.scopes import BY_NAME

ROOT = "/api/v1"


class Program:
    """Calls the API with a key of its own. scopes: all of them when left out; fields: of the key."""

    def __init__(self, scopes: Sequence[str] | None = None, **fields: Any) -> None:
        fields.setdefault("rate_per_second", None)
        self.key, self.secret = keys.create_key(
            name="Test", scopes=list(BY_NAME if scopes is None else scopes), **fields
        )
        self.client = Client(raise_request_exception=False)

    def call(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str) -> Any:
        """The response. headers: such as idempotency_key="a"; raw: a body that is sent as it is."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        content_type = sent.pop("content-type", "application/json")
        data = raw if raw is not None else (b"" if body is None else json.dumps(body).encode())
        sent.setdefault("authorization", f"Bearer {self.secret}")
        return self.client.generic(
            method, path if path.startswith("/") else f"{ROOT}/{path}", data, content_type, headers=sent
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.call("POST", path, {} if body is None and "raw" not in options else body, **options)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.call("DELETE", path, **headers)


def places(response: Any) -> dict[str, str]:
    """Where a problem says that the request is wrong, and what."""
    found = response.json().get("errors", [])
    return {one.get("pointer") or one.get("parameter") or one.get("header"): one["detail"] for one in found}
