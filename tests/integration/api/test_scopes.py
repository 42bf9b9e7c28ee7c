"""Least privilege: each operation is open to its own scope, and to no other."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from campaigns.api.scopes import BY_NAME
from tests.api_client import Program

pytestmark = pytest.mark.django_db
METHODS = ("get", "post", "put", "patch", "delete")


def operations() -> list[tuple[str, str, str]]:
    """(method, path with ids that name nothing, scope) of every operation."""
    openapi: dict[str, Any] = Client().get("/api/v1/openapi.json").json()
    return [
        (method.upper(), re.sub(r"\{[^}]+\}", "987654321", path), operation["x-scope"])
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_every_operation_is_refused_to_a_key_of_all_other_scopes() -> None:
    for scope in {scope for _, _, scope in operations()}:
        others = Program([name for name in BY_NAME if name != scope])
        for method, path, wanted in operations():
            if wanted == scope:
                response = others.call(method, path)
                assert response.status_code == 403, (method, path)
                assert f"lacks the scope {scope}" in response.json()["detail"]


def test_every_operation_is_open_to_a_key_of_its_scope_alone() -> None:
    keys = {scope: Program([scope]) for scope in {scope for _, _, scope in operations()}}

    for method, path, scope in operations():
        response = keys[scope].call(method, path)
        assert response.status_code not in (401, 403, 500), (method, path)


def test_no_operation_is_open_to_strangers() -> None:
    for method, path, _ in operations():
        assert Client().generic(method, path).status_code == 401, (method, path)


def test_every_operation_names_a_scope_that_keys_can_have() -> None:
    assert {scope for _, _, scope in operations()} <= set(BY_NAME)
