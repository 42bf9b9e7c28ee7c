"""The mailbox in the admin: for staff alone, and a message cannot do anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from massmailer.sandbox.maildir import MaildirWriter

EVIL = (
    b"Subject: <script>alert(1)</script>\r\nTo: ada@example.org\r\n"
    b'Content-Type: text/html; charset=utf-8\r\n\r\n<h1>Hello</h1><script>alert(2)</script><img src="http://x.example/o">\r\n'
)


@pytest.fixture
def message_id(tmp_path: Path, settings: LazySettings) -> str:
    settings.SANDBOX_DIR = tmp_path
    writer = MaildirWriter(tmp_path)
    entry = writer.store("shop@example.com", ("ada@example.org",), EVIL)
    writer.close()
    return entry.id


def pages(message_id: str) -> list[str]:
    return [
        reverse("sandbox:list"),
        *(reverse(f"sandbox:{name}", args=[message_id]) for name in ("message", "html", "raw")),
    ]


@pytest.mark.django_db
def test_strangers_are_sent_to_the_login(client: Client, message_id: str) -> None:
    for page in pages(message_id):
        response = client.get(page)
        assert response.status_code == 302
        assert response.headers["Location"].startswith(reverse("admin:login"))


@pytest.mark.django_db
def test_staff_without_the_permission_are_refused(client: Client, message_id: str) -> None:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert {client.get(page).status_code for page in pages(message_id)} == {403}
    assert client.get(reverse("flower")).status_code == 403


@pytest.mark.django_db
def test_the_list_shows_and_finds_what_arrived(admin_client: Client, message_id: str) -> None:
    listing = admin_client.get(reverse("sandbox:list"), {"q": "ADA@"})
    assert listing.status_code == 200
    text = listing.content.decode()
    assert "ada@example.org" in text
    assert reverse("sandbox:message", args=[message_id]) in text
    assert "<script>alert" not in text
    nothing = admin_client.get(reverse("sandbox:list"), {"q": "nobody", "page": "x"}).content.decode()
    assert "No message matches “nobody”." in nothing


@pytest.mark.django_db
def test_html_is_shown_in_a_frame_that_can_do_nothing(admin_client: Client, message_id: str) -> None:
    page = admin_client.get(reverse("sandbox:message", args=[message_id])).content.decode()
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "<h1>Hello</h1>" not in page
    framed = admin_client.get(reverse("sandbox:html", args=[message_id]))
    assert "<h1>Hello</h1>" in framed.content.decode()
    policy = framed.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert framed.headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.django_db
def test_pictures_load_only_when_asked_for(admin_client: Client, message_id: str) -> None:
    address = reverse("sandbox:html", args=[message_id])
    assert "img-src data:;" in admin_client.get(address).headers["Content-Security-Policy"]
    assert "img-src http: https: data:;" in admin_client.get(address, {"images": 1}).headers["Content-Security-Policy"]


@pytest.mark.django_db
def test_a_message_is_downloaded_as_it_came(admin_client: Client, message_id: str) -> None:
    response = admin_client.get(reverse("sandbox:raw", args=[message_id]))
    assert response.content == EVIL
    assert response.headers["Content-Disposition"] == f'attachment; filename="{message_id}.eml"'


@pytest.mark.django_db
def test_a_dropped_message_is_not_found(admin_client: Client, message_id: str) -> None:
    gone = "00000000000000000001.1_1"
    assert {admin_client.get(page).status_code for page in pages(gone)[1:]} == {404}


@pytest.mark.django_db
def test_pages_only_read(admin_client: Client, message_id: str) -> None:
    assert {admin_client.post(page).status_code for page in pages(message_id)} == {405}


@pytest.mark.django_db
def test_the_admin_leads_to_flower(admin_client: Client, settings: LazySettings) -> None:
    response = admin_client.get(reverse("flower"))
    assert (response.status_code, response.headers["Location"]) == (302, settings.FLOWER_URL)
