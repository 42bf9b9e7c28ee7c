"""An e-mail as one lead would get it, before anything is sent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from django.db import connection

from campaigns import content
from campaigns.models import Lead

# what a recipient without any data gets: shows where a default is missing
NOBODY: dict[str, Any] = {
    "id": 0, "email": "somebody@example.com", "first_name": "", "last_name": "", "language": "", "time_zone": "",
    "attributes": {}, "tags": [],
}  # fmt: skip
KNOWN_FROM_LEADS = 2000


class Written(Protocol):
    """A campaign or a template: both have the same fields for what a person writes."""

    subject: str
    preheader: str
    body: str
    body_format: str
    text: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A rendered e-mail, or the problems why there is none. `lead` is whose data was used, None for nobody's."""

    lead: Lead | None
    subject: str = ""
    html: str = ""
    text: str = ""
    problems: tuple[content.Problem, ...] = ()
    failure: str = ""


def source_of(written: Written) -> content.ContentSource:
    return content.ContentSource(
        subject=written.subject,
        preheader=written.preheader,
        body=written.body,
        body_format="html" if written.body_format == "html" else "mjml",
        text=written.text,
    )


def known_attributes() -> Collection[str] | None:
    """Names of the attributes that the newest 2,000 leads have; None when there are no leads yet (a few ms)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), array_agg(DISTINCT key) FILTER (WHERE key IS NOT NULL) FROM "
            "(SELECT attributes FROM campaigns_lead ORDER BY id DESC LIMIT %s) lead "
            "LEFT JOIN LATERAL jsonb_object_keys(lead.attributes) key ON true",
            [KNOWN_FROM_LEADS],
        )
        leads, keys = cursor.fetchone()
    return (keys or []) if leads else None


def render_preview(
    written: Written, lead: Lead | None, *, campaign_id: int = 0, name: str = "", feed: Any = None
) -> Preview:
    """Compile without tracking and render for `lead`; never raises for what the person wrote."""
    try:
        compiled = content.compile_content(source_of(written), track=False)
    except content.ContentInvalid as error:
        return Preview(lead, problems=error.problems)
    context = preview_context(lead, campaign_id=campaign_id, name=name, feed=feed)
    try:
        return Preview(
            lead,
            subject=_render(compiled.subject, context, html=False),
            html=_render(compiled.html, context, html=True),
            text=_render(compiled.text, context, html=False),
            problems=compiled.warnings,
        )
    except content.RenderFailed as error:
        return Preview(lead, failure=str(error))


def preview_context(lead: Lead | None, *, campaign_id: int, name: str, feed: Any = None) -> dict[str, Any]:
    """The merge data of a preview. Its unsubscribe and view links lead nowhere: looking must not unsubscribe."""
    context: dict[str, Any] = {
        "lead": NOBODY if lead is None else lead_data(lead),
        "campaign": {"id": campaign_id, "name": name},
        "unsubscribe_url": "#unsubscribe",
        "view_url": "#view",
    }
    if feed is not None:
        context["feed"] = feed
    return context


def lead_data(lead: Lead) -> dict[str, Any]:
    return {field: getattr(lead, field) for field in NOBODY}


def _render(source: str, context: dict[str, Any], *, html: bool) -> str:
    parts = content.parse(source, html)
    return "".join(part if isinstance(part, str) else part.render(context) for part in parts)
