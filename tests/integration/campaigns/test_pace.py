"""Pace and hours of a campaign: the form, the options of the command, and the dialog of a campaign under way."""

from __future__ import annotations

import datetime as dt
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign
from campaigns.services.campaigns import create_campaign
from campaigns.services.errors import CampaignInvalid, StateConflict
from campaigns.services.pace import Pace, change_pace, duration_words
from tests.people import BODY, a_campaign, a_lead, a_list, boss, somebody

pytestmark = pytest.mark.django_db
NINE, FIVE = dt.time(9), dt.time(17)
OFFICE = Pace(1000, NINE, FIVE, (1, 2, 3))


@pytest.fixture
def client() -> Client:
    return boss()


def said(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def add(client: Client, **changes: Any) -> Any:
    """Send the form of a new campaign, as a browser does."""
    fields = {
        "name": "Spring", "subject": "Hello", "from_email": "news@example.com", "body_format": "mjml", "body": BODY,
        "priority": "5", "mailing_list": str(a_list("News", a_lead()).pk),
    }  # fmt: skip
    return client.post(reverse("admin:campaigns_campaign_add"), {**fields, **changes})


def dialog(campaign: Campaign) -> str:
    return reverse("admin:campaigns_campaign_change_pace", args=[campaign.pk])


def change(client: Client, campaign: Campaign, seen: Pace, **fields: Any) -> Any:
    values = {"_form_submitted": "1", "seen": seen.stamp, **fields}
    return client.post(dialog(campaign), values, headers={"HX-Request": "true"})


# --- the form of a draft
def test_pace_and_hours_are_saved_and_the_time_it_takes_is_said(client: Client) -> None:
    response = add(
        client, max_per_hour="1000", send_from="09:00", send_until="17:00", send_weekdays=["1", "2", "3"],
        by_local_time="on", ignores_frequency_cap="on",
    )  # fmt: skip

    campaign = Campaign.objects.get()
    assert Pace.of(campaign) == OFFICE
    assert campaign.by_local_time
    assert campaign.ignores_frequency_cap
    assert "At 1,000 an hour this audience of 1 lead would take about 1 minute" in said(response)


def test_without_a_pace_everything_stays_as_it_was(client: Client) -> None:
    response = add(client)

    assert Pace.of(Campaign.objects.get()) == Pace()
    assert "an hour" not in said(response)


@pytest.mark.parametrize(
    ("fields", "place", "words"),
    [
        ({"max_per_hour": "0"}, "max_per_hour", "greater than or equal to 1"),
        ({"max_per_hour": "9999999999"}, "max_per_hour", "less than or equal"),
        ({"send_from": "25:00"}, "send_from", "valid time"),
        ({"send_from": "09:00", "send_until": "09:00"}, "send_until", "never open"),
        ({"send_weekdays": ["8"]}, "send_weekdays", "not one of the available choices"),
    ],
)
def test_a_mistake_is_told_at_its_field(client: Client, fields: dict[str, Any], place: str, words: str) -> None:
    response = add(client, **fields)

    assert words in " ".join(response.context["adminform"].form.errors[place])
    assert not Campaign.objects.exists()


def test_a_copy_keeps_pace_and_hours(client: Client) -> None:
    original = a_campaign(by_local_time=True, **OFFICE.fields())

    client.post(reverse("admin:campaigns_campaign_duplicate", args=[original.pk]), {"_form_submitted": "1"})

    copy = Campaign.objects.exclude(pk=original.pk).get()
    assert Pace.of(copy) == OFFICE
    assert copy.by_local_time


# --- the dialog of a campaign under way
@pytest.mark.parametrize("state", ["sending", "paused"])
def test_the_pace_is_changed_under_way_and_written_down(client: Client, state: str) -> None:
    campaign = a_campaign(state=state, **OFFICE.fields())
    assert 'value="09:00"' in client.get(dialog(campaign), headers={"HX-Request": "true"}).content.decode()

    response = change(client, campaign, OFFICE, max_per_hour="50", send_from="08:00", send_weekdays=["6"])

    campaign.refresh_from_db()
    assert Pace.of(campaign) == Pace(50, dt.time(8), None, (6,))
    assert response.headers["HX-Redirect"] == reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    assert "at most 50 an hour, 08:00 to 00:00, Saturday" in LogEntry.objects.get().get_change_message()


def test_a_change_that_somebody_else_has_overtaken_is_refused(client: Client) -> None:
    campaign = a_campaign(state="sending", **OFFICE.fields())

    response = change(client, campaign, Pace(), max_per_hour="50")

    assert "Somebody else has just changed the pace: it is at most 1,000 an hour" in response.content.decode()
    campaign.refresh_from_db()
    assert Pace.of(campaign) == OFFICE


def test_a_mistake_in_the_dialog_is_told_there(client: Client) -> None:
    campaign = a_campaign(state="sending")

    response = change(client, campaign, Pace(), send_from="09:00", send_until="09:00")

    assert "never open" in response.content.decode()


@pytest.mark.parametrize("state", ["draft", "scheduled", "launching", "sent", "cancelled"])
def test_a_campaign_that_is_not_under_way_has_no_such_dialog(client: Client, state: str) -> None:
    campaign = a_campaign(state=state)

    page = client.get(reverse("admin:campaigns_campaign_change", args=[campaign.pk])).content.decode()
    response = change(client, campaign, Pace(), max_per_hour="50")

    assert dialog(campaign) not in page
    campaign.refresh_from_db()
    assert campaign.max_per_hour is None
    assert "pace cannot be changed" in said(response)


def test_who_may_not_launch_may_not_change_the_pace() -> None:
    campaign = a_campaign(state="sending")

    assert change(somebody("Viewers"), campaign, Pace(), max_per_hour="50").status_code == 403


def test_only_one_of_two_changes_at_once_wins() -> None:
    campaign = a_campaign(state="sending")
    change_pace(campaign_id=campaign.pk, pace=OFFICE, before=Pace())

    with pytest.raises(StateConflict, match="Somebody else"):
        change_pace(campaign_id=campaign.pk, pace=Pace(5), before=Pace())
    with pytest.raises(CampaignInvalid, match="never open"):
        change_pace(campaign_id=campaign.pk, pace=Pace(None, NINE, NINE), before=OFFICE)


# --- the command, and everybody else who makes campaigns
def command(tmp_path: Path, *options: str) -> Campaign:
    body = tmp_path / "body.mjml"
    body.write_text(BODY)
    a_list("News", a_lead())
    out = StringIO()
    start = ["--name", "A", "--subject", "A", "--from", "a@example.com", "--mjml", str(body), "--list", "News"]
    call_command("create_campaign", *start, *options, stdout=out)
    return Campaign.objects.get(pk=int(out.getvalue()))


def test_the_command_takes_pace_and_hours(tmp_path: Path) -> None:
    campaign = command(
        tmp_path, "--max-per-hour", "1000", "--send-from", "9:00", "--send-until", "17:00", "--weekdays", "mon-wed",
        "--local-time",
    )  # fmt: skip

    assert Pace.of(campaign) == OFFICE
    assert campaign.by_local_time


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon", (1,)),
        ("Sat,sun", (6, 7)),
        ("fri-mon", (1, 5, 6, 7)),
        ("tuesday, thu", (2, 4)),
        ("mon-sun", (1, 2, 3, 4, 5, 6, 7)),
    ],
)
def test_weekdays_as_people_write_them(tmp_path: Path, text: str, days: tuple[int, ...]) -> None:
    assert tuple(command(tmp_path, "--weekdays", text).send_weekdays) == days


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--send-from", "25:00"], "write it like 09:30"),
        (["--weekdays", "t"], "write days like mon,tue"),
        (["--weekdays", ""], "write days like mon,tue"),
        (["--max-per-hour", "0"], "must be 1 or more"),
        (["--send-from", "9:00", "--send-until", "09:00"], "never open"),
    ],
)
def test_the_command_tells_a_mistake(tmp_path: Path, options: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        command(tmp_path, *options)
    assert not Campaign.objects.exists()


def test_no_campaign_is_made_with_days_that_do_not_exist() -> None:
    with pytest.raises(CampaignInvalid, match="1 for Monday"):
        create_campaign(
            name="A", subject="A", sender="a@example.com", body=BODY, mailing_list=a_list("News", a_lead()),
            pace=Pace(send_weekdays=(0, 8)),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("hours", "words"),
    [(0.001, "1 minute"), (0.5, "30 minutes"), (1.6, "2 hours"), (47, "47 hours"), (49, "2 days"), (2400, "100 days")],
)
def test_durations_as_people_plan(hours: float, words: str) -> None:
    assert duration_words(dt.timedelta(hours=hours)) == words
