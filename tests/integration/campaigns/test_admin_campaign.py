"""The campaign's form, page and dialogs."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, FeedEntry, Segment, Topic
from delivery.models import CampaignPool, Pool
from tests.people import BODY, a_campaign, a_lead, a_list, a_template, boss, somebody

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return boss()


def typed(**changes: Any) -> dict[str, Any]:
    """What the browser sends for a new campaign."""
    fields = {
        "name": "Spring", "subject": "Hello {{ lead.first_name }}", "preheader": "", "from_name": "Shop",
        "from_email": "news@example.com", "reply_to": "", "template": "", "body_format": "mjml", "body": BODY,
        "text": "", "segment": "", "mailing_list": "", "priority": "5",
    }  # fmt: skip
    return {**fields, **changes}


def add(client: Client, **changes: Any) -> Any:
    return client.post(reverse("admin:campaigns_campaign_add"), typed(**changes))


def change_page(campaign: Campaign) -> str:
    return reverse("admin:campaigns_campaign_change", args=[campaign.pk])


def press(client: Client, campaign: Campaign, name: str, **fields: Any) -> Any:
    """Send the dialog `name`, as htmx does."""
    address = reverse(f"admin:campaigns_campaign_{name}", args=[campaign.pk])
    return client.post(address, {"_form_submitted": "1", **fields}, headers={"HX-Request": "true"})


def said(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


# --- the form -------------------------------------------------------------------------------------------------------
def test_a_campaign_is_saved_with_its_author(client: Client) -> None:
    response = add(client, mailing_list=a_list().pk)

    campaign = Campaign.objects.get()
    assert response.status_code == 302
    assert campaign.created_by is not None
    assert campaign.state == "draft"


def test_an_unknown_merge_tag_is_told_at_its_field_with_its_place(client: Client) -> None:
    body = BODY.replace("Hello", "Hello\n{{ lead.frist_name }}")

    response = add(client, body=body)

    [message] = response.context["adminform"].form.errors["body"]
    assert message.startswith("Line 2, column ")
    assert "lead.frist_name" in message
    assert "lead.first_name" in message
    assert not Campaign.objects.exists()


def test_what_was_typed_is_still_there_after_a_mistake(client: Client) -> None:
    response = add(client, body=BODY.replace("Hello", "{{ nonsense }}"), name="Precious words")

    assert "Precious words" in response.content.decode()
    assert "{{ nonsense }}" in response.content.decode()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("body", "<mjml><mj-body></mj-body></mjml>", "unsubscribe"),
        ("body", BODY.replace("</mj-text>", ""), "Line "),
        ("subject", "{{ lead.first_name", "Line 1"),
        ("subject", "", "Write a subject"),
        ("body", "  ", "Write a body"),
        ("from_email", "nobody", "valid email address"),
        ("reply_to", "nobody", "valid email address"),
        ("name", "", "required"),
        ("priority", "12", "9"),
    ],
)
def test_a_mistake_is_told_at_its_field(client: Client, field: str, value: str, words: str) -> None:
    response = add(client, **{field: value})

    assert words in " ".join(response.context["adminform"].form.errors[field])


def test_a_segment_and_a_list_together_are_refused_at_the_list(client: Client) -> None:
    segment = Segment.objects.create(name="All", condition={"all": []})

    response = add(client, segment=segment.pk, mailing_list=a_list().pk)

    assert response.context["adminform"].form.errors["mailing_list"] == ["Choose a segment or a list, not both."]


def test_a_warning_is_said_and_does_not_stop_the_saving(client: Client) -> None:
    a_lead(attributes={"city": "Lyon"})

    response = add(client, body=BODY.replace("Hello", "Hello {{ lead.attributes.cty }}"))

    assert response.status_code == 302
    assert "lead.attributes.city" in said(response)


def test_a_chosen_template_fills_what_was_left_empty(client: Client) -> None:
    template = a_template(subject="From the template", text="{{ unsubscribe_url }}")

    add(client, template=template.pk, subject="", body="")

    campaign = Campaign.objects.get()
    assert (campaign.subject, campaign.body, campaign.text) == ("From the template", BODY, "{{ unsubscribe_url }}")


def test_a_chosen_template_leaves_what_was_written(client: Client) -> None:
    add(client, template=a_template(subject="From the template").pk, subject="My own")

    assert Campaign.objects.get().subject == "My own"


def test_the_page_asks_for_the_template_it_may_copy(client: Client) -> None:
    template = a_template()

    content = client.get(reverse("admin:campaigns_template_content", args=[template.pk])).json()

    assert content == {
        "subject": "Hello", "preheader": "", "body_format": "mjml", "body": BODY, "text": "",
    }  # fmt: skip


# --- frozen ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("state", ["scheduled", "launching", "sending", "paused", "sent", "cancelled"])
def test_after_the_draft_nothing_can_be_edited_or_deleted(client: Client, state: str) -> None:
    campaign = a_campaign(state=state)

    assert client.get(change_page(campaign)).status_code == 200
    assert client.post(change_page(campaign), typed(name="Other")).status_code == 403
    assert (
        client.post(reverse("admin:campaigns_campaign_delete", args=[campaign.pk]), {"post": "yes"}).status_code == 403
    )
    campaign.refresh_from_db()
    assert campaign.name == "Spring"


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        ("draft", {"launch", "schedule", "duplicate"}),
        ("scheduled", {"unschedule", "cancel", "duplicate"}),
        ("launching", {"cancel", "duplicate"}),
        ("sending", {"pause", "cancel", "duplicate"}),
        ("paused", {"resume", "cancel", "duplicate"}),
        ("sent", {"duplicate"}),
        ("cancelled", {"duplicate"}),
    ],
)
def test_a_page_offers_what_its_state_allows(client: Client, state: str, offered: set[str]) -> None:
    campaign = a_campaign(state=state)
    page = client.get(change_page(campaign)).content.decode()
    names = ("launch", "schedule", "unschedule", "pause", "resume", "cancel", "duplicate")

    shown = {name for name in names if reverse(f"admin:campaigns_campaign_{name}", args=[campaign.pk]) in page}

    assert shown == offered


# --- dialogs --------------------------------------------------------------------------------------------------------
def test_launching_schedules_the_campaign_at_once(client: Client) -> None:
    campaign = a_campaign()

    response = press(client, campaign, "launch")

    campaign.refresh_from_db()
    assert campaign.state == "scheduled"
    assert campaign.scheduled_at is not None
    assert campaign.scheduled_at <= timezone.now()
    assert response["HX-Redirect"] == change_page(campaign)


def test_without_scripts_a_dialog_is_a_page_that_leads_back(client: Client) -> None:
    campaign = a_campaign()

    response = client.post(
        reverse("admin:campaigns_campaign_launch", args=[campaign.pk]), {"_form_submitted": "1"}, follow=True
    )

    assert "on its way" in response.content.decode()


def test_the_launch_dialog_names_the_audience(client: Client) -> None:
    campaign = a_campaign(mailing_list=a_list("Two", a_lead("a@example.com"), a_lead("b@example.com")))

    assert "2 leads" in client.get(reverse("admin:campaigns_campaign_launch", args=[campaign.pk])).content.decode()


def test_a_campaign_with_errors_shows_them_and_is_not_launched(client: Client) -> None:
    campaign = a_campaign(body="<mjml><mj-body></mj-body></mjml>")
    address = reverse("admin:campaigns_campaign_launch", args=[campaign.pk])

    dialog = client.get(address, headers={"HX-Request": "true"}).content.decode()
    answer = press(client, campaign, "launch").content.decode()

    assert "unsubscribe link" in dialog
    assert 'type="submit"' not in dialog
    assert "unsubscribe link" in answer
    campaign.refresh_from_db()
    assert campaign.state == "draft"


def test_a_campaign_without_an_audience_is_not_launched(client: Client) -> None:
    campaign = a_campaign(mailing_list=None)

    assert "audience" in press(client, campaign, "launch").content.decode()
    campaign.refresh_from_db()
    assert campaign.state == "draft"


def test_the_page_of_a_draft_shows_what_preflight_finds(client: Client) -> None:
    page = client.get(change_page(a_campaign(mailing_list=None))).content.decode()

    assert "Error in the audience" in page


def test_a_campaign_is_scheduled_for_later(client: Client) -> None:
    campaign = a_campaign()
    at = (timezone.now() + dt.timedelta(days=2)).replace(second=0, microsecond=0)

    press(client, campaign, "schedule", at=timezone.localtime(at).strftime("%Y-%m-%dT%H:%M"))

    campaign.refresh_from_db()
    assert (campaign.state, campaign.scheduled_at) == ("scheduled", at)


@pytest.mark.parametrize(
    ("at", "words"), [("2020-01-01T10:00", "has passed"), ("", "required"), ("soon", "valid date")]
)
def test_a_time_that_cannot_be_is_refused_in_the_dialog(client: Client, at: str, words: str) -> None:
    campaign = a_campaign()

    assert words in press(client, campaign, "schedule", at=at).content.decode()
    campaign.refresh_from_db()
    assert campaign.state == "draft"


@pytest.mark.parametrize(
    ("state", "name", "becomes"),
    [
        ("sending", "pause", "paused"),
        ("paused", "resume", "sending"),
        ("sending", "cancel", "cancelled"),
        ("paused", "cancel", "cancelled"),
        ("scheduled", "cancel", "cancelled"),
        ("scheduled", "unschedule", "draft"),
    ],
)
def test_a_dialog_moves_the_state(client: Client, state: str, name: str, becomes: str) -> None:
    campaign = a_campaign(state=state)

    press(client, campaign, name)

    campaign.refresh_from_db()
    assert campaign.state == becomes


def test_somebody_who_comes_too_late_is_told_the_state(client: Client) -> None:
    campaign = a_campaign(state="sent")

    response = press(client, campaign, "pause")

    assert "is sent" in said(response)
    campaign.refresh_from_db()
    assert campaign.state == "sent"


def test_a_copy_is_a_draft_with_the_same_content_and_no_numbers(client: Client) -> None:
    topic = Topic.objects.create(name="Offers")
    campaign = a_campaign(state="sent", from_name="Shop", priority=8, topic=topic)
    Campaign.objects.filter(pk=campaign.pk).update(audience=10, sent=10)
    pool = Pool.objects.create(name="Warm", stream="marketing")
    CampaignPool.objects.create(campaign=campaign, pool=pool)

    response = press(client, campaign, "duplicate")

    copy = Campaign.objects.exclude(pk=campaign.pk).get()
    assert (copy.name, copy.state, copy.audience, copy.sent) == ("Copy of Spring", "draft", 0, 0)
    assert (copy.body, copy.mailing_list, copy.priority) == (campaign.body, campaign.mailing_list, 8)
    # or it would go to those who have declined the topic
    assert copy.topic == topic
    # or it would leave by providers that nobody chose for it
    assert copy.delivery_pool.pool == pool
    assert response["HX-Redirect"] == change_page(copy)


# --- progress -------------------------------------------------------------------------------------------------------
NUMBERS = {"audience": 1000, "pending": 400, "sent": 500, "deferred": 40, "bounced": 30, "skipped": 20, "unknown": 10}


def progress(client: Client, campaign: Campaign, query: str = "") -> Any:
    return client.get(reverse("admin:campaigns_campaign_progress", args=[campaign.pk]) + query)


def test_the_progress_shows_every_number_and_asks_again(client: Client) -> None:
    campaign = a_campaign(state="sending")
    Campaign.objects.filter(pk=campaign.pk).update(**NUMBERS)

    response = progress(client, campaign)

    page = response.content.decode()
    assert response.status_code == 200
    assert "60.0 %" in page
    assert 'hx-trigger="every 2s"' in page
    assert all(f"<dd>{value:,}</dd>" in page for value in NUMBERS.values() if value != 1000)


@pytest.mark.parametrize(("state", "pending"), [("sent", 0), ("cancelled", 0), ("draft", 0)])
def test_the_polling_ends_when_nothing_moves_any_more(client: Client, state: str, pending: int) -> None:
    campaign = a_campaign(state=state)

    response = progress(client, campaign)

    assert response.status_code == 286
    assert "hx-trigger" not in response.content.decode()


def test_a_cancelled_campaign_is_watched_until_it_has_drained(client: Client) -> None:
    campaign = a_campaign(state="cancelled")
    Campaign.objects.filter(pk=campaign.pk).update(audience=10, pending=3)

    assert progress(client, campaign).status_code == 200


def test_a_change_of_state_makes_the_page_load_again(client: Client) -> None:
    campaign = a_campaign(state="sent")

    assert progress(client, campaign, "?state=sending")["HX-Trigger"] == "mm-reload"
    assert "HX-Trigger" not in progress(client, campaign, "?state=sent").headers


def test_the_rate_and_the_time_left_come_from_the_reference_point(client: Client) -> None:
    campaign = a_campaign(state="sending")
    Campaign.objects.filter(pk=campaign.pk).update(audience=10_000, pending=4_000, sent=6_000)
    since = timezone.now().timestamp() - 12

    page = progress(client, campaign, f"?since={since}&done=4800").content.decode()

    # twelve seconds ago, and however long the request took
    rate, left = (
        int(found) for found in re.search(r"(\d+) e-mails a second.*?about (\d+) s left", page, re.S).groups()
    )  # type: ignore[union-attr]
    assert 60 <= rate <= 100
    assert 40 <= left <= 67


@pytest.mark.parametrize("query", ["?since=x&done=1", "?since=1&done=1", "?since=nan&done=0", "?since=1e400&done=9"])
def test_a_broken_reference_point_is_passed_over(client: Client, query: str) -> None:
    assert progress(client, a_campaign(state="sending"), query).status_code == 200


# --- preview --------------------------------------------------------------------------------------------------------
def panel(client: Client, campaign: Campaign, lead: str = "") -> str:
    return client.get(reverse("admin:campaigns_campaign_preview", args=[campaign.pk]), {"lead": lead}).content.decode()


def frame(client: Client, campaign: Campaign, lead: str = "") -> Any:
    return client.get(reverse("admin:campaigns_campaign_frame", args=[campaign.pk]), {"lead": lead})


def test_the_preview_is_rendered_for_the_chosen_lead(client: Client) -> None:
    campaign, lead = a_campaign(), a_lead("grace@example.com", first_name="Grace")

    assert "Hello Grace" in panel(client, campaign, "Grace@example.com")
    assert "Hello Grace" in frame(client, campaign, str(lead.pk)).content.decode()


def test_a_lead_that_does_not_exist_is_said(client: Client) -> None:
    assert "No lead has the address or number “nobody@example.com”" in panel(client, a_campaign(), "nobody@example.com")


def test_the_feed_of_the_lead_is_seen(client: Client) -> None:
    lead = a_lead("grace@example.com")
    campaign = a_campaign(body=BODY.replace("Hello", "Hello {{ feed.gift }}"))
    FeedEntry.objects.create(campaign=campaign, lead=lead, data={"gift": "roses"})

    assert "Hello roses" in frame(client, campaign, str(lead.pk)).content.decode()


def test_whoever_may_not_see_leads_gets_nobodys_data() -> None:
    campaign, lead = a_campaign(), a_lead("grace@example.com", first_name="Grace")
    client = somebody("", "campaigns.view_campaign")

    assert "Grace" not in frame(client, campaign, str(lead.pk)).content.decode()
    assert "grace@example.com" not in panel(client, campaign, str(lead.pk))


def test_the_frame_runs_nothing_and_sends_nothing(client: Client) -> None:
    body = BODY.replace("Hello", "<script>alert(1)</script>")
    response = frame(client, a_campaign(body=body))

    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "img-src https: data:" in policy
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"


def test_looking_never_unsubscribes(client: Client) -> None:
    page = frame(client, a_campaign()).content.decode()

    assert 'href="#unsubscribe"' in page
    assert "/u/" not in page
    assert "_open" not in page


def test_values_of_leads_are_escaped_in_the_preview(client: Client) -> None:
    lead = a_lead("x@example.com", first_name="<img src=x>")

    assert "<img src=x>" not in frame(client, a_campaign(), str(lead.pk)).content.decode()


def test_a_campaign_that_cannot_be_rendered_says_why(client: Client) -> None:
    page = panel(client, a_campaign(body="<mjml><mj-body></mj-body></mjml>"))

    assert "unsubscribe" in page
    assert "<iframe" not in page


def test_the_list_shows_state_and_rates(client: Client) -> None:
    campaign = a_campaign(state="sent", name="Winter")
    numbers = {"audience": 1000, "sent": 800, "opened": 200, "clicked": 80, "launched_at": timezone.now()}
    Campaign.objects.filter(pk=campaign.pk).update(**numbers)

    page = client.get(reverse("admin:campaigns_campaign_changelist")).content.decode()

    assert all(words in page for words in ("Winter", "Sent", "25.0 %", "10.0 %", "1,000", "800"))


@pytest.mark.parametrize("address", ["999999/change/", "999999/progress/", "999999/frame/", "999999/launch/"])
def test_a_campaign_that_is_not_there_is_no_server_error(client: Client, address: str) -> None:
    assert client.get(reverse("admin:campaigns_campaign_changelist") + address).status_code in (302, 404)
