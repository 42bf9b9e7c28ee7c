"""Leads, lists and suppressions in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns import addresses
from campaigns.models import Lead, Suppression
from tests.people import a_lead, a_list, boss

pytestmark = pytest.mark.django_db
LIST = "/admin/campaigns/lead/"


@pytest.fixture
def client() -> Client:
    return boss()


def shown(response: Any) -> list[str]:
    return [lead.email for lead in response.context["cl"].result_list]


def typed(**changes: Any) -> dict[str, Any]:
    fields = {
        "email": "Ada@Example.com", "first_name": "Ada", "last_name": "", "language": "EN", "time_zone": "",
        "status": "subscribed", "tags": "vip, shop, vip", "attributes": '{"city": "Lyon"}',
    }  # fmt: skip
    return {**fields, **changes}


# --- the list -------------------------------------------------------------------------------------------------------
def test_the_newest_leads_come_first(client: Client) -> None:
    a_lead("first@example.com")
    a_lead("second@example.com")

    assert shown(client.get(LIST)) == ["second@example.com", "first@example.com"]


def test_pages_go_by_key_and_miss_nobody(client: Client) -> None:
    leads = Lead.objects.bulk_create(Lead(email=f"lead{number:03}@example.com") for number in range(120))
    newest_first = [lead.email for lead in sorted(leads, key=lambda lead: -lead.pk)]
    found: list[str] = []

    address = LIST
    while address and len(found) <= len(leads):
        page = client.get(address)
        found += shown(page)
        older = page.context["cl"].older_url
        address = LIST + older if older else ""

    assert found == newest_first


def test_the_way_back_shows_the_same_page(client: Client) -> None:
    Lead.objects.bulk_create(Lead(email=f"lead{number:03}@example.com") for number in range(120))
    first = client.get(LIST)
    second = client.get(LIST + first.context["cl"].older_url)

    back = client.get(LIST + second.context["cl"].newer_url)

    assert shown(back) == shown(first)
    assert not back.context["cl"].newer_url


@pytest.mark.parametrize("query", ["?before=x", "?after=-1", "?before=99999999999999999999", "?before="])
def test_a_broken_key_shows_the_first_page(client: Client, query: str) -> None:
    a_lead()

    assert shown(client.get(LIST + query)) == ["ada@example.com"]


def test_the_list_of_a_large_table_counts_nothing_and_skips_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_lead()
    # as if the planner knew of millions
    monkeypatch.setattr("campaigns.admin.base.COUNTED_ROWS", -2)

    with CaptureQueriesContext(connection) as queries:
        page = client.get(LIST)

    statements = [query["sql"].upper() for query in queries]
    assert not [one for one in statements if "COUNT(" in one and "CAMPAIGNS_LEAD" in one]
    assert not [one for one in statements if "OFFSET" in one]
    assert "about" in page.content.decode()


def test_leads_are_found_by_the_beginning_of_their_address(client: Client) -> None:
    a_lead("grace@example.com")
    a_lead("graham@example.com")
    a_lead("ada@example.com")

    assert set(shown(client.get(LIST, {"q": "GRA"}))) == {"grace@example.com", "graham@example.com"}
    assert shown(client.get(LIST, {"q": "100%"})) == []


def test_the_search_can_use_the_index_on_addresses(client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        client.get(LIST, {"q": "gra"})

    [search] = [query["sql"] for query in queries if "gra%" in query["sql"]]
    assert "UPPER" not in search.upper().split("WHERE")[1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status__exact": "bounced"}, {"grace@example.com"}),
        ({"language": "fr"}, {"grace@example.com"}),
        ({"tag": "vip"}, {"grace@example.com"}),
        ({"tag": "vi"}, set()),
        ({"list": "nonsense"}, {"grace@example.com", "ada@example.com"}),
    ],
)
def test_filters(client: Client, query: dict[str, str], expected: set[str]) -> None:
    a_lead("grace@example.com", status="bounced", language="fr", tags=["vip"])
    a_lead("ada@example.com")

    assert set(shown(client.get(LIST, query))) == expected


def test_the_filter_by_list(client: Client) -> None:
    member = a_lead("grace@example.com")
    a_lead("ada@example.com")

    assert shown(client.get(LIST, {"list": a_list("News", member).pk})) == ["grace@example.com"]


def test_a_filter_is_kept_on_the_next_page(client: Client) -> None:
    Lead.objects.bulk_create(Lead(email=f"lead{number:03}@example.com", language="fr") for number in range(60))

    assert "language=fr" in client.get(LIST, {"language": "fr"}).context["cl"].older_url


# --- the form -------------------------------------------------------------------------------------------------------
def test_a_lead_is_saved_in_its_normal_form(client: Client) -> None:
    client.post(LIST + "add/", typed())

    lead = Lead.objects.get()
    assert (lead.email, lead.language, lead.tags) == ("ada@example.com", "en", ["vip", "shop"])
    assert lead.attributes == {"city": "Lyon"}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("email", "nobody", "@"),
        ("email", "", "required"),
        ("attributes", "{city: 1}", "line 1, column 2"),
        ("attributes", "[1]", "JSON object"),
        ("attributes", '{"a": "' + "x" * 40_000 + '"}', "32 kB"),
        ("tags", "x" * 65, "at most 64"),
        ("status", "happy", "not one of"),
    ],
)
def test_a_mistake_is_told_at_its_field(client: Client, field: str, value: str, words: str) -> None:
    response = client.post(LIST + "add/", typed(**{field: value}))

    assert words in " ".join(response.context["adminform"].form.errors[field])
    assert not Lead.objects.exists()


def test_an_address_that_is_there_already_is_told(client: Client) -> None:
    a_lead("ada@example.com")

    response = client.post(LIST + "add/", typed())

    assert "already exists" in str(response.context["adminform"].form.errors["email"])


# --- erasing --------------------------------------------------------------------------------------------------------
def test_a_person_is_erased_and_the_log_forgets_the_address(client: Client) -> None:
    client.post(LIST + "add/", typed())
    lead = Lead.objects.get()

    response = client.post(
        reverse("admin:campaigns_lead_erase", args=[lead.pk]), {"_form_submitted": "1"}, headers={"HX-Request": "true"}
    )

    assert response["HX-Redirect"] == LIST
    assert not Lead.objects.exists()
    assert not LogEntry.objects.filter(object_repr__contains="ada@").exists()
    assert LogEntry.objects.filter(object_repr=f"erased lead {lead.pk}").count() == 2


def test_leads_are_not_deleted_row_by_row(client: Client) -> None:
    lead = a_lead()

    assert client.post(f"{LIST}{lead.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Lead.objects.exists()


# --- lists ----------------------------------------------------------------------------------------------------------
def test_a_list_shows_how_many_are_subscribed(client: Client) -> None:
    mailing_list = a_list("News", a_lead("a@example.com"), a_lead("b@example.com"))
    mailing_list.memberships.filter(lead__email="b@example.com").update(status="unsubscribed")

    page = client.get(reverse("admin:campaigns_mailinglist_changelist")).content.decode()

    assert f'?list={mailing_list.pk}">1</a> of 2' in page


# --- suppressions ---------------------------------------------------------------------------------------------------
SUPPRESSIONS = "/admin/campaigns/suppression/"


@pytest.mark.parametrize(
    ("written", "kind", "value"),
    [
        ("Angry@Example.com", "address", "angry@example.com"),
        ("example.com", "domain", "example.com"),
        ("@Example.COM", "domain", "example.com"),
        ("bücher.example", "domain", "xn--bcher-kva.example"),
    ],
)
def test_an_address_or_a_domain_is_suppressed_by_hand(client: Client, written: str, kind: str, value: str) -> None:
    client.post(SUPPRESSIONS + "add/", {"value": written, "source": "a letter"})

    row = Suppression.objects.get()
    assert (row.kind, row.value, row.reason, row.source) == (kind, value, "manual", "a letter")
    assert bytes(row.digest) == addresses.digest(value)


@pytest.mark.parametrize("written", ["not an address", "a@b@c", "", "two@@example.com", "nodot"])
def test_what_is_no_address_is_told_at_the_field(client: Client, written: str) -> None:
    response = client.post(SUPPRESSIONS + "add/", {"value": written})

    assert response.context["adminform"].form.errors["value"]
    assert not Suppression.objects.exists()


def test_the_same_address_twice_is_told(client: Client) -> None:
    client.post(SUPPRESSIONS + "add/", {"value": "angry@example.com"})

    response = client.post(SUPPRESSIONS + "add/", {"value": "ANGRY@example.com"})

    assert "suppressed already" in str(response.context["adminform"].form.errors["value"])


def test_the_search_finds_what_covers_an_address_even_by_its_hash(client: Client) -> None:
    client.post(SUPPRESSIONS + "add/", {"value": "example.com"})
    Suppression.objects.create(
        kind="address", digest=addresses.digest("gone@example.com"), reason="unsubscribe", source="erased lead"
    )

    found = client.get(SUPPRESSIONS, {"q": "gone@example.com"}).context["cl"].result_list

    assert {row.kind for row in found} == {"address", "domain"}
    assert len(client.get(SUPPRESSIONS, {"q": "else@example.org"}).context["cl"].result_list) == 0
