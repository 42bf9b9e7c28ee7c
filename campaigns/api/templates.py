"""Templates: bodies of transactional mail, and starting points of campaigns."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Schema
from pydantic import Field

from campaigns.api import etags
from campaigns.api.errors import ApiError, not_found
from campaigns.api.paging import Page, Wanted, page_by_id
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import Given, Id
from campaigns.content import ContentInvalid, ContentSource, check_content
from campaigns.models import Template
from campaigns.services.preview import known_attributes

router = ApiRouter("templates")
EXAMPLE = {
    "name": "Order confirmation",
    "subject": "Your order {{ data.number }}",
    "body_format": "html",
    "body": "<p>Hello {{ data.name | default: 'there' }}, your order {{ data.number }} is on its way.</p>",
}


class TemplateIn(Given):
    name: str = Field(min_length=1, max_length=100)
    subject: str = Field("", max_length=400, description="Liquid tags work here.")
    preheader: str = Field("", max_length=250, description="The line that inboxes show after the subject.")
    body_format: Literal["mjml", "html"] = "mjml"
    body: str = Field(min_length=1, max_length=900_000)
    text: str = Field("", max_length=900_000, description="Plain text; made from the body when left empty.")


class TemplateChange(Given):
    name: str | None = Field(None, min_length=1, max_length=100)
    subject: str | None = Field(None, max_length=400)
    preheader: str | None = Field(None, max_length=250)
    body_format: Literal["mjml", "html"] | None = None
    body: str | None = Field(None, min_length=1, max_length=900_000)
    text: str | None = Field(None, max_length=900_000)


class TemplateOut(Schema):
    id: int
    name: str
    subject: str
    preheader: str
    body_format: str
    body: str
    text: str
    created_at: dt.datetime
    updated_at: dt.datetime


class TemplateListed(Schema):
    id: int
    name: str
    subject: str
    body_format: str
    updated_at: dt.datetime


@router.read("", response=Page[TemplateListed])
def list_templates(request: HttpRequest, wanted: Wanted) -> dict[str, Any]:
    """List templates.

    Without their bodies.
    """
    rows, following = page_by_id(Template.objects.all(), wanted, "templates")
    return {"items": rows, "next": following}


@router.create("", response={201: TemplateOut}, example=EXAMPLE)
def create_template(request: HttpRequest, template: TemplateIn) -> HttpResponse:
    """Create a template.

    The content is compiled: what cannot be sent is refused with its line and column.
    """
    made = Template(**template.model_dump())
    _save(made)
    return etags.answer(request, TemplateOut.from_orm(made), 201)


@router.read("/{template_id}", response=TemplateOut, etag=True)
def get_template(request: HttpRequest, template_id: Id) -> HttpResponse:
    """Read a template."""
    return etags.answer(request, TemplateOut.from_orm(_find(template_id)))


@router.change("/{template_id}", response=TemplateOut, etag=True, problems=(409,), example={"subject": "Thank you"})
def change_template(request: HttpRequest, template_id: Id, template: TemplateChange) -> HttpResponse:
    """Change a template.

    What is left out stays. Campaigns that were made from it keep their copy.
    """
    with transaction.atomic():
        found = _find(template_id, lock=True)
        etags.demand(request, TemplateOut.from_orm(found))
        for name, value in template.given().items():
            setattr(found, name, value)
        _save(found)
    return etags.answer(request, TemplateOut.from_orm(found))


@router.remove("/{template_id}", response={204: None})
def delete_template(request: HttpRequest, template_id: Id) -> HttpResponse:
    """Delete a template.

    Campaigns that were made from it keep their copy.
    """
    _find(template_id).delete()
    return HttpResponse(status=204)


def _find(template_id: int, *, lock: bool = False) -> Template:
    rows = Template.objects.select_for_update() if lock else Template.objects.all()
    found = rows.filter(pk=template_id).first()
    if found is None:
        raise not_found("template")
    return found


def _save(template: Template) -> None:
    """With the same checks as the admin's form. Raises ContentInvalid, ApiError 409, ValidationError."""
    if Template.objects.filter(name=template.name).exclude(pk=template.pk).exists():
        raise ApiError(409, f"There is a template “{template.name}” already.", "name-taken")
    template.full_clean(validate_unique=False)
    source = ContentSource(
        template.subject,
        template.preheader,
        template.body,
        "html" if template.body_format == "html" else "mjml",
        template.text,
    )
    # as in the admin: a template may be of transactional mail, and a campaign that copies it is checked by itself
    problems = check_content(source, kind="transactional", attributes=known_attributes())
    errors = [problem for problem in problems if problem.is_error]
    if errors:
        raise ContentInvalid(errors)
    template.save()
    template.refresh_from_db()
