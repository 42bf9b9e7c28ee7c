"""Addresses and domains that are never mailed."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from email_validator import EmailNotValidError, validate_email
from ninja import Query, Schema
from pydantic import Field

from campaigns import addresses
from campaigns.api.callers import caller
from campaigns.api.errors import At, invalid, not_found
from campaigns.api.paging import Page, Paging, page_by_id
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import Given, Id
from campaigns.models import Suppression
from campaigns.suppression.add import Entry, add, entry
from campaigns.suppression.release import release

router = ApiRouter("suppressions")
Kind = Literal["address", "hash", "domain"]
Reason = Literal["hard_bounce", "soft_bounces", "complaint", "unsubscribe", "manual", "imported"]
MOST_VALUES = 1_000


class SuppressionIn(Given):
    values: list[Annotated[str, Field(min_length=1, max_length=320)]] = Field(
        min_length=1, max_length=MOST_VALUES, description="Addresses (`ada@example.com`) or domains (`example.com`)."
    )
    reason: Reason = "manual"
    source: str = Field("", max_length=150, description="Where you have it from; the name of the key when left empty.")


class Release(Given):
    why: str = Field(min_length=3, max_length=300, description="Is kept with the name of the key.")


class SuppressionOut(Schema):
    id: int
    kind: Kind
    value: str = Field(description="Empty where only the hash may be stored.")
    reason: Reason
    source: str
    created_at: dt.datetime


class AddedOut(Schema):
    new: int = Field(description="How many were not on the list before.")
    items: list[SuppressionOut] = Field(description="Each as it stands now; of two reasons the stronger one stays.")


class CheckOut(Schema):
    suppressed: bool
    items: list[SuppressionOut] = Field(description="Why: the address itself, its domain, or both.")


class SuppressionSearch(Paging):
    kind: Kind | None = None
    reason: Reason | None = None


@router.read("", response=Page[SuppressionOut])
def list_suppressions(request: HttpRequest, wanted: Annotated[SuppressionSearch, Query()]) -> dict[str, Any]:
    """List suppressions."""
    rows = Suppression.objects.all()
    if wanted.kind is not None:
        rows = rows.filter(kind=wanted.kind)
    if wanted.reason is not None:
        rows = rows.filter(reason=wanted.reason)
    found, following = page_by_id(rows, wanted, "suppressions")
    return {"items": found, "next": following}


@router.create("", response={201: AddedOut}, example={"values": ["ada@example.com", "example.org"], "reason": "manual"})
def add_suppressions(request: HttpRequest, suppression: SuppressionIn) -> Any:
    """Suppress addresses and domains.

    Up to 1,000 at once. Leads with these addresses get the status that goes with the reason. Doing it again changes
    nothing.
    """
    entries = [_read(text, suppression.reason, place) for place, text in enumerate(suppression.values)]
    new = add(entries, source=suppression.source or f"API key “{caller(request).name}”")
    rows = Suppression.objects.filter(digest__in=[one.digest for one in entries]).order_by("pk")
    wanted = {(one.kind, one.digest) for one in entries}
    items = [SuppressionOut.from_orm(row) for row in rows if (row.kind, bytes(row.digest)) in wanted]
    return AddedOut(new=new, items=items)


@router.read("/check", response=CheckOut)
def check_address(
    request: HttpRequest, address: Annotated[str, Query(max_length=320, description="The whole address.")]
) -> CheckOut:
    """Ask whether an address may be mailed.

    Finds it also where only its hash is stored.
    """
    try:
        normal = addresses.normalise(address)
    except addresses.AddressInvalid as error:
        raise invalid(At(str(error), parameter="address")) from error
    own = Suppression.objects.filter(digest=addresses.digest(normal)).exclude(kind=Suppression.Kind.DOMAIN)
    domain = addresses.digest(addresses.domain_of(normal))
    rows = [*own, *Suppression.objects.filter(digest=domain, kind=Suppression.Kind.DOMAIN)]
    return CheckOut(suppressed=bool(rows), items=[SuppressionOut.from_orm(row) for row in rows])


@router.read("/{suppression_id}", response=SuppressionOut)
def get_suppression(request: HttpRequest, suppression_id: Id) -> Suppression:
    """Read a suppression."""
    found = Suppression.objects.filter(pk=suppression_id).first()
    if found is None:
        raise not_found("suppression")
    return found


@router.create("/{suppression_id}/release", response={204: None}, example={"why": "Signed up again in our shop."})
def release_suppression(request: HttpRequest, suppression_id: Id, why: Release) -> HttpResponse:
    """Release a suppression.

    Mail is allowed again, unless something else forbids it; a person who had unsubscribed before stays unsubscribed.
    That it was released, by which key and why, is kept.
    """
    if not release(suppression_id, by=str(caller(request)), why=why.why):
        raise not_found("suppression")
    return HttpResponse(status=204)


def _read(text: str, reason: str, place: int) -> Entry:
    """Raises ApiError 422 at the place of the value."""
    text = text.strip().lower()
    local, _, domain = text.rpartition("@")
    try:
        if local:
            return entry(addresses.normalise(text), reason)
        found = validate_email(f"somebody@{domain}", check_deliverability=False, test_environment=True)
    except (addresses.AddressInvalid, EmailNotValidError) as error:
        words = str(error) if local else "Write an address (somebody@example.com) or a domain (example.com)."
        raise invalid(At(words, pointer=f"#/values/{place}")) from error
    return entry(found.ascii_domain, reason, kind=Suppression.Kind.DOMAIN)
