"""Uploading leads: two steps, live progress, rejected lines, cancelling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from campaigns.leads import imports, uploads
from campaigns.models import Lead, LeadImport
from tests.people import a_list, boss, somebody

pytestmark = pytest.mark.django_db
GOOD = "Mail;Vorname;Stadt\nada@example.com;Ada;Lyon\ngrace@example.com;Grace;Berlin\n"


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def client() -> Client:
    return boss()


def upload(client: Client, text: str | bytes = GOOD, name: str = "leads.csv", **fields: Any) -> Any:
    content = text.encode() if isinstance(text, str) else text
    address = reverse("admin:campaigns_leadimport_add")
    return client.post(address, {"file": SimpleUploadedFile(name, content), "mailing_list": "", **fields})


def page_of(row: LeadImport, part: str) -> str:
    return reverse(f"admin:campaigns_leadimport_{part}", args=[row.pk])


def imported(client: Client, text: str = GOOD) -> LeadImport:
    client.post(upload(client, text)["Location"])
    return imports.run_import(LeadImport.objects.get().pk)


def test_a_file_is_shown_before_anything_is_imported(client: Client) -> None:
    page = client.get(upload(client)["Location"])

    chosen = {column["header"]: column["chosen"] for column in page.context["columns"]}
    assert chosen == {"Mail": "email", "Vorname": "first_name", "Stadt": "attributes.stadt"}
    assert "ada@example.com" in page.content.decode()
    assert not LeadImport.objects.exists()


def test_the_second_step_starts_the_import_with_the_chosen_columns(client: Client) -> None:
    address = upload(client, mailing_list=a_list("News").pk)["Location"]

    response = client.post(address, {"column_2": "last_name"})

    row = LeadImport.objects.get()
    assert response["Location"] == page_of(row, "change")
    assert row.mapping == {"Mail": "email", "Vorname": "first_name", "Stadt": "last_name"}
    imports.run_import(row.pk)
    lead = Lead.objects.get(email="ada@example.com")
    assert (lead.first_name, lead.last_name) == ("Ada", "Lyon")
    assert lead.lists.get().name == "News"


def test_columns_with_the_same_name_are_told_apart(client: Client) -> None:
    address = upload(client, "mail,x,x\nada@example.com,1,2\n")["Location"]

    client.post(address, {"column_1": "first_name", "column_2": "last_name"})

    imports.run_import(LeadImport.objects.get().pk)
    assert Lead.objects.values_list("first_name", "last_name").get() == ("1", "2")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("name,city\nAda,Lyon\n", "No column holds e-mail addresses"),
        (b"PK\x03\x04 something else", "CSV"),
        ("email\n", "no lead"),
    ],
)
def test_a_file_that_cannot_be_imported_is_told_at_the_field(client: Client, text: str | bytes, words: str) -> None:
    response = upload(client, text)

    assert words in str(response.context["form"].errors["file"])
    assert not list(uploads.folder().glob("*")) if uploads.folder().exists() else True


def test_a_choice_that_cannot_be_is_told_and_nothing_starts(client: Client) -> None:
    response = client.post(upload(client)["Location"], {"column_1": "email"})

    assert "Two columns are mapped to email" in response.content.decode()
    assert not LeadImport.objects.exists()


@pytest.mark.parametrize("token", ["", "forged", "eyJmaWxlIjoiLi4vLi4vZXRjL3Bhc3N3ZCJ9:x:y"])
def test_a_forged_upload_leads_back_to_the_first_step(client: Client, token: str) -> None:
    response = client.get(reverse("admin:campaigns_leadimport_map"), {"upload": token})

    assert response["Location"] == reverse("admin:campaigns_leadimport_add")


def test_somebody_elses_upload_is_not_shown(client: Client) -> None:
    address = upload(client)["Location"]

    assert somebody("Marketers").get(address)["Location"] == reverse("admin:campaigns_leadimport_add")


def test_the_second_step_wants_the_permission(client: Client) -> None:
    address = upload(client)["Location"]

    assert somebody("Viewers").get(address).status_code == 403
    assert Client().get(address).status_code == 302


def test_the_progress_is_asked_for_until_it_is_over(client: Client) -> None:
    client.post(upload(client)["Location"])
    row = LeadImport.objects.get()

    assert client.get(page_of(row, "progress")).status_code == 200
    imports.run_import(row.pk)
    end = client.get(page_of(row, "progress"))

    assert end.status_code == 286
    assert end["HX-Trigger"] == "mm-reload"
    assert "hx-trigger" not in end.content.decode()


def test_rejected_lines_come_as_a_file_with_their_reasons(client: Client) -> None:
    row = imported(client, GOOD + "not an address;X;Y\n")

    response = client.get(page_of(row, "rejects"))

    text = b"".join(response.streaming_content).decode("utf-8-sig")
    assert response["Content-Disposition"] == 'attachment; filename="leads-rejected.csv"'
    assert "not an address" in text
    assert text.splitlines()[1].startswith("4,")


def test_rejected_lines_are_for_people_who_import(client: Client) -> None:
    row = imported(client, GOOD + "not an address;X;Y\n")

    assert somebody("Viewers").get(page_of(row, "rejects")).status_code == 403
    assert Client().get(page_of(row, "rejects")).status_code == 302


def test_an_import_without_rejected_lines_has_no_such_file(client: Client) -> None:
    row = imported(client)

    assert client.get(page_of(row, "rejects")).status_code == 404
    assert page_of(row, "rejects") not in client.get(page_of(row, "change")).content.decode()


def test_a_waiting_import_is_cancelled_and_brings_no_lead(client: Client) -> None:
    client.post(upload(client)["Location"])
    row = LeadImport.objects.get()

    client.post(page_of(row, "cancel"), {"_form_submitted": "1"})
    imports.run_import(row.pk)

    row.refresh_from_db()
    assert row.state == "cancelled"
    assert not Lead.objects.exists()


def test_an_import_is_never_edited(client: Client) -> None:
    row = imported(client)

    assert client.get(page_of(row, "change")).status_code == 200
    assert client.post(page_of(row, "change"), {"file_name": "x"}).status_code == 403


def test_a_running_import_is_not_deleted(client: Client) -> None:
    client.post(upload(client)["Location"])
    row = LeadImport.objects.get()

    assert client.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403


def test_a_failed_import_says_why(client: Client) -> None:
    row = LeadImport.objects.create(file_name="a.csv", file_path="/x", state="failed", error="The disk is full.")

    assert "The disk is full." in client.get(page_of(row, "change")).content.decode()
