"""Segments and templates in the admin."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import segments
from campaigns.models import Segment, Template
from tests.people import BODY, a_lead, a_template, boss, somebody

pytestmark = pytest.mark.django_db
ENGLISH = {"field": "language", "op": "is", "value": "en"}


@pytest.fixture
def client() -> Client:
    return boss()


def count(client: Client, condition: Any) -> str:
    text = condition if isinstance(condition, str) else json.dumps(condition)
    return client.post(reverse("admin:campaigns_segment_count"), {"condition": text}).content.decode()


def add_segment(client: Client, condition: Any) -> Any:
    text = condition if isinstance(condition, str) else json.dumps(condition)
    return client.post(reverse("admin:campaigns_segment_add"), {"name": "English", "condition": text})


def test_a_segment_is_saved(client: Client) -> None:
    assert add_segment(client, {"all": [ENGLISH]}).status_code == 302
    assert Segment.objects.get().condition == {"all": [ENGLISH]}


def test_the_example_of_a_new_segment_is_valid(client: Client) -> None:
    form = client.get(reverse("admin:campaigns_segment_add")).context["adminform"].form

    segments.validate(form.fields["condition"].initial)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"all": [ENGLISH, {"field": "langage", "op": "is", "value": "en"}]}, ("all[1]", "language")),
        ({"all": [{"field": "language", "op": "iz", "value": "en"}]}, ("all[0]", "iz")),
        ('{"all": [', ("This is not JSON", "line 1, column")),
        ("[]", ("",)),
    ],
)
def test_a_mistake_in_a_condition_names_its_node_at_the_field(
    client: Client, condition: Any, words: tuple[str, ...]
) -> None:
    response = add_segment(client, condition)

    message = " ".join(response.context["adminform"].form.errors["condition"])
    assert all(word in message for word in words)
    assert not Segment.objects.exists()


def test_the_condition_is_counted_and_shown_as_it_is_typed(client: Client) -> None:
    a_lead("ada@example.com", language="en")
    a_lead("chloe@example.com", language="fr")

    page = count(client, {"all": [ENGLISH]})

    assert "ada@example.com" in page
    assert "chloe@example.com" not in page
    assert segments.describe({"all": [ENGLISH]}).replace('"', "&quot;") in page
    assert '<span class="mm-figure">1</span> lead' in page


def test_at_most_ten_leads_are_shown(client: Client) -> None:
    for number in range(12):
        a_lead(f"lead{number}@example.com", language="en")

    page = count(client, {"all": [ENGLISH]})

    assert page.count("@example.com") == 10
    assert ">12</span>" in page


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "null", '{"all": {}}', "\0"])
def test_what_cannot_be_counted_says_why(client: Client, text: str) -> None:
    assert "mm-note-error" in count(client, text)


def test_a_count_that_takes_too_long_is_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(_condition: object) -> int:
        raise segments.CountTimedOut("Counting took too long.")

    monkeypatch.setattr("campaigns.segments.count", slow)

    assert "Counting took too long." in count(client, {"all": [ENGLISH]})


def test_whoever_may_not_see_leads_sees_only_the_number() -> None:
    a_lead("ada@example.com", language="en")

    page = count(somebody("", "campaigns.view_segment"), {"all": [ENGLISH]})

    assert "ada@example.com" not in page
    assert ">1</span>" in page


def test_the_list_says_conditions_in_words(client: Client) -> None:
    Segment.objects.create(name="Good", condition={"all": [ENGLISH]})
    Segment.objects.create(name="Broken", condition={"all": [{"field": "nope", "op": "is", "value": 1}]})

    page = client.get(reverse("admin:campaigns_segment_changelist")).content.decode()

    assert "language" in page
    assert "Not usable" in page


def test_a_viewer_of_a_segment_sees_its_count() -> None:
    segment = Segment.objects.create(name="Good", condition={"all": [ENGLISH]})

    page = somebody("Viewers").get(reverse("admin:campaigns_segment_change", args=[segment.pk])).content.decode()

    assert reverse("admin:campaigns_segment_count") in page


# --- templates ------------------------------------------------------------------------------------------------------
def test_a_template_with_a_mistake_is_told_at_the_field(client: Client) -> None:
    fields = {"name": "T", "subject": "", "preheader": "", "body_format": "mjml", "text": "", "body": BODY}

    response = client.post(reverse("admin:campaigns_template_add"), {**fields, "body": BODY + "{{ oops"})
    assert response.context["adminform"].form.errors["body"]

    response = client.post(reverse("admin:campaigns_template_add"), {**fields, "subject": "Hello"})
    assert response.status_code == 302
    assert Template.objects.get().body == BODY


def test_a_template_has_a_preview(client: Client) -> None:
    a_lead(first_name="Grace")
    template = a_template()

    panel = client.get(reverse("admin:campaigns_template_preview", args=[template.pk])).content.decode()
    frame = client.get(reverse("admin:campaigns_template_frame", args=[template.pk])).content.decode()

    assert reverse("admin:campaigns_template_frame", args=[template.pk]) in panel
    assert "have a look" in frame
