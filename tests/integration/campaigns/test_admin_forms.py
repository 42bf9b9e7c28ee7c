"""Forms, topics and public lists in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, SubscriptionForm, Topic
from tests.people import a_campaign, a_list, boss, somebody

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return boss()


def typed(**changes: Any) -> dict[str, Any]:
    fields = {
        "name": "Website", "slug": "news", "is_active": "on", "lists": [str(a_list().pk)], "title": "Subscribe",
        "intro": "", "asked": "first_name | First name\nattributes.city | City | required", "wording": "Yes, please.",
        "button": "Subscribe", "thank_you": "", "return_urls": "", "double_opt_in": "on", "expiry_hours": "72",
        "sender_name": "", "sender_email": "", "confirm_subject": "Please confirm", "confirm_text": "",
        "logo_url": "", "colour": "", "footer": "",
    }  # fmt: skip
    return {**fields, **changes}


def test_a_form_is_made_and_its_page_asks_what_was_written(client: Client) -> None:
    answer = client.post(reverse("admin:campaigns_subscriptionform_add"), typed())
    assert answer.status_code == 302
    form = SubscriptionForm.objects.get()
    assert form.questions == [
        {"field": "first_name", "label": "First name", "required": False},
        {"field": "attributes.city", "label": "City", "required": True},
    ]
    page = client.get(reverse("admin:campaigns_subscriptionform_change", args=[form.pk])).text
    assert "/f/news?embed=1" in page
    assert "attributes.city | City | required" in page
    # what is to be pasted stands there as text
    assert "&lt;form action=" in page
    public = client.get("/f/news").text
    assert 'name="attributes.city"' in public


def test_a_changed_wording_is_a_new_version_and_nothing_else_is(client: Client) -> None:
    data = typed()
    client.post(reverse("admin:campaigns_subscriptionform_add"), data)
    form = SubscriptionForm.objects.get()
    address = reverse("admin:campaigns_subscriptionform_change", args=[form.pk])
    client.post(address, {**data, "title": "Join us"})
    form.refresh_from_db()
    assert (form.title, form.wording_version) == ("Join us", 1)
    client.post(address, {**data, "wording": "Yes, and thank you."})
    form.refresh_from_db()
    assert (form.wording, form.wording_version) == ("Yes, and thank you.", 2)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("asked", "email | Mail", "is not a field"), ("asked", "first_name", "write what people read"),
        ("asked", "first_name | A | maybe", "only “required”"),
        ("asked", "first_name | A\nfirst_name | B", "asked for twice"),
        ("return_urls", "https://ok.example/\njavascript:alert(1)", "Line 2"),
        ("return_urls", "https://ok.example/; x", "Line 1"), ("logo_url", "http://plain.example/a.png", "https://"),
        ("colour", "blue", "#2457d6"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_at_its_field(client: Client, field: str, value: str, words: str) -> None:
    answer = client.post(reverse("admin:campaigns_subscriptionform_add"), typed(**{field: value}))
    assert answer.status_code == 200
    assert words in answer.text
    assert not SubscriptionForm.objects.exists()


def test_marketers_make_forms_and_topics_and_viewers_look(client: Client) -> None:
    for model in ("subscriptionform", "topic"):
        add = reverse(f"admin:campaigns_{model}_add")
        assert somebody("Marketers").get(add).status_code == 200
        assert somebody("Viewers").get(add).status_code == 403
        assert somebody("Viewers").get(reverse(f"admin:campaigns_{model}_changelist")).status_code == 200


def test_a_campaign_takes_a_topic(client: Client) -> None:
    topic = Topic.objects.create(name="Offers")
    campaign = a_campaign()
    address = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    page = client.get(address)
    values = {
        name: value for name, value in page.context["adminform"].form.initial.items() if value not in (None, "", [])
    }
    client.post(address, {**values, "topic": topic.pk})
    assert Campaign.objects.get().topic == topic
