"""What is said when a request is refused: problem details (RFC 9457) that name the field and the cure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from ninja import Schema
from pydantic import Field

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:massmailer:problem:"


class FieldProblem(Schema):
    """One thing that is wrong with the request. One of `pointer`, `parameter` and `header` says where."""

    detail: str = Field(description="What is wrong and what would be right.")
    pointer: str | None = Field(None, description="JSON pointer into the body, such as `#/email`; `#` is all of it.")
    parameter: str | None = Field(None, description="Name of a parameter of the path or of the query.")
    header: str | None = Field(None, description="Name of a header.")
    code: str | None = Field(None, description="Short stable name of the rule, where there is one.")
    line: int | None = Field(None, description="Line in a written text or in a body of lines, counted from 1.")
    column: int | None = Field(None, description="Column in that line, counted from 1.")


class ProblemDetails(Schema):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(description="Stable name of the kind of problem, for programs.")
    title: str = Field(description="The kind of problem, for people.")
    status: int
    detail: str = Field(description="What happened and what to do about it.")
    errors: list[FieldProblem] | None = Field(None, description="Where the request itself is at fault, each place.")


@dataclass(frozen=True, slots=True)
class At:
    """A place of a request and what is wrong there; see FieldProblem."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None
    code: str | None = None
    line: int | None = None
    column: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}


@dataclass
class ApiError(Exception):
    """Raise it in a handler: the caller gets it as problem details, and the transaction of a POST is rolled back.

    code: the last part of `type`, such as "not-found"; the words of the status where it is left out.
    """

    status: int
    detail: str
    code: str = ""
    errors: Sequence[At] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.detail


def invalid(*errors: At, detail: str = "") -> ApiError:
    """422 with what is wrong at each place."""
    return ApiError(422, detail or "The request was understood, but not all of it fits; see `errors`.", errors=errors)


def not_found(what: str) -> ApiError:
    """404. what: such as "lead"."""
    return ApiError(404, f"There is no such {what}.")


def respond(error: ApiError) -> HttpResponse:
    """The error as the caller sees it."""
    status = HTTPStatus(error.status)
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + (error.code or status.phrase.lower().replace(" ", "-")),
        "title": status.phrase,
        "status": error.status,
        "detail": error.detail,
    }
    if error.errors:
        body["errors"] = [one.as_dict() for one in error.errors]
    return HttpResponse(
        json.dumps(body, ensure_ascii=False), status=error.status, content_type=MEDIA_TYPE, headers=dict(error.headers)
    )


def pointer_to(*steps: str | int) -> str:
    """A JSON pointer (RFC 6901) as a fragment: pointer_to("items", 3) is "#/items/3"."""
    return "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
