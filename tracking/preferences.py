"""What a person may choose about our mail: lists, topics, how often, and a pause."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date

from campaigns.models import Consent, Lead, ListMembership, MailingList, Topic
from delivery import frequency

Status = ListMembership.Status
FREQUENCIES = {0: "Every e-mail", 7: "At most one a week", 30: "At most one a month"}
LONGEST_PAUSE = dt.timedelta(days=366)


class ChoiceInvalid(ValueError):
    """Something that was sent cannot be; the message says what to do. Show the page again with it."""


@dataclass(frozen=True, slots=True)
class Option:
    """One box to tick."""

    pk: int
    title: str
    description: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Preferences:
    """How a person stands now. paused_until: the last day of the pause, None where there is none."""

    lists: list[Option]
    topics: list[Option]
    frequency_days: int
    paused_until: dt.date | None


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person sent. lists, topics: id to chosen or not, for those that were shown to them."""

    lists: Mapping[int, bool] = field(default_factory=dict)
    topics: Mapping[int, bool] = field(default_factory=dict)
    frequency_days: int = 0
    paused_until: dt.date | None = None


def preferences_of(lead: Lead) -> Preferences:
    """What the page shows: public lists, and topics, each as it stands."""
    joined = set(_memberships(lead).filter(status=Status.SUBSCRIBED).values_list("mailing_list_id", flat=True))
    declined = set(lead.declined_topics)
    until = lead.paused_until
    return Preferences(
        lists=[
            Option(one.pk, one.shown_name, one.description, one.pk in joined)
            for one in MailingList.objects.filter(is_public=True)
        ],
        topics=[Option(one.pk, one.name, one.description, one.pk not in declined) for one in Topic.objects.all()],
        frequency_days=lead.frequency_days,
        paused_until=until.date() if until and until > timezone.now() else None,
    )


def read(post: QueryDict) -> Choices:
    """The choices in a form of ours. Raises ChoiceInvalid."""
    return Choices(
        lists=_ticked(post, "list"),
        topics=_ticked(post, "topic"),
        frequency_days=_frequency(post.get("frequency", "0")),
        paused_until=_day(post.get("paused_until", "")),
    )


def apply(lead_id: int, choices: Choices, *, network: str) -> bool:
    """Write the choices, all or nothing, before anybody is answered. False where the person is gone."""
    with transaction.atomic():
        lead = Lead.objects.select_for_update().filter(pk=lead_id).first()
        if lead is None:
            return False
        _apply_lists(lead, choices.lists, network)
        known = set(Topic.objects.values_list("pk", flat=True))
        declined = set(lead.declined_topics) - {pk for pk, wanted in choices.topics.items() if wanted}
        declined |= {pk for pk, wanted in choices.topics.items() if not wanted}
        if choices.frequency_days and choices.frequency_days != lead.frequency_days:
            frequency.remember(lead.pk, choices.frequency_days)
        Lead.objects.filter(pk=lead.pk).update(
            declined_topics=sorted(declined & known),
            frequency_days=choices.frequency_days,
            paused_until=_end_of(choices.paused_until),
            updated_at=Now(),
        )
    return True


def _apply_lists(lead: Lead, lists: Mapping[int, bool], network: str) -> None:
    public = set(MailingList.objects.filter(is_public=True, pk__in=lists).values_list("pk", flat=True))
    standing = dict(_memberships(lead).filter(mailing_list_id__in=public).values_list("mailing_list_id", "status"))
    joined = [pk for pk in public if lists[pk] and standing.get(pk) != Status.SUBSCRIBED]
    left = [pk for pk in public if not lists[pk] and standing.get(pk, Status.UNSUBSCRIBED) != Status.UNSUBSCRIBED]
    _memberships(lead).filter(mailing_list_id__in=left).update(status=Status.UNSUBSCRIBED, changed_at=Now())
    join(lead, joined)
    if joined:
        Consent.objects.create(
            lead=lead,
            source=Consent.Source.PREFERENCES,
            list_ids=sorted(joined),
            network=network,
            confirmed_at=timezone.now(),
            confirmed_network=network,
        )


def join(lead: Lead, list_ids: list[int]) -> None:
    """Subscribe to these lists, whatever the person had done with them before."""
    _memberships(lead).filter(mailing_list_id__in=list_ids).update(status=Status.SUBSCRIBED, changed_at=Now())
    ListMembership.objects.bulk_create(
        [ListMembership(mailing_list_id=pk, lead=lead, status=Status.SUBSCRIBED) for pk in list_ids],
        ignore_conflicts=True,
    )


def _memberships(lead: Lead) -> QuerySet[ListMembership]:
    return ListMembership.objects.filter(lead=lead)


def _ticked(post: QueryDict, name: str) -> dict[int, bool]:
    """Boxes of one name: a box that is not ticked is not sent, so the page sends which ones it showed."""
    ticked = set(_ids(post.getlist(name)))
    return {pk: pk in ticked for pk in _ids(post.getlist(f"shown_{name}"))}


def _ids(texts: list[str]) -> list[int]:
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 19]


def _frequency(text: str) -> int:
    days = int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else -1
    if days not in FREQUENCIES:
        raise ChoiceInvalid("Choose how often you would like to hear from us.")
    return days


def _day(text: str) -> dt.date | None:
    if not text.strip():
        return None
    try:
        day = parse_date(text.strip())
    except ValueError:
        day = None
    today = timezone.now().date()
    if day is None:
        raise ChoiceInvalid("Write the last day of the pause as year-month-day, such as 2030-12-31.")
    if day < today:
        raise ChoiceInvalid("The last day of the pause is over already. Choose a later day, or leave it empty.")
    if day > today + LONGEST_PAUSE:
        raise ChoiceInvalid("A pause can last a year at most. Choose an earlier day, or unsubscribe.")
    return day


def _end_of(day: dt.date | None) -> dt.datetime | None:
    """The last second of the day, by UTC: a lead's own zone is rarely known."""
    return dt.datetime.combine(day, dt.time(23, 59, 59), tzinfo=dt.UTC) if day else None
