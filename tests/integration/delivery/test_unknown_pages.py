"""The admin's pages of unknown e-mails and dead letters: who may, what GET shows, what only a POST does."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from campaigns.leads import uploads
from campaigns.models import Campaign, Lead
from delivery.admin import ledger, unknown_log
from delivery.models import Adjustment, Batch, Email, Message, UnknownDecision
from delivery.transactional import queue_message
from tests.integration.delivery.ledger_house import sent_campaign
from tests.integration.delivery.unknowns import age, checked, unknown_ids
from tests.people import a_campaign, boss, somebody

pytestmark = pytest.mark.django_db
STATUSES = ["unknown"] * 4 + ["sent"] * 3 + ["dead"] * 2
RESOLVE = "campaigns.resolve_unknown"
LOG = b"email,status\nreader0@example.com,delivered\nreader1@example.com,bounced\nrubbish,delivered\n"


@pytest.fixture
def campaign(settings: object, tmp_path: Path) -> Campaign:
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]
    return sent_campaign(STATUSES)


def page(campaign: Campaign, name: str = "") -> str:
    return reverse(f"delivery_{name or 'unknown'}", args=[campaign.pk])


def everything() -> list[object]:
    models = (Email, Batch, Adjustment, UnknownDecision, Campaign, LogEntry)
    return [list(model.objects.order_by("pk").values()) for model in models]


def text_of(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined]


def upload(client: Client, campaign: Campaign, content: bytes = LOG) -> str:
    """Upload a log; the address of its preview."""
    response = client.post(page(campaign, "unknown_log"), {"file": SimpleUploadedFile("relay.csv", content)})
    assert response.status_code == 302, text_of(response)
    return response["Location"]


PAGES: dict[str, tuple[str, str, dict[str, str]]] = {
    "list": ("unknown", RESOLVE, {}),
    "leave": ("unknown_leave", RESOLVE, {"all": "1"}),
    "resend": ("unknown_resend", RESOLVE, {"all": "1"}),
    "log": ("unknown_log", RESOLVE, {}),
    "requeue": ("dead_requeue", "campaigns.launch_campaign", {}),
    "discard": ("dead_discard", "campaigns.launch_campaign", {}),
}


@pytest.mark.parametrize("name", PAGES)
def test_each_page_wants_its_permission_and_looking_changes_nothing(campaign: Campaign, name: str) -> None:
    address, permission, values = page(campaign, PAGES[name][0]), *PAGES[name][1:]
    before = everything()
    assert Client().get(address, values)["Location"].startswith(reverse("admin:login"))
    assert somebody("Viewers").get(address, values).status_code == 403
    assert somebody("", "campaigns.view_campaign", "delivery.view_email").get(address, values).status_code == 403
    response = somebody("", permission).get(address, values)
    assert response.status_code == 200
    assert everything() == before


@pytest.mark.parametrize("name", ["leave", "resend", "log", "requeue", "discard"])
def test_a_decision_wants_a_token_and_the_permission(campaign: Campaign, name: str) -> None:
    address, values = page(campaign, PAGES[name][0]), {**PAGES[name][2], "confirm": "on"}
    before = everything()
    assert boss(csrf=True).post(address, values).status_code == 403
    assert somebody("Viewers").post(address, values).status_code == 403
    assert Client().post(address, values).status_code == 302
    assert everything() == before


def test_an_unknown_campaign_is_not_found(campaign: Campaign) -> None:
    client = boss()
    for name, _, values in PAGES.values():
        assert client.get(reverse(f"delivery_{name}", args=[987_654]), values).status_code == 404


# --- the list


def test_the_list_explains_and_shows_them(campaign: Campaign) -> None:
    shown = text_of(boss().get(page(campaign)))
    assert "4 unknown e-mails" in shown
    assert "never sends such an e-mail again by itself" in shown
    assert "reader0@example.com" in shown
    assert "reader4@example.com" not in shown
    assert "Send all 4 again…" in shown


def test_addresses_are_for_those_who_may_see_leads(campaign: Campaign) -> None:
    shown = text_of(somebody("", RESOLVE).get(page(campaign)))
    assert "reader0@example.com" not in shown
    assert f"Lead {unknown_ids(campaign)[0]}" in shown
    assert "CSV</a>" not in shown


def test_the_list_is_paged_by_key(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "PAGE", 3)
    client, ids = boss(), unknown_ids(campaign)
    first = text_of(client.get(page(campaign)))
    assert f"?after={ids[2]}" in first
    second = text_of(client.get(page(campaign), {"after": ids[2]}))
    assert "reader3@example.com" in second
    assert "reader0@example.com" not in second
    assert "?after=" not in second


def test_a_cancelled_campaign_offers_no_resend(campaign: Campaign) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(state="cancelled")
    client = boss()
    assert page(campaign, "unknown_resend") not in text_of(client.get(page(campaign)))
    response = client.post(page(campaign, "unknown_resend"), {"all": "1", "confirm": "on"}, follow=True)
    assert "This campaign is cancelled" in text_of(response)
    assert not Batch.objects.filter(kind="resend").exists()


def test_the_campaigns_page_leads_here(campaign: Campaign) -> None:
    address = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    shown = text_of(boss().get(address))
    assert "4 unknown:" in shown
    assert page(campaign) in shown
    assert page(campaign, "dead_requeue") in shown
    viewer = text_of(somebody("Viewers").get(address))
    assert "4 unknown:" in viewer
    assert page(campaign) not in viewer
    assert page(campaign, "dead_requeue") not in viewer


def test_a_campaign_without_any_has_no_panel() -> None:
    campaign = sent_campaign(["sent"])
    client = boss()
    assert "Waiting for your decision" not in text_of(
        client.get(reverse("admin:campaigns_campaign_change", args=[campaign.pk]))
    )
    assert "Nothing is unknown" in text_of(client.get(page(campaign)))


# --- the file


def test_the_file_has_message_ids_and_no_formulas(campaign: Campaign) -> None:
    Lead.objects.filter(email="reader1@example.com").update(email="=cmd@example.com")
    response = boss().get(page(campaign, "unknown_csv"))
    assert response.streaming
    rows = list(csv.DictReader(io.StringIO(b"".join(response).decode())))
    ids = unknown_ids(campaign)
    assert [int(row["lead_id"]) for row in rows] == ids
    assert rows[0]["message_id"] == f"<{campaign.pk:x}.{ids[0]:x}.1@sender.example>"
    assert rows[1]["email"] == "'=cmd@example.com"
    assert {row["reply"] for row in rows} == {"'=lost()"}


def test_the_file_wants_both_permissions(campaign: Campaign) -> None:
    address = page(campaign, "unknown_csv")
    assert somebody("", RESOLVE).get(address).status_code == 403
    assert somebody("", "campaigns.view_lead").get(address).status_code == 403
    assert somebody("", RESOLVE, "campaigns.view_lead").get(address).status_code == 200
    assert boss().post(address).status_code == 405


def test_the_file_given_back_proves_nothing_until_somebody_filled_it_in(campaign: Campaign) -> None:
    client = boss()
    exported = b"".join(client.get(page(campaign, "unknown_csv")))
    shown = text_of(client.get(upload(client, campaign, exported)))
    assert "The log proves nothing" in shown
    assert "“unknown” is not known. Write delivered or bounced." in shown
    filled = exported.replace(b",unknown,", b",delivered,", 3)
    assert "Mark 3 as sent" in text_of(client.get(upload(client, campaign, filled)))


# --- decisions


def test_chosen_ones_are_left(campaign: Campaign) -> None:
    client, ids = boss(), unknown_ids(campaign)
    asked = text_of(client.get(page(campaign, "unknown_leave"), {"lead": ids[:2]}))
    assert "Leave 2 unknown e-mails" in asked
    assert asked.count('name="lead"') == 2
    response = client.post(page(campaign, "unknown_leave"), {"lead": ids[:2], "note": "not worth it"}, follow=True)
    shown = text_of(response)
    assert "2 e-mails left as unknown." in shown
    assert "not worth it" in shown
    assert UnknownDecision.objects.get().lead_ids == ids[:2]
    assert checked(campaign).unknown == 4


@pytest.mark.parametrize("name", ["unknown_leave", "unknown_resend"])
def test_choosing_none_is_not_choosing_all(campaign: Campaign, name: str) -> None:
    before = everything()
    for method in ("get", "post"):
        response = getattr(boss(), method)(page(campaign, name), {"confirm": "on"}, follow=True)
        assert "Choose some e-mails first." in text_of(response)
    assert everything() == before


def test_a_resend_is_asked_about_and_wants_the_box(campaign: Campaign) -> None:
    client, ids = boss(), unknown_ids(campaign)
    address = page(campaign, "unknown_resend")
    asked = text_of(client.get(address, {"lead": ids[:3]}))
    assert "A second copy may arrive" in asked
    refused = client.post(address, {"lead": ids[:3]})
    assert refused.status_code == 200
    assert "Tick the box" in text_of(refused)
    assert not Batch.objects.filter(kind="resend").exists()

    done = client.post(address, {"lead": ids[:3], "confirm": "on"}, follow=True)

    assert "3 e-mails will be sent again" in text_of(done)
    batch = Batch.objects.get(kind="resend")
    assert (batch.lead_ids, batch.attempt) == (ids[:3], 2)
    assert UnknownDecision.objects.get().by_name.startswith("boss")
    assert checked(campaign).unknown == 4


def test_young_ones_are_left_out_and_that_is_said(campaign: Campaign) -> None:
    client, ids = boss(), unknown_ids(campaign)
    age(2)
    response = client.get(page(campaign, "unknown_resend"), {"all": "1"}, follow=True)
    assert "None of them has been unknown for 24 hours yet." in text_of(response)
    age(30)
    Email.objects.filter(lead_id=ids[0]).update(at="2999-01-01T00:00:00Z")
    asked = text_of(client.get(page(campaign, "unknown_resend"), {"all": "1"}))
    assert "Send 3 e-mails again?" in asked
    assert "1 of those you chose are younger than 24 hours" in asked
    client.post(page(campaign, "unknown_resend"), {"all": "1", "confirm": "on"})
    assert Batch.objects.get(kind="resend").lead_ids == ids[1:]


# --- the provider's log


def test_a_log_is_shown_before_it_is_applied(campaign: Campaign) -> None:
    client, ids = boss(), unknown_ids(campaign)
    before = everything()
    address = upload(client, campaign)
    shown = text_of(client.get(address))
    assert everything() == before
    assert "Mark 1 as sent" in shown
    assert "named by address alone" in shown
    assert "“rubbish” is not an address" in shown
    rejects = client.get(f"{page(campaign, 'unknown_log_rejects')}?{address.partition('?')[2]}")
    assert b"4,rejected," in b"".join(rejects)

    done = client.post(address, {"note": "relay of Monday"}, follow=True)

    assert "1 unknown e-mail marked as sent." in text_of(done)
    assert unknown_ids(campaign) == ids[1:]
    assert (checked(campaign).unknown, checked(campaign).sent) == (3, 4)
    assert UnknownDecision.objects.get().note.startswith("relay of Monday\nBy the provider's log: 3 lines read")
    # the file holds addresses: it is gone as soon as it is not needed
    assert not list(uploads.folder().iterdir())
    assert "no longer there" in text_of(client.post(address, follow=True))
    assert checked(campaign).unknown == 3


def test_a_file_that_is_no_log_is_refused_in_the_form(campaign: Campaign) -> None:
    file = SimpleUploadedFile("relay.csv", b"time,host\n12:00,relay\n")
    response = boss().post(page(campaign, "unknown_log"), {"file": file})
    assert "Name one of its columns" in text_of(response)
    assert not list(uploads.folder().iterdir())


def test_a_log_that_is_too_large_is_refused(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unknown_log, "MAX_BYTES", 50)
    response = boss().post(page(campaign, "unknown_log"), {"file": SimpleUploadedFile("relay.csv", LOG)})
    assert "larger than 50 bytes" in text_of(response)


def test_a_log_belongs_to_who_uploaded_it_and_to_its_campaign(campaign: Campaign) -> None:
    owner, other = boss(), a_campaign(state="sent")
    token = upload(owner, campaign).partition("?")[2]
    preview = page(campaign, "unknown_log_preview")
    wrong = [
        (boss(), f"{preview}?{token}"),
        (owner, f"{preview}?log=forged"),
        (owner, f"{page(other, 'unknown_log_preview')}?{token}"),
    ]
    for client, address in wrong:
        assert "no longer there" in text_of(client.post(address, follow=True))
    assert checked(campaign).unknown == 4


def test_applying_wants_a_token_and_the_permission(campaign: Campaign) -> None:
    address = upload(boss(), campaign)
    assert boss(csrf=True).post(address).status_code == 403
    assert somebody("Viewers").post(address).status_code == 403
    assert checked(campaign).unknown == 4


# --- dead letters


def test_dead_letters_are_requeued_by_a_post(campaign: Campaign) -> None:
    client = boss()
    assert "never accepted" in text_of(client.get(page(campaign, "dead_requeue")))
    response = client.post(page(campaign, "dead_requeue"), follow=True)
    assert "2 dead letters will be tried again." in text_of(response)
    assert (checked(campaign).dead, checked(campaign).deferred) == (0, 2)
    assert LogEntry.objects.get(object_id=str(campaign.pk)).change_message == "2 dead letters will be tried again."


def test_dead_letters_are_discarded_by_a_post(campaign: Campaign) -> None:
    response = boss().post(page(campaign, "dead_discard"), follow=True)
    assert "2 dead letters discarded." in text_of(response)
    assert (checked(campaign).dead, checked(campaign).failed) == (0, 2)


# --- the log of decisions


def test_decisions_can_be_read_and_never_changed(campaign: Campaign) -> None:
    client = boss()
    client.post(page(campaign, "unknown_leave"), {"all": "1", "note": "old news"})
    decision = UnknownDecision.objects.get()
    listed = text_of(client.get(reverse("admin:delivery_unknowndecision_changelist")))
    assert "Left as unknown" in listed
    assert "old news" in listed
    address = reverse("admin:delivery_unknowndecision_change", args=[decision.pk])
    assert str(decision.lead_ids[0]) in text_of(client.get(address))
    before = everything()
    assert client.post(address, {"note": "changed"}).status_code == 403
    assert client.get(reverse("admin:delivery_unknowndecision_add")).status_code == 403
    delete = reverse("admin:delivery_unknowndecision_delete", args=[decision.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403
    assert everything() == before
    assert somebody("Viewers").get(address).status_code == 403
    assert somebody("Operators").get(address).status_code == 200


# --- transactional messages


@pytest.mark.parametrize(("at_least_once", "promise"), [(True, "At least once"), (False, "At most once")])
def test_a_message_says_what_was_promised_and_how_often_it_was_taken_up(at_least_once: bool, promise: str) -> None:
    message_id = queue_message(to="ada@example.com", subject="Order", html="<p>Thanks</p>", at_least_once=at_least_once)
    Message.objects.filter(id=message_id).update(attempt=2, tries=1, status="sent")
    client = somebody("", "delivery.view_message")
    shown = text_of(client.get(reverse("delivery_message", args=[message_id])))
    assert promise in shown
    assert "2: so often a worker took it up" in shown
    listed = text_of(client.get(reverse("delivery_messages")))
    assert ("at least once" in listed) is at_least_once
    assert reverse("delivery_message", args=[message_id]) in listed
    assert somebody("Viewers").get(reverse("delivery_message", args=[message_id])).status_code == 403
    assert client.get(reverse("delivery_message", args=[message_id + 1])).status_code == 404
