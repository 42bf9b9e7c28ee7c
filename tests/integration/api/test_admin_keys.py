"""Keys are made in the admin, shown once, and give no more than their maker may do."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.api import keys
from campaigns.models import ApiKey
from tests.people import boss, somebody

pytestmark = pytest.mark.django_db
ADD = "admin:campaigns_apikey_add"
SECRET = re.compile(r"mm_[a-z0-9]{8}_[A-Za-z0-9]{43}")


def make(client: Client, *scopes: str, **fields: str) -> str:
    """The page that is shown after the form was sent."""
    values = {"name": "Shop", "scopes": list(scopes), "rate_per_second": "50", **fields}
    return str(client.post(reverse(ADD), values, follow=True).content.decode())


def test_a_key_is_shown_once_and_opens_the_api() -> None:
    client = boss()

    shown = SECRET.findall(make(client, "templates:read", networks="127.0.0.0/8, ::1"))

    assert len(set(shown)) == 1
    key = ApiKey.objects.get()
    assert (key.networks, key.scopes) == (["127.0.0.0/8", "::1"], ["templates:read"])
    assert key.created_by is not None
    assert not SECRET.search(client.get(reverse("admin:campaigns_apikey_change", args=[key.pk])).content.decode())
    answer = Client().get("/api/v1/templates", headers={"authorization": f"Bearer {shown[0]}"})
    assert answer.status_code == 200


def test_nobody_gives_a_key_what_they_may_not_do() -> None:
    client = somebody("", "campaigns.add_apikey", "campaigns.view_apikey", "campaigns.view_lead")

    page = make(client, "leads:read", "leads:erase")

    assert not ApiKey.objects.exists()
    assert "leads:erase is not one of the available choices" in page
    assert SECRET.search(make(client, "leads:read"))


def test_a_network_that_is_none_is_named() -> None:
    page = make(boss(), "leads:read", networks="10.0.0.0/8, somewhere")

    assert "somewhere is no address or network" in page
    assert not ApiKey.objects.exists()


def test_a_revoked_key_opens_nothing_and_is_not_edited() -> None:
    client = boss()
    secret = SECRET.findall(make(client, "leads:read"))[0]
    key = ApiKey.objects.get()

    client.post(reverse("admin:campaigns_apikey_revoke", args=[key.pk]), {"_form_submitted": "1"})

    key.refresh_from_db()
    assert key.revoked_at is not None
    assert keys.find(secret) is None
    assert "Revoked on " in client.get(reverse("admin:campaigns_apikey_change", args=[key.pk])).content.decode()
    assert client.post(reverse("admin:campaigns_apikey_change", args=[key.pk]), {"name": "x"}).status_code == 403


@pytest.mark.parametrize("role", ["Marketers", "Viewers"])
def test_only_operators_and_administrators_make_keys(role: str) -> None:
    assert somebody(role).get(reverse(ADD)).status_code == 403
    assert somebody("Operators").get(reverse(ADD)).status_code == 200
