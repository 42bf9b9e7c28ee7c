"""Segments: conditions that are checked, said in words and counted before anybody is mailed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse
from ninja import Schema
from pydantic import Field, JsonValue

from campaigns import segments
from campaigns.api import etags
from campaigns.api.errors import ApiError, not_found
from campaigns.api.paging import Page, Wanted, page_by_id
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import Given, Id
from campaigns.models import Segment

router = ApiRouter("segments")
CONDITION = {"all": [{"field": "language", "op": "is", "value": "en"}, {"field": "tags", "op": "has", "value": "vip"}]}
Condition = dict[str, JsonValue]
WORDS = "The tree that docs/marketers/segments.md describes; `{}` is everybody."


class SegmentIn(Given):
    name: str = Field(min_length=1, max_length=100)
    condition: Condition = Field(description=WORDS)


class SegmentChange(Given):
    name: str | None = Field(None, min_length=1, max_length=100)
    condition: Condition | None = Field(None, description=WORDS)


class ConditionIn(Given):
    condition: Condition = Field(description=WORDS)


class SegmentOut(Schema):
    id: int
    name: str
    condition: dict[str, Any]
    words: str = Field(description="The condition as an English sentence, or why it cannot be used any more.")
    created_at: dt.datetime
    updated_at: dt.datetime


class CountOut(Schema):
    count: int = Field(description="Leads that the condition means now.")
    words: str = Field(description="The condition as an English sentence.")


@router.read("", response=Page[SegmentOut])
def list_segments(request: HttpRequest, wanted: Wanted) -> dict[str, Any]:
    """List segments."""
    rows, following = page_by_id(Segment.objects.all(), wanted, "segments")
    return {"items": [shown(row) for row in rows], "next": following}


@router.create("", response={201: SegmentOut}, example={"name": "English VIPs", "condition": CONDITION})
def create_segment(request: HttpRequest, segment: SegmentIn) -> HttpResponse:
    """Create a segment.

    Every mistake in the condition is named with its place.
    """
    made = Segment(name=segment.name, condition=segment.condition)
    _save(made)
    return etags.answer(request, shown(made), 201)


@router.create("/count", response=CountOut, verb="read", problems=(503,), example={"condition": CONDITION})
def count_condition(request: HttpRequest, condition: ConditionIn) -> CountOut:
    """Check and count a condition.

    Saves nothing. 503 where counting takes longer than five seconds; the condition can be used all the same.
    """
    words = segments.describe(condition.condition)
    return CountOut(count=segments.count(condition.condition), words=words)


@router.read("/{segment_id}", response=SegmentOut, etag=True)
def get_segment(request: HttpRequest, segment_id: Id) -> HttpResponse:
    """Read a segment."""
    return etags.answer(request, shown(_find(segment_id)))


@router.read("/{segment_id}/count", response=CountOut, problems=(503,))
def count_segment(request: HttpRequest, segment_id: Id) -> CountOut:
    """Count a segment.

    503 where it takes longer than five seconds; the segment can be used all the same.
    """
    condition = _find(segment_id).condition
    return CountOut(count=segments.count(condition), words=segments.describe(condition))


@router.change("/{segment_id}", response=SegmentOut, etag=True, problems=(409,), example={"condition": CONDITION})
def change_segment(request: HttpRequest, segment_id: Id, segment: SegmentChange) -> HttpResponse:
    """Change a segment.

    Campaigns that were launched keep their audience.
    """
    with transaction.atomic():
        found = _find(segment_id, lock=True)
        etags.demand(request, shown(found))
        for name, value in segment.given().items():
            setattr(found, name, value)
        _save(found)
    return etags.answer(request, shown(found))


@router.remove("/{segment_id}", response={204: None}, problems=(409,))
def delete_segment(request: HttpRequest, segment_id: Id) -> HttpResponse:
    """Delete a segment.

    One that a campaign goes to stays.
    """
    try:
        _find(segment_id).delete()
    except ProtectedError as error:
        raise ApiError(409, "A campaign goes to this segment, so it cannot be deleted.", "in-use") from error
    return HttpResponse(status=204)


def shown(segment: Segment) -> SegmentOut:
    try:
        words = segments.describe(segment.condition)
    except segments.SegmentInvalid as error:
        words = f"Not usable: {error.errors[0]}"
    return SegmentOut(
        id=segment.pk, name=segment.name, condition=segment.condition, words=words, created_at=segment.created_at,
        updated_at=segment.updated_at,
    )  # fmt: skip


def _find(segment_id: int, *, lock: bool = False) -> Segment:
    rows = Segment.objects.select_for_update() if lock else Segment.objects.all()
    found = rows.filter(pk=segment_id).first()
    if found is None:
        raise not_found("segment")
    return found


def _save(segment: Segment) -> None:
    """Raises SegmentInvalid, ApiError 409."""
    segments.validate(segment.condition)
    if Segment.objects.filter(name=segment.name).exclude(pk=segment.pk).exists():
        raise ApiError(409, f"There is a segment “{segment.name}” already.", "name-taken")
    segment.full_clean(validate_unique=False, exclude=["condition"])
    segment.save()
    segment.refresh_from_db()
