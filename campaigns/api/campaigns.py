"""Campaigns: drafts, and the verbs that launch, hold and end them. Progress and report stand in the layers above."""

from __future__ import annotations

from typing import Annotated, Any

from django.contrib.admin.models import ADDITION, DELETION
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Query

from campaigns.api import etags
from campaigns.api.callers import caller, demand_scope
from campaigns.api.campaign_schemas import (
    CampaignChange,
    CampaignIn,
    CampaignListed,
    CampaignOut,
    CampaignSearch,
    Duplicate,
    PreflightOut,
    ProblemOut,
    Schedule,
)
from campaigns.api.errors import At, invalid, not_found
from campaigns.api.history import note
from campaigns.api.paging import Page, page_by_id
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import Id
from campaigns.models import Campaign, MailingList, Segment, Template, Topic
from campaigns.services import drafts, states
from campaigns.services.campaigns import create_campaign
from campaigns.services.duplicates import duplicate_campaign
from campaigns.services.headers import Sender
from campaigns.services.pace import Pace
from campaigns.services.pool_choice import choose_pool, with_pool
from campaigns.services.preflight import preflight

router = ApiRouter("campaigns")
# what a draft may be without: null takes it away
CLEARABLE = ("max_per_hour", "send_from", "send_until", "topic_id", "pool_id")
EXAMPLE = {
    "name": "Spring sale",
    "subject": "Hello {{ lead.first_name | default: 'there' }}",
    "from_name": "Acme",
    "from_email": "news@acme.example",
    "body_format": "html",
    "body": '<p>Twenty percent off. <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>',
    "list_id": 1,
}


@router.read("", response=Page[CampaignListed])
def list_campaigns(request: HttpRequest, wanted: Annotated[CampaignSearch, Query()]) -> dict[str, Any]:
    """List campaigns."""
    rows = Campaign.objects.filter(state=wanted.state) if wanted.state else Campaign.objects.all()
    found, following = page_by_id(rows, wanted, "campaigns")
    return {"items": found, "next": following}


@router.create("", response={201: CampaignOut}, example=EXAMPLE)
def create_draft(request: HttpRequest, campaign: CampaignIn) -> HttpResponse:
    """Create a campaign.

    As a draft: nothing is sent. What could not be sent like this is refused, each mistake at its place.
    """
    given = campaign.given()
    written = _written(given, given.pop("template_id", None))
    pace = Pace(
        given.get("max_per_hour"), given.get("send_from"), given.get("send_until"),
        tuple(given.get("send_weekdays", ())),
    )  # fmt: skip
    made = create_campaign(
        name=given["name"],
        sender=Sender(given.get("from_name", ""), given["from_email"]),
        reply_to=given.get("reply_to", ""),
        priority=given.get("priority", 5),
        pace=pace,
        by_local_time=given.get("by_local_time", False),
        ignores_frequency_cap=given.get("ignores_frequency_cap", False),
        created_by=caller(request).created_by,
        topic=_topic(given),
        **_audience(given),
        **written,
    )
    if "pool_id" in given:
        _choose_pool(request, made.pk, given["pool_id"])
    note(request, made, "The draft was made.", ADDITION)
    return etags.answer(request, CampaignOut.from_orm(find_campaign(made.pk)), 201)


@router.read("/{campaign_id}", response=CampaignOut, etag=True)
def get_campaign(request: HttpRequest, campaign_id: Id) -> HttpResponse:
    """Read a campaign."""
    return etags.answer(request, CampaignOut.from_orm(find_campaign(campaign_id)))


@router.change("/{campaign_id}", response=CampaignOut, etag=True, problems=(409,), example={"subject": "Last days"})
def change_one_draft(request: HttpRequest, campaign_id: Id, campaign: CampaignChange) -> HttpResponse:
    """Change a draft.

    What is left out stays; a segment takes the place of a list, and a list that of a segment. null takes away what
    stood in max_per_hour, send_from, send_until, topic_id and pool_id, and is the same as left out elsewhere.
    """
    given = campaign.given() | campaign.cleared(*CLEARABLE)
    named = ", ".join(sorted(given))
    audience = _audience(given)
    for name in ("segment_id", "list_id"):
        given.pop(name, None)
    if any(audience.values()):
        given |= audience
    if "topic_id" in given:
        given |= {"topic": _topic(given)}
    with transaction.atomic():
        draft = drafts.lock_draft(demand_campaign(campaign_id))
        before = find_campaign(campaign_id)
        etags.demand(request, CampaignOut.from_orm(before))
        pool_id = given.pop("pool_id", before.pool_id)
        drafts.change_draft(draft, given)
        if pool_id != before.pool_id:
            _choose_pool(request, campaign_id, pool_id)
        changed = find_campaign(campaign_id)
        if named:
            note(request, changed, f"The draft was changed ({named}).")
    return etags.answer(request, CampaignOut.from_orm(changed))


@router.remove("/{campaign_id}", response={204: None}, problems=(409,))
def delete_one_draft(request: HttpRequest, campaign_id: Id) -> HttpResponse:
    """Delete a draft.

    Campaigns in other states stay: what was sent must be explainable.
    """
    with transaction.atomic():
        # before it is gone: history keeps its name
        note(request, find_campaign(campaign_id), "The draft was deleted.", DELETION)
        drafts.delete_draft(campaign_id)
    return HttpResponse(status=204)


@router.create("/{campaign_id}/duplicate", response={201: CampaignOut}, example={"name": "Spring sale, again"})
def duplicate_one_campaign(request: HttpRequest, campaign_id: Id, duplicate: Duplicate) -> HttpResponse:
    """Duplicate a campaign.

    A new draft with the same content, audience, pace, pool and limits, whatever became of the first. A feed is not
    copied: its lines are of one mailing.
    """
    first = find_campaign(campaign_id)
    made = duplicate_campaign(first, name=duplicate.name.strip(), by=caller(request).created_by)
    note(request, made, f"A copy of “{first.name}”.", ADDITION)
    return etags.answer(request, CampaignOut.from_orm(find_campaign(made.pk)), 201)


@router.read("/{campaign_id}/preflight", response=PreflightOut)
def check_campaign(request: HttpRequest, campaign_id: Id) -> PreflightOut:
    """Look at what would go wrong.

    Content, audience, provider, sending domain, pace: errors must be put right before it is sent, warnings should.
    """
    problems = preflight(find_campaign(campaign_id))
    return PreflightOut(
        can_be_sent=not any(one.is_error for one in problems), problems=[ProblemOut.from_orm(one) for one in problems]
    )


@router.create("/{campaign_id}/schedule", response=CampaignOut, verb="launch",
               example={"at": "2030-05-04T09:00:00+02:00"})  # fmt: skip
def schedule_one_campaign(request: HttpRequest, campaign_id: Id, schedule: Schedule) -> HttpResponse:
    """Schedule a draft.

    Preflight runs first. The audience is worked out when the time has come.
    """
    return _moved(request, campaign_id, states.schedule_campaign, "The campaign is scheduled.", at=schedule.at)


@router.create("/{campaign_id}/launch", response=CampaignOut, verb="launch")
def launch_campaign(request: HttpRequest, campaign_id: Id) -> HttpResponse:
    """Launch a draft now.

    Preflight runs first; content and audience are frozen, and sending begins within seconds.
    """
    return _moved(request, campaign_id, states.schedule_campaign, "The campaign is launched.")


@router.create("/{campaign_id}/unschedule", response=CampaignOut, verb="launch")
def unschedule_one_campaign(request: HttpRequest, campaign_id: Id) -> HttpResponse:
    """Put a scheduled campaign back to draft."""
    return _moved(request, campaign_id, states.unschedule_campaign, "The campaign is a draft again.")


@router.create("/{campaign_id}/pause", response=CampaignOut, verb="launch")
def pause_one_campaign(request: HttpRequest, campaign_id: Id) -> HttpResponse:
    """Pause a campaign.

    E-mails that are being handed over are finished; no new ones begin until it is resumed.
    """
    return _moved(request, campaign_id, states.pause_campaign, "The campaign is paused.")


@router.create("/{campaign_id}/resume", response=CampaignOut, verb="launch")
def resume_one_campaign(request: HttpRequest, campaign_id: Id) -> HttpResponse:
    """Resume a paused campaign.

    It goes on where it stopped. Nobody gets a second copy.
    """
    return _moved(request, campaign_id, states.resume_campaign, "The campaign goes on.")


@router.create("/{campaign_id}/cancel", response=CampaignOut, verb="launch")
def cancel_one_campaign(request: HttpRequest, campaign_id: Id) -> HttpResponse:
    """Cancel a campaign for good.

    What has been sent stays sent; all other leads are recorded as skipped.
    """
    return _moved(request, campaign_id, states.cancel_campaign, "The campaign is cancelled.")


def _moved(request: HttpRequest, campaign_id: int, change: Any, words: str, **options: Any) -> HttpResponse:
    change(campaign_id=demand_campaign(campaign_id), by=caller(request), **options)
    moved = find_campaign(campaign_id)
    note(request, moved, words)
    return etags.answer(request, CampaignOut.from_orm(moved))


def demand_campaign(campaign_id: int) -> int:
    """The id, of a campaign that is there. Raises ApiError 404."""
    if not Campaign.objects.filter(pk=campaign_id).exists():
        raise not_found("campaign")
    return campaign_id


def find_campaign(campaign_id: int) -> Any:
    """The campaign with its `pool_id`. Raises ApiError 404."""
    found = with_pool().filter(pk=campaign_id).first()
    if found is None:
        raise not_found("campaign")
    return found


def _choose_pool(request: HttpRequest, campaign_id: int, pool_id: int | None) -> None:
    # as in the admin: who writes drafts does not choose whose reputation they use
    demand_scope(request, "campaigns:launch", "#/pool_id")
    choose_pool(campaign_id=campaign_id, pool_id=pool_id)


def _topic(given: dict[str, Any]) -> Topic | None:
    topic_id = given.pop("topic_id", None)
    topic = Topic.objects.filter(pk=topic_id).first() if topic_id is not None else None
    if topic_id is not None and topic is None:
        raise invalid(At(f"There is no topic {topic_id}.", pointer="#/topic_id"))
    return topic


def _written(given: dict[str, Any], template_id: int | None) -> dict[str, Any]:
    """What a person writes, filled from a template where it is left out."""
    names = ("subject", "preheader", "body_format", "body", "text")
    written = {name: given[name] for name in names if name in given}
    if template_id is not None:
        template = Template.objects.filter(pk=template_id).first()
        if template is None:
            raise invalid(At(f"There is no template {template_id}.", pointer="#/template_id"))
        # body, its format and its plain text belong together
        parts = ("subject", "preheader") if written.get("body") else names
        written = {**{name: getattr(template, name) for name in parts}, **written}
    missing = [name for name in ("subject", "body") if not str(written.get(name, "")).strip()]
    if missing:
        words = "Write one, or name a template that has one."
        raise invalid(*(At(f"The {name} is missing. {words}", pointer=f"#/{name}") for name in missing))
    return written


def _audience(given: dict[str, Any]) -> dict[str, Any]:
    """The chosen segment and list, looked up; one of them at most. Raises ApiError 422."""
    segment_id, list_id = given.get("segment_id"), given.get("list_id")
    if segment_id is not None and list_id is not None:
        raise invalid(At("Choose a segment or a list, not both.", pointer="#/list_id"))
    segment = Segment.objects.filter(pk=segment_id).first() if segment_id is not None else None
    mailing_list = MailingList.objects.filter(pk=list_id).first() if list_id is not None else None
    if segment_id is not None and segment is None:
        raise invalid(At(f"There is no segment {segment_id}.", pointer="#/segment_id"))
    if list_id is not None and mailing_list is None:
        raise invalid(At(f"There is no list {list_id}.", pointer="#/list_id"))
    return {"segment": segment, "mailing_list": mailing_list}
