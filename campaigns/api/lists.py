"""Lists and who stands on them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from django.db import transaction
from django.db.models import Count, ProtectedError, Q
from django.http import HttpRequest, HttpResponse
from ninja import Query, Schema
from pydantic import Field

from campaigns.api import etags
from campaigns.api.errors import ApiError, not_found
from campaigns.api.paging import Page, Paging, Wanted, make_cursor, page_by_id, read_cursor
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import MOST_ID, Given, Id
from campaigns.models import ListMembership, MailingList
from campaigns.services.memberships import MemberResult, add_members, remove_members

router = ApiRouter("lists")
MOST_PEOPLE = 1_000
Status = Literal["subscribed", "unconfirmed", "unsubscribed"]


class ListIn(Given):
    name: str = Field(min_length=1, max_length=100)
    description: str = Field("", max_length=10_000)
    is_public: bool = Field(False, description="People may join and leave it on their page of preferences.")
    title: str = Field("", max_length=100, description="How people read it; its name when left empty.")


class ListChange(Given):
    name: str | None = Field(None, min_length=1, max_length=100)
    description: str | None = Field(None, max_length=10_000)
    is_public: bool | None = None
    title: str | None = Field(None, max_length=100)


class ListListed(Schema):
    id: int
    name: str
    description: str
    is_public: bool
    title: str
    created_at: dt.datetime


class ListOut(ListListed):
    members: int = Field(description="Everybody on it, left or not.")
    subscribed: int


class People(Given):
    people: list[Annotated[str, Field(max_length=320)] | Annotated[int, Field(ge=1, le=MOST_ID)]] = Field(
        min_length=1, max_length=MOST_PEOPLE, description="Addresses or ids of leads that exist."
    )


class PeopleToRemove(People):
    forget: bool = Field(
        False, description="Only take them off the list. Otherwise they unsubscribe, and no import brings them back."
    )


class MemberOut(Schema):
    lead_id: int
    email: str = Field(alias="lead.email")
    status: Status
    changed_at: dt.datetime


class PersonOut(Schema):
    named: str | int = Field(description="As you wrote it.")
    result: Literal["added", "already", "left", "removed", "absent", "unknown"] = Field(
        description="`left`: unsubscribed before, and stays away. `unknown`: there is no such lead."
    )
    lead_id: int | None


class PeopleOut(Schema):
    results: list[PersonOut]


class MemberSearch(Paging):
    status: Status | None = None


@router.read("", response=Page[ListListed])
def list_lists(request: HttpRequest, wanted: Wanted) -> dict[str, Any]:
    """List lists."""
    rows, following = page_by_id(MailingList.objects.all(), wanted, "lists")
    return {"items": rows, "next": following}


@router.create("", response={201: ListOut}, example={"name": "Newsletter", "description": "Every other Tuesday."})
def create_list(request: HttpRequest, mailing_list: ListIn) -> HttpResponse:
    """Create a list."""
    made = MailingList(**mailing_list.model_dump())
    _save(made)
    return etags.answer(request, shown(made), 201)


@router.read("/{list_id}", response=ListOut, etag=True)
def get_list(request: HttpRequest, list_id: Id) -> HttpResponse:
    """Read a list.

    With its numbers of members, counted now.
    """
    return etags.answer(request, shown(find_list(list_id)))


@router.change("/{list_id}", response=ListOut, etag=True, problems=(409,), example={"description": "Every Tuesday."})
def change_list(request: HttpRequest, list_id: Id, mailing_list: ListChange) -> HttpResponse:
    """Change a list."""
    with transaction.atomic():
        found = find_list(list_id, lock=True)
        etags.demand(request, shown(found))
        for name, value in mailing_list.given().items():
            setattr(found, name, value)
        _save(found)
    return etags.answer(request, shown(found))


@router.remove("/{list_id}", response={204: None}, problems=(409,))
def delete_list(request: HttpRequest, list_id: Id) -> HttpResponse:
    """Delete a list.

    Its leads stay. A list that a campaign went to stays too.
    """
    try:
        find_list(list_id).delete()
    except ProtectedError as error:
        raise ApiError(409, "A campaign goes to this list, so it cannot be deleted.", "in-use") from error
    return HttpResponse(status=204)


@router.read("/{list_id}/members", response=Page[MemberOut])
def list_members(request: HttpRequest, list_id: Id, wanted: Annotated[MemberSearch, Query()]) -> dict[str, Any]:
    """List the members of a list.

    By ascending id of the lead.
    """
    find_list(list_id)
    rows = ListMembership.objects.filter(mailing_list_id=list_id).select_related("lead").order_by("lead_id")
    if wanted.status is not None:
        rows = rows.filter(status=wanted.status)
    if (after := read_cursor(wanted.cursor, "members")) is not None:
        rows = rows.filter(lead_id__gt=int(after[0]))
    found = list(rows[: wanted.limit + 1])
    page = found[: wanted.limit]
    following = make_cursor([page[-1].lead_id], "members") if len(found) > wanted.limit else None
    return {"items": page, "next": following}


@router.create("/{list_id}/members", response=PeopleOut, example={"people": ["ada@example.com", 17]})
def add_list_members(request: HttpRequest, list_id: Id, people: People) -> PeopleOut:
    """Add leads to a list.

    Up to 1,000 at once, by address or id. Who has unsubscribed from the list does not come back by this.
    """
    return _told(add_members(find_list(list_id), people.people))


@router.create("/{list_id}/members/remove", response=PeopleOut, example={"people": ["ada@example.com"]})
def remove_list_members(request: HttpRequest, list_id: Id, people: PeopleToRemove) -> PeopleOut:
    """Remove leads from a list."""
    return _told(remove_members(find_list(list_id), people.people, forget=people.forget))


def find_list(list_id: int, *, lock: bool = False) -> MailingList:
    rows = MailingList.objects.select_for_update() if lock else MailingList.objects.all()
    found = rows.filter(pk=list_id).first()
    if found is None:
        raise not_found("list")
    return found


def shown(mailing_list: MailingList) -> ListOut:
    subscribed = Q(status=ListMembership.Status.SUBSCRIBED)
    counts = mailing_list.memberships.aggregate(members=Count("pk"), subscribed=Count("pk", filter=subscribed))
    return ListOut(**ListListed.from_orm(mailing_list).model_dump(), **counts)


def _save(mailing_list: MailingList) -> None:
    if MailingList.objects.filter(name=mailing_list.name).exclude(pk=mailing_list.pk).exists():
        raise ApiError(409, f"There is a list “{mailing_list.name}” already.", "name-taken")
    mailing_list.full_clean(validate_unique=False)
    mailing_list.save()
    mailing_list.refresh_from_db()


def _told(results: list[MemberResult]) -> PeopleOut:
    return PeopleOut(results=[PersonOut.from_orm(one) for one in results])
