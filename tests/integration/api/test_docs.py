"""The reference page and the OpenAPI behind it come from us alone."""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs
import pytest
from django.contrib.staticfiles import finders
from django.test import Client

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    found: dict[str, Any] = Client().get("/api/v1/openapi.json").json()
    return found


def operations(openapi: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_the_page_asks_no_outside_host_and_runs_under_the_policy() -> None:
    response = Client().get("/api/v1/docs")
    page = response.content.decode()

    assert response.status_code == 200
    assert "script-src 'self'" in response["Content-Security-Policy"]
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert assets
    assert all(one.startswith("/static/") and finders.find(one.removeprefix("/static/")) for one in assets)
    assert not re.search(r"<script>|<script type=\"text/javascript\">", page)


def test_every_operation_names_its_scope_and_its_refusals(openapi: dict[str, Any]) -> None:
    for name, operation in operations(openapi):
        assert operation["x-scope"], name
        assert operation["summary"], name
        assert {"401", "403", "429", "503"} <= set(operation["responses"]), name
        problem = operation["responses"]["401"]["content"]["application/problem+json"]["schema"]
        assert problem == {"$ref": "#/components/schemas/ProblemDetails"}, name


def test_every_post_takes_an_idempotency_key(openapi: dict[str, Any]) -> None:
    for name, operation in operations(openapi):
        if name.startswith("POST"):
            assert "Idempotency-Key" in {one["name"] for one in operation["parameters"]}, name


def test_every_answer_with_a_body_has_an_example_that_fits(openapi: dict[str, Any]) -> None:
    for name, operation in operations(openapi):
        for status, response in operation["responses"].items():
            content = response.get("content", {}).get("application/json")
            if content and int(status) < 300:
                schema = {**content["schema"], "components": openapi["components"]}
                jsonschema_rs.validate(schema, content["example"])
                assert content["example"], (name, status)


def test_every_json_body_has_an_example(openapi: dict[str, Any]) -> None:
    for name, operation in operations(openapi):
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            assert "example" in content["application/json"], name
