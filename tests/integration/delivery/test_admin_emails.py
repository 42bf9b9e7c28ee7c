"""The ledger's pages: by campaign, by lead, as CSV; and the transactional messages."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Lead
from delivery import partitions
from delivery.admin import ledger
from tests.people import a_campaign, a_lead, boss, somebody

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return boss()


@pytest.fixture
def campaign() -> Campaign:
    made = a_campaign(state="sent")
    with transaction.atomic():
        partitions.ensure_email_partition(made.pk)
    return made


def record(campaign: Campaign, lead_id: int, status: str = "sent", reply: str = "OK", code: int | None = 250) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_email (campaign_id, lead_id, at, attempt, tries, variant, status, code, reply) "
            "VALUES (%s, %s, %s, 1, 1, 0, %s, %s, %s)",
            [campaign.pk, lead_id, timezone.now(), status, code, reply],
        )


def by_campaign(client: Client, campaign: Campaign, **query: object) -> Any:
    return client.get(reverse("delivery_campaign_emails", args=[campaign.pk]), query)


def lead_ids(response: Any) -> list[int]:
    return [row["email"].lead_id for row in response.context["rows"]]


def test_a_campaigns_emails_stand_in_the_order_of_leads(client: Client, campaign: Campaign) -> None:
    lead = a_lead("grace@example.com")
    record(campaign, lead.pk, "bounced_hard", "No such user here", 550)

    page = by_campaign(client, campaign).content.decode()

    assert all(words in page for words in ("grace@example.com", "Bounced (hard)", "550", "No such user here"))


def test_pages_go_by_key_and_miss_no_email(client: Client, campaign: Campaign) -> None:
    for lead_id in range(1, 121):
        record(campaign, lead_id)
    found: list[int] = []

    response = by_campaign(client, campaign)
    while len(found) <= 120:
        found += lead_ids(response)
        if not response.context["next_url"]:
            break
        response = client.get(reverse("delivery_campaign_emails", args=[campaign.pk]) + response.context["next_url"])

    assert found == list(range(1, 121))


def test_no_page_counts_or_skips_rows(client: Client, campaign: Campaign) -> None:
    record(campaign, 1)

    with CaptureQueriesContext(connection) as queries:
        by_campaign(client, campaign, status="sent", reply="ok", after=0)

    statements = [query["sql"].upper() for query in queries if "DELIVERY_EMAIL" in query["sql"].upper()]
    assert statements
    assert not any("COUNT(" in statement for statement in statements)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "sent"}, [1]),
        ({"status": "deferred"}, [2]),
        ({"status": "failed"}, [3]),
        ({"reply": "MAILBOX full"}, [2]),
        ({"status": "deferred", "reply": "greylisted"}, []),
        ({"status": "nonsense"}, [1, 2, 3]),
        ({"after": "2"}, [3]),
        ({"after": "x"}, [1, 2, 3]),
        ({"reply": "100%"}, []),
        ({"reply": "\0"}, [1, 2, 3]),
    ],
)
def test_filters(client: Client, campaign: Campaign, query: dict[str, str], expected: list[int]) -> None:
    record(campaign, 1, "sent", "OK")
    record(campaign, 2, "deferred", "Mailbox full, later", 452)
    record(campaign, 3, "failed", "Rejected", 554)

    assert lead_ids(by_campaign(client, campaign, **query)) == expected


def test_a_filter_looks_through_a_bounded_stretch_and_then_further(
    client: Client, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "STRETCH", 10)
    for lead_id in range(1, 26):
        record(campaign, lead_id)
    record(campaign, 26, "failed", "Rejected")
    found, steps = [], 0

    response = by_campaign(client, campaign, status="failed")
    assert "Look further" in response.content.decode()
    while steps < 10:
        found += lead_ids(response)
        steps += 1
        if not response.context["next_url"]:
            break
        response = client.get(reverse("delivery_campaign_emails", args=[campaign.pk]) + response.context["next_url"])

    assert (found, steps) == ([26], 3)


def test_other_campaigns_emails_are_not_mixed_in(client: Client, campaign: Campaign) -> None:
    other = a_campaign(state="sent", name="Other")
    record(campaign, 1)
    record(other, 2)

    assert lead_ids(by_campaign(client, campaign)) == [1]


def test_an_erased_lead_is_still_counted_for(client: Client, campaign: Campaign) -> None:
    record(campaign, 987654, "skipped", "erased", None)

    assert "Lead 987654, erased" in by_campaign(client, campaign).content.decode()


def test_whoever_may_not_see_leads_sees_numbers_only(campaign: Campaign) -> None:
    lead = a_lead("grace@example.com")
    record(campaign, lead.pk)

    page = by_campaign(somebody("", "delivery.view_email"), campaign).content.decode()

    assert "grace@example.com" not in page
    assert f"Lead {lead.pk}" in page


def test_a_leads_page_tells_its_emails(client: Client, campaign: Campaign) -> None:
    lead = a_lead("grace@example.com")
    record(campaign, lead.pk, "deferred", "Greylisted", 451)

    for address in (
        reverse("admin:campaigns_lead_change", args=[lead.pk]),
        reverse("delivery_lead_emails", args=[lead.pk]),
    ):
        page = client.get(address).content.decode()
        assert campaign.name in page
        assert "Greylisted" in page


def test_a_lead_that_never_was_is_not_found(client: Client) -> None:
    assert client.get(reverse("delivery_lead_emails", args=[424242])).status_code == 404


def test_an_address_leads_to_the_leads_emails(client: Client) -> None:
    lead = a_lead("grace@example.com")

    response = client.get(reverse("delivery_emails"), {"address": " Grace@Example.com "})
    assert response["Location"] == reverse("delivery_lead_emails", args=[lead.pk])

    assert "No lead has the address" in client.get(reverse("delivery_emails"), {"address": "x@y.z"}).content.decode()


# --- CSV ------------------------------------------------------------------------------------------------------------
def exported(client: Client, campaign: Campaign, **query: object) -> list[dict[str, str]]:
    response = client.get(reverse("delivery_campaign_emails_csv", args=[campaign.pk]), query)
    assert response.streaming
    assert response["Content-Disposition"].startswith("attachment; ")
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_the_export_has_every_email_in_chunks(
    client: Client, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "EXPORT_CHUNK", 7)
    leads = Lead.objects.bulk_create(Lead(email=f"lead{number}@example.com") for number in range(30))
    for lead in leads:
        record(campaign, lead.pk)

    rows = exported(client, campaign)

    assert [row["email"] for row in rows] == [lead.email for lead in leads]


def test_the_export_has_only_what_is_filtered(client: Client, campaign: Campaign) -> None:
    record(campaign, 1)
    record(campaign, 2, "failed", "Rejected as spam", 554)

    assert [row["lead_id"] for row in exported(client, campaign, status="failed")] == ["2"]
    assert [row["lead_id"] for row in exported(client, campaign, reply="SPAM")] == ["2"]


def test_a_reply_that_a_spreadsheet_would_run_is_made_harmless(client: Client, campaign: Campaign) -> None:
    record(campaign, 1, "failed", '=HYPERLINK("http://x","y")', 554)

    assert exported(client, campaign)[0]["reply"].startswith("'=")


# --- transactional messages -----------------------------------------------------------------------------------------
def queue(address: str, count: int = 1) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO delivery_message (to_address, sender, content) VALUES (%s, 'shop@example.com', '')",
            [(address,)] * count,
        )


def test_messages_are_paged_by_key_and_found_by_address(client: Client) -> None:
    queue("ada@example.com", 60)
    queue("grace@example.com", 60)
    found: list[int] = []

    response = client.get(reverse("delivery_messages"), {"address": "ADA@example.com"})
    while len(found) <= 60:
        found += [row["message"].id for row in response.context["rows"]]
        if not response.context["next_url"]:
            break
        response = client.get(reverse("delivery_messages") + response.context["next_url"])

    assert len(found) == 60
    assert found == sorted(found, reverse=True)


def test_a_house_without_messages_says_so(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM delivery_message")

    assert "No transactional messages yet" in client.get(reverse("delivery_messages")).content.decode()
