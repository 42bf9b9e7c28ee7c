"""Leads: read, upsert one or ten thousand, change, erase."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Query, Schema
from pydantic import Field, JsonValue

from campaigns import addresses
from campaigns.api import etags
from campaigns.api.errors import At, invalid, not_found
from campaigns.api.paging import Page, Paging, bounded, page_by_id
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import MOST_ID, Given, Id
from campaigns.leads.erase import erase_lead
from campaigns.leads.many import LineResult, upsert_csv, upsert_ndjson
from campaigns.leads.one import change_lead, upsert_lead
from campaigns.models import Lead, ListMembership, MailingList

router = ApiRouter("leads")
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
CSV = ("text/csv",)
MOST_BYTES = 20 * 1024 * 1024
Status = Literal["subscribed", "pending", "unsubscribed", "bounced", "complained"]
Attributes = dict[str, JsonValue]
EXAMPLE = {
    "email": "ada@example.com",
    "first_name": "Ada",
    "language": "en",
    "tags": ["customer"],
    "attributes": {"city": "London", "orders": 3},
    "list_ids": [1],
}


# the last is what generated clients send
LINES = {
    media_type: {"schema": {"type": "string", "format": "binary"}, "example": example}
    for media_type, example in (
        (CSV[0], "email,first_name\nada@example.com,Ada\n"),
        (NDJSON[0], '{"email": "ada@example.com", "tags": ["new"]}\n'),
    )
}


class LeadFields(Given):
    first_name: str | None = Field(None, max_length=100)
    last_name: str | None = Field(None, max_length=100)
    language: str | None = Field(None, max_length=40, description="Such as `en` or `pt-br`.")
    time_zone: str | None = Field(None, max_length=64, description="Such as `Europe/Berlin`.")
    attributes: Attributes | None = Field(None, description="Merged into those that are there; null takes one away.")


class LeadIn(LeadFields):
    email: str = Field(max_length=254)
    tags: list[Annotated[str, Field(max_length=64)]] | None = Field(None, max_length=100, description="Are added.")
    status: Status | None = Field(None, description="Changes towards less mail only: nobody is brought back by it.")
    list_ids: list[Annotated[int, Field(ge=1, le=MOST_ID)]] | None = Field(
        None, max_length=100, description="Lists to subscribe the lead to. Who has left one stays away."
    )


class LeadChange(LeadFields):
    email: str | None = Field(None, max_length=254)
    tags: list[Annotated[str, Field(max_length=64)]] | None = Field(None, max_length=100, description="Are replaced.")
    status: Status | None = None


class Membership(Schema):
    list_id: int = Field(alias="mailing_list_id")
    status: str
    changed_at: dt.datetime


class LeadListed(Schema):
    id: int
    email: str
    first_name: str
    last_name: str
    language: str
    time_zone: str
    status: str
    attributes: dict[str, Any]
    tags: list[str]
    created_at: dt.datetime
    updated_at: dt.datetime


class LeadOut(LeadListed):
    lists: list[Membership] = Field(alias="memberships")


class LeadSearch(Paging):
    email: str | None = Field(None, max_length=254, description="The whole address.")
    tag: str | None = Field(None, max_length=64)
    status: Status | None = None
    list_id: int | None = Field(None, ge=1, le=MOST_ID, description="Leads that stand on this list, left or not.")


class LineOut(Schema):
    line: int = Field(description="In the body, counted from 1; a CSV file's header is line 1.")
    result: Literal["created", "updated", "repeated", "rejected"] = Field(
        description="`repeated`: a later line has the same address, and that one counts."
    )
    email: str = Field(description="As it is stored; empty for a rejected line.")
    lead_id: int | None
    detail: str = Field(description="Why it was rejected, or which of its values were left out.")


class BulkOut(Schema):
    created: int
    updated: int
    repeated: int
    rejected: int
    lines: list[LineOut]


@router.read("", response=Page[LeadListed])
def list_leads(request: HttpRequest, wanted: Annotated[LeadSearch, Query()]) -> dict[str, Any]:
    """List leads.

    By ascending id; filters are joined by and.
    """
    rows = Lead.objects.all()
    if wanted.email is not None:
        rows = rows.filter(email=_address(wanted.email))
    if wanted.tag is not None:
        rows = rows.filter(tags__contains=[wanted.tag])
    if wanted.status is not None:
        rows = rows.filter(status=wanted.status)
    if wanted.list_id is not None:
        rows = rows.filter(pk__in=ListMembership.objects.filter(mailing_list_id=wanted.list_id).values("lead_id"))
    with bounded():
        found, following = page_by_id(rows, wanted, "leads")
    return {"items": found, "next": following}


@router.create("", response={200: LeadOut, 201: LeadOut}, example=EXAMPLE)
def upsert_one_lead(request: HttpRequest, lead: LeadIn) -> HttpResponse:
    """Create or update a lead.

    Found by address. What is left out stays. 201 for a new lead, 200 for one that was there.
    """
    fields = lead.given()
    email, list_ids = fields.pop("email"), fields.pop("list_ids", [])
    with transaction.atomic():
        saved, is_new = upsert_lead(email, fields)
        _subscribe(saved, list_ids)
    return etags.answer(request, LeadOut.from_orm(saved), 201 if is_new else 200)


@router.create(
    "/bulk", response=BulkOut, max_body_bytes=MOST_BYTES, body_types=NDJSON + CSV, problems=(404,),
    openapi={"requestBody": {"required": True, "content": LINES}},
)  # fmt: skip
def upsert_many_leads(
    request: HttpRequest, list_id: Annotated[int | None, Query(ge=1, le=MOST_ID, description="Add all to it.")] = None
) -> BulkOut:
    """Create or update up to 10,000 leads.

    The body is one JSON object a line (`application/x-ndjson`) with the fields email, first_name, last_name, language,
    time_zone, status, tags and attributes; or a CSV file with a header line (`text/csv`), in any dialect that imports
    read. Empty values change nothing, tags are added, attributes merged, status changes towards less mail only.

    All good lines are saved together. Every line has its result; rejected ones say why and harm no other.
    """
    if list_id is not None and not MailingList.objects.filter(pk=list_id).exists():
        raise not_found("list")
    read = upsert_csv if request.content_type in CSV else upsert_ndjson
    return summed(read(request.body, mailing_list_id=list_id))


@router.read("/{lead_id}", response=LeadOut, etag=True)
def get_lead(request: HttpRequest, lead_id: Id) -> HttpResponse:
    """Read a lead."""
    return etags.answer(request, LeadOut.from_orm(_find(lead_id)))


@router.change("/{lead_id}", response=LeadOut, etag=True, example={"attributes": {"city": "Paris"}})
def change_one_lead(request: HttpRequest, lead_id: Id, lead: LeadChange) -> HttpResponse:
    """Change a lead.

    What is left out stays; tags and status are replaced, attributes merged.
    """
    with transaction.atomic():
        found = _find(lead_id, lock=True)
        etags.demand(request, LeadOut.from_orm(found))
        saved = change_lead(found, lead.given())
    return etags.answer(request, LeadOut.from_orm(saved))


@router.remove("/{lead_id}", response={204: None}, verb="erase")
def erase_one_lead(request: HttpRequest, lead_id: Id) -> HttpResponse:
    """Erase a lead for good.

    Name, address, attributes, tags and memberships are deleted, and what other parts keep about the person. Of
    somebody who must not be mailed the hash of the address stays.
    """
    if not erase_lead(lead_id):
        raise not_found("lead")
    return HttpResponse(status=204)


def summed(results: list[LineResult]) -> BulkOut:
    counts = dict.fromkeys(("created", "updated", "repeated", "rejected"), 0)
    for one in results:
        counts[one.result] += 1
    return BulkOut(**counts, lines=[LineOut.from_orm(one) for one in results])


def _find(lead_id: int, *, lock: bool = False) -> Lead:
    rows = Lead.objects.select_for_update() if lock else Lead.objects.all()
    found = rows.filter(pk=lead_id).first()
    if found is None:
        raise not_found("lead")
    return found


def _address(text: str) -> str:
    try:
        return addresses.normalise(text)
    except addresses.AddressInvalid as error:
        raise invalid(At(str(error), parameter="email")) from error


def _subscribe(lead: Lead, list_ids: list[int]) -> None:
    """Raises ApiError 422 for a list that does not exist. Who left a list stays away."""
    wanted = set(list_ids)
    known = set(MailingList.objects.filter(pk__in=wanted).select_for_update(no_key=True).values_list("pk", flat=True))
    if missing := sorted(wanted - known):
        raise invalid(At(f"There is no list {missing[0]}.", pointer="#/list_ids"))
    ListMembership.objects.bulk_create(
        [ListMembership(mailing_list_id=pk, lead=lead) for pk in sorted(known)], ignore_conflicts=True
    )
