"""Making campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from django.db import IntegrityError, transaction

from campaigns.content import Problem
from campaigns.models import Campaign, MailingList, Segment, Topic
from campaigns.services.errors import CampaignInvalid
from campaigns.services.feeds import BadLine, FeedInvalid, FeedResult, load_feed
from campaigns.services.headers import Sender, SenderInvalid, parse_sender
from campaigns.services.pace import Pace
from campaigns.services.preflight import written_problems

__all__ = [
    "BadLine",
    "CampaignInvalid",
    "FeedInvalid",
    "FeedResult",
    "Sender",
    "SenderInvalid",
    "create_campaign",
    "load_feed",
    "parse_sender",
]

SEGMENT_NAME_TRIES = 50
AT_ONCE = Pace()


def create_campaign(
    *,
    name: str,
    subject: str,
    sender: Sender | str,
    body: str,
    body_format: Literal["mjml", "html"] = "mjml",
    preheader: str = "",
    text: str = "",
    reply_to: str = "",
    priority: int = 5,
    segment: Segment | Mapping[str, Any] | None = None,
    mailing_list: MailingList | None = None,
    topic: Topic | None = None,
    pace: Pace = AT_ONCE,
    by_local_time: bool = False,
    ignores_frequency_cap: bool = False,
    created_by: Any = None,
) -> Campaign:
    """A new draft, saved.

    sender: parsed, or in "Name <a@b>". segment: a saved one, or a JSON condition, which becomes a segment with a name
    of the campaign's. pace: speed and hours; by_local_time: the hours are those of each lead.
    Raises CampaignInvalid with every error, content and audience included; nothing is saved then.
    """
    who, problems = _sender(sender)
    campaign = Campaign(
        name=name.strip(), subject=subject, from_name=who.name, from_email=who.email, reply_to=reply_to, body=body,
        body_format=body_format, preheader=preheader, text=text, priority=priority, mailing_list=mailing_list,
        segment=segment if isinstance(segment, Segment) or segment is None else Segment(condition=segment),
        created_by=created_by, by_local_time=by_local_time, ignores_frequency_cap=ignores_frequency_cap, topic=topic,
        **pace.fields(),
    )  # fmt: skip
    # the parser has said already what is wrong with the sender
    found = [one for one in written_problems(campaign) if not (problems and one.code == "from-address")]
    errors = [problem for problem in [*problems, *found] if problem.is_error]
    if errors:
        raise CampaignInvalid(errors)
    with transaction.atomic():
        if campaign.segment is not None and campaign.segment.pk is None:
            campaign.segment = _save_segment(campaign.segment.condition, campaign.name)
        campaign.save()
    return campaign


def _sender(sender: Sender | str) -> tuple[Sender, list[Problem]]:
    if isinstance(sender, Sender):
        return sender, []
    try:
        return parse_sender(sender), []
    except SenderInvalid as error:
        return Sender("", ""), [Problem("error", "sender", str(error), "sender")]


def _save_segment(condition: Any, campaign_name: str) -> Segment:
    """A segment named after the campaign: "Spring", "Spring (2)", …"""
    limit = Segment._meta.get_field("name").max_length or 100
    taken = set(Segment.objects.filter(name__startswith=campaign_name[: limit - 10]).values_list("name", flat=True))
    number = 1
    for _ in range(SEGMENT_NAME_TRIES):
        while (name := _numbered(campaign_name, number, limit)) in taken:
            number += 1
        try:
            with transaction.atomic():
                return Segment.objects.create(name=name, condition=condition)
        except IntegrityError:  # somebody else took the name in this moment
            taken.add(name)
    raise RuntimeError(f"no free name for a segment found after {SEGMENT_NAME_TRIES} tries; try again")


def _numbered(name: str, number: int, limit: int) -> str:
    if number == 1:
        return name[:limit]
    suffix = f" ({number})"
    return name[: limit - len(suffix)] + suffix
