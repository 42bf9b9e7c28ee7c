"""Pixel, link, and view in the browser: the doors that answer without waiting for PostgreSQL wherever they can."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from campaigns.content.liquid import RenderFailed
from campaigns.public_limits import limited
from delivery import content
from delivery.engine.token import Door
from delivery.messages import doors
from tracking import rules, stream, visitor
from tracking.doors import Subject, subject_of
from tracking.occurrence import SMALLINT, happened
from tracking.pages import come_back_later, not_found, private

log = logging.getLogger(__name__)

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
# an e-mail is somebody's HTML on our address: no scripts, no forms, an origin of its own
EMAIL_POLICY = (
    "default-src 'none'; img-src https: data: {origin}; style-src 'unsafe-inline' https:; font-src https: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


@require_safe
@limited("open")
def pixel(request: HttpRequest, token: str) -> HttpResponse:
    """One transparent pixel, and one open on the stream."""
    subject = subject_of(Door.OPEN, token)
    if subject is None:
        return not_found()
    note("open", request.META, visitor.network(request), subject)
    return transparent()


@require_safe
@limited("click")
def click(request: HttpRequest, token: str, number: int) -> HttpResponse:
    """On to the target that was frozen with the campaign, and to nowhere else; one click on the stream."""
    subject = subject_of(Door.CLICK, token)
    if subject is None or not 0 < number < SMALLINT:
        return not_found()
    try:
        target = _target(subject, number)
    except (OperationalError, InterfaceError) as error:
        log.warning("a link's target cannot be read, PostgreSQL is away: %s", error)
        return come_back_later()
    if target is None:
        return not_found()
    note("click", request.META, visitor.network(request), subject, number)
    return onward(target)


@require_safe
@limited("view")
def view_in_browser(_request: HttpRequest, token: str) -> HttpResponse:
    """The e-mail's HTML, sandboxed. Its pixel tells that it was opened."""
    subject = subject_of(Door.VIEW, token)
    if subject is None:
        return not_found()
    try:
        html = _html(subject)
    except (OperationalError, InterfaceError) as error:
        log.warning("an e-mail cannot be shown, PostgreSQL is away: %s", error)
        return come_back_later()
    if html is None:
        return not_found()
    response = HttpResponse(html)
    response.headers["Content-Security-Policy"] = EMAIL_POLICY.format(origin=settings.TRACKING_URL)
    return private(response)


def transparent() -> HttpResponse:
    """The pixel."""
    return private(HttpResponse(PIXEL, content_type="image/gif"))


def onward(target: str) -> HttpResponse:
    """On to a link's target."""
    return private(HttpResponseRedirect(target))


def note(kind: str, meta: Mapping[str, Any], network: str, subject: Subject, number: int | None = None) -> None:
    """Put an open or a click on the stream. meta: the request's CGI variables; network: as in visitors.Origin."""
    visit = visitor.visit(kind, meta)
    verdict = rules.current().classify(visit)
    stream.append(
        happened(
            kind,
            **subject.as_fields(),
            link_number=number,
            who=verdict.who,
            who_reason=verdict.reason,
            user_agent=visit.user_agent,
            network=network,
            data=visit.signals(),
        )
    )


def _target(subject: Subject, number: int) -> str | None:
    try:
        if subject.message_id:
            return doors.link_target(subject.message_id, number)
        return content.link_target(campaign_id=subject.campaign_id, number=number, lead_id=subject.lead_id)
    except RenderFailed as error:
        log.warning("link %s of %s has no target: %s", number, subject, error)
        return None


def _html(subject: Subject) -> str | None:
    try:
        if subject.message_id:
            return doors.html(subject.message_id)
        return content.render_html(campaign_id=subject.campaign_id, lead_id=subject.lead_id)
    except RenderFailed as error:
        log.warning("%s cannot be rendered: %s", subject, error)
        return None
