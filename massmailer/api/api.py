"""The API object: every app's router under /api/v1/."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.openapi.docs import Swagger
from ninja.openapi.schema import OpenAPISchema

from campaigns.api import handlers
from campaigns.api.bodies import StrictParser
from campaigns.api.errors import ApiError, ProblemDetails, respond
from massmailer.api import routers
from massmailer.api.examples import add_examples
from tracking.reports import ReportTooSlow

DESCRIPTION = """\
Send transactional mail and drive campaigns. Every request bears a key: `Authorization: Bearer mm_…`. Keys are made in
the admin under API keys, each with the scopes that it needs.

Refusals are problem details (RFC 9457) that name the field. Lists come in pages: send `next` as `cursor`. Every POST
takes an `Idempotency-Key`, which makes it safe to send again for 24 hours.
"""


class MassMailerAPI(NinjaAPI):
    """NinjaAPI whose schema has our problem details and the scopes of each operation."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**options)
        made = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
        components = schema["components"]["schemas"]
        components.update(made.pop("$defs", {}))
        components["ProblemDetails"] = made
        for methods in schema["paths"].values():
            for operation in methods.values():
                operation["security"] = [{"BearerKey": [operation.get("x-scope", "")]}]
                for status, response in operation["responses"].items():
                    response["headers"] = _headers(int(status), has_body=operation.get("x-etag", False))
        add_examples(schema)
        return schema


def _headers(status: int, *, has_body: bool) -> dict[str, Any]:
    """The headers that an answer of this status may have. has_body: of an operation whose answers have an ETag."""
    words = {}
    if status in (429, 503):
        words["Retry-After"] = "Seconds until it makes sense to send it again."
    if status not in (401, 403):
        words["RateLimit-Policy"] = "The limits of the key, where it has some."
        words["RateLimit"] = "What is left of them: `r` requests, `t` seconds until there is more."
    if has_body and status in (200, 201, 304):
        words["ETag"] = "The version that this is."
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in words.items()}


def _too_slow(_request: HttpRequest, _error: Any) -> HttpResponse:
    detail = "Working it out took too long and was stopped. Try again when less is going on."
    return respond(ApiError(503, detail, "took-too-long", headers={"Retry-After": "60"}))


def make_api() -> NinjaAPI:
    api = MassMailerAPI(
        title="MassMailer",
        version="1",
        description=DESCRIPTION,
        urls_namespace="api",
        parser=StrictParser(),
        docs=Swagger({"persistAuthorization": False, "tryItOutEnabled": False, "defaultModelsExpandDepth": 0}),
    )
    handlers.install(api)
    api.add_exception_handler(ReportTooSlow, _too_slow)
    for prefix, router in routers.all_routers():
        api.add_router(prefix, router)
    return api


api = make_api()
