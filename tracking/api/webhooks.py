"""Webhooks: endpoints of other programs, and what was delivered to them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Query, Schema, Status
from pydantic import Field

from campaigns.api import etags
from campaigns.api.callers import caller
from campaigns.api.errors import ApiError, At, invalid, not_found
from campaigns.api.paging import Page, Paging, Wanted, page_by_id
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import Given, Id
from delivery import outgoing
from tracking.hooks import endpoints
from tracking.hooks.kinds import KINDS
from tracking.models import WebhookDelivery, WebhookEndpoint

router = ApiRouter("webhooks")
Stream = Literal["", "marketing", "transactional"]
Tag = Annotated[str, Field(min_length=1, max_length=100)]
Kinds = Annotated[list[Annotated[str, Field(max_length=40)]], Field(min_length=1, max_length=len(KINDS))]
MOST_TAGS = 20


class WebhookIn(Given):
    name: str = Field(min_length=1, max_length=100)
    url: str = Field(max_length=2000, description="Events are posted here as JSON, signed after Standard Webhooks.")
    kinds: Kinds = Field(description=f"Of {', '.join(KINDS)}.")
    stream: Stream = Field("", description="Of campaigns or of transactional mail alone; both when empty.")
    tags: list[Tag] = Field([], max_length=MOST_TAGS, description="Only messages with one of these.")
    people_only: bool = Field(True, description="Leave out opens and clicks of machines and what is unsure.")
    is_active: bool = True


class WebhookChange(Given):
    name: str | None = Field(None, min_length=1, max_length=100)
    url: str | None = Field(None, max_length=2000)
    kinds: Kinds | None = None
    stream: Stream | None = None
    tags: list[Tag] | None = Field(None, max_length=MOST_TAGS)
    people_only: bool | None = None
    is_active: bool | None = None


class WebhookOut(Schema):
    id: int
    name: str
    url: str
    kinds: list[str]
    stream: str
    tags: list[str]
    people_only: bool
    is_active: bool
    disabled_at: dt.datetime | None = Field(description="When it was disabled after failing for long.")
    disabled_because: str
    created_at: dt.datetime


class SecretOut(Schema):
    secret: str = Field(description="Verifies the signatures. Shown this once.")


class WebhookMade(WebhookOut, SecretOut):
    pass


class DeliveryOut(Schema):
    id: int
    event_id: str = Field(description="The header `webhook-id`, the same for every try.")
    kind: str
    state: Literal["waiting", "delivered", "failed"]
    created_at: dt.datetime
    due_at: dt.datetime | None
    tried: int
    tried_at: dt.datetime | None
    status: int | None = Field(description="HTTP status of the last answer.")
    answer: str
    error: str


class DeliverySearch(Paging):
    state: Literal["waiting", "delivered", "failed"] | None = None


EXAMPLE = {"name": "Shop", "url": "https://hooks.example.com/mail", "kinds": ["message.sent", "message.bounced"]}


@router.read("", response=Page[WebhookOut])
def list_webhooks(request: HttpRequest, wanted: Wanted) -> dict[str, Any]:
    """List webhooks."""
    rows, following = page_by_id(WebhookEndpoint.objects.all(), wanted, "webhooks")
    return {"items": rows, "next": following}


@router.create("", response={201: WebhookMade}, example=EXAMPLE)
def create_webhook(request: HttpRequest, webhook: WebhookIn) -> Any:
    """Create a webhook.

    The answer has its signing secret, which nobody can read again. Addresses inside the house are refused.
    """
    made = WebhookEndpoint(**webhook.model_dump())
    _check(made)
    secret = endpoints.create(made)
    return Status(201, WebhookMade(**WebhookOut.from_orm(made).model_dump(), secret=secret))


@router.read("/{webhook_id}", response=WebhookOut, etag=True)
def get_webhook(request: HttpRequest, webhook_id: Id) -> HttpResponse:
    """Read a webhook."""
    return etags.answer(request, WebhookOut.from_orm(_find(webhook_id)))


@router.change("/{webhook_id}", response=WebhookOut, etag=True, problems=(409,), example={"is_active": False})
def change_webhook(request: HttpRequest, webhook_id: Id, webhook: WebhookChange) -> HttpResponse:
    """Change a webhook."""
    with transaction.atomic():
        found = _find(webhook_id, lock=True)
        etags.demand(request, WebhookOut.from_orm(found))
        for name, value in webhook.given().items():
            setattr(found, name, value)
        _check(found)
        found.save(update_fields=[*webhook.given(), "updated_at"])
    return etags.answer(request, WebhookOut.from_orm(found))


@router.remove("/{webhook_id}", response={204: None})
def delete_webhook(request: HttpRequest, webhook_id: Id) -> HttpResponse:
    """Delete a webhook and its deliveries."""
    _find(webhook_id).delete()
    return HttpResponse(status=204)


@router.create("/{webhook_id}/secret", response=SecretOut)
def renew_webhook_secret(request: HttpRequest, webhook_id: Id) -> SecretOut:
    """Make a new signing secret.

    Shown this once. For a day posts carry both signatures, so that your receiver can change.
    """
    return SecretOut(secret=endpoints.rotate(_find(webhook_id)))


@router.create("/{webhook_id}/enable", response=WebhookOut)
def enable_webhook(request: HttpRequest, webhook_id: Id) -> WebhookEndpoint:
    """Enable a webhook that was disabled after failing for long.

    What still waits is posted first.
    """
    endpoints.enable(_find(webhook_id).pk)
    return _find(webhook_id)


@router.create("/{webhook_id}/test", response={202: DeliveryOut})
def try_webhook(request: HttpRequest, webhook_id: Id) -> WebhookDelivery:
    """Post a test event.

    Within seconds, whatever the filters say; look at its delivery.
    """
    made = endpoints.send_test(_find(webhook_id), caller(request).name)
    made.refresh_from_db()
    return made


@router.read("/{webhook_id}/deliveries", response=Page[DeliveryOut])
def list_deliveries(request: HttpRequest, webhook_id: Id, wanted: Annotated[DeliverySearch, Query()]) -> dict[str, Any]:
    """List what was delivered to a webhook.

    Kept for 14 days.
    """
    rows = WebhookDelivery.objects.filter(endpoint=_find(webhook_id))
    if wanted.state is not None:
        rows = rows.filter(state=wanted.state)
    found, following = page_by_id(rows, wanted, "deliveries")
    return {"items": found, "next": following}


@router.create("/{webhook_id}/deliveries/{delivery_id}/resend", response=DeliveryOut)
def resend_delivery(request: HttpRequest, webhook_id: Id, delivery_id: Id) -> WebhookDelivery:
    """Deliver again.

    With the id and body that it had. 409 while it still waits.
    """
    rows = WebhookDelivery.objects.filter(endpoint=_find(webhook_id), pk=delivery_id)
    if not rows.exists():
        raise not_found("delivery")
    if not endpoints.resend([delivery_id]):
        raise ApiError(409, "It is still waiting to be posted; nothing was changed.", "still-waiting")
    return rows.get()


def _find(webhook_id: int, *, lock: bool = False) -> WebhookEndpoint:
    rows = WebhookEndpoint.objects.select_for_update() if lock else WebhookEndpoint.objects.all()
    found = rows.filter(pk=webhook_id).first()
    if found is None:
        raise not_found("webhook")
    return found


def _check(endpoint: WebhookEndpoint) -> None:
    """As the admin's form does. Raises ApiError 409 and 422."""
    unknown = [At(f"There is no event {kind}.", pointer="#/kinds") for kind in endpoint.kinds if kind not in KINDS]
    if unknown:
        raise invalid(*unknown)
    endpoint.url = endpoint.url.strip()
    try:
        outgoing.check_url(endpoint.url)
    except outgoing.UrlRefused as error:
        raise invalid(At(str(error), pointer="#/url")) from error
    if WebhookEndpoint.objects.filter(name=endpoint.name).exclude(pk=endpoint.pk).exists():
        raise ApiError(409, f"There is a webhook “{endpoint.name}” already.", "name-taken")
