"""The frame of the admin's pages: its pieces are kept in the process, and yet are each person's own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.test import Client, override_settings
from django.urls import reverse
from unfold.sites import UnfoldAdminSite

from massmailer.admin_site import Site
from massmailer.templatetags.kept import MOST_PIECES, KeptNode
from tests.people import a_campaign, boss, somebody

pytestmark = pytest.mark.django_db
# ours instead of unfold's
OVERRIDES = (
    "admin/nav_sidebar.html", "unfold/layouts/skeleton.html", "unfold/helpers/userlinks.html",
    "unfold/helpers/welcomemsg.html",
)  # fmt: skip
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def named(username: str, **fields: Any) -> Client:
    user = User.objects.create(username=username, is_staff=True, **fields)
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return client


def page(client: Client, address: str = "", **headers: str) -> str:
    return client.get(address or reverse("admin:index"), headers=headers).content.decode()


def user_of(client: Client) -> User:
    return User.objects.get(pk=client.session["_auth_user_id"])


def test_nobody_sees_the_name_of_another() -> None:
    people = {
        "ada": named("ada", first_name="Ada", last_name="<Lovelace>", email="ada@example.com"),
        "grace": named("grace", first_name="Grace", email="grace@example.com"),
        # the same texts in other places
        "Ada &lt;Lovelace&gt;": named(
            "x", first_name="Ada &lt;Lovelace&gt;", email="ada@example.com", is_superuser=True
        ),
    }
    for _ in range(2):
        ada, grace, other = (page(client) for client in people.values())

        assert all(text in ada for text in ("Ada &lt;Lovelace&gt;", "ada@example.com"))
        assert all(text in grace for text in ("Grace", "grace@example.com"))
        assert not any(text in grace for text in ("Ada", "ada@"))
        assert "Grace" not in ada
        assert "Ada &amp;lt;Lovelace&amp;gt;" in other
        assert reverse("admin:auth_user_changelist") in other
        assert reverse("admin:auth_user_changelist") not in ada + grace


def test_rights_that_are_given_or_taken_show_at_once() -> None:
    client = named("ada")
    leads = reverse("admin:campaigns_lead_changelist")
    right = Permission.objects.get(content_type__app_label="campaigns", codename="view_lead")
    viewers = Group.objects.get(name="Viewers")
    user = user_of(client)

    seen = [f'href="{leads}"' in page(client)]
    user.user_permissions.add(right)
    seen.append(f'href="{leads}"' in page(client))
    user.user_permissions.remove(right)
    seen.append(f'href="{leads}"' in page(client))
    user.groups.add(viewers)
    seen.append(f'href="{leads}"' in page(client))
    viewers.permissions.remove(right)
    seen.append(f'href="{leads}"' in page(client))

    assert seen == [False, True, False, True, False]


def test_a_new_name_shows_at_once() -> None:
    client = named("ada", email="old@example.com")
    assert "old@example.com" in page(client)

    User.objects.filter(username="ada").update(email="new@example.com")

    assert "new@example.com" in page(client)
    assert "old@example.com" not in page(client)


def test_every_page_carries_its_own_token_against_forged_forms() -> None:
    first, second = named("ada"), named("ada2")
    tokens = [TOKEN.findall(page(client)) for client in (first, second, first)]

    assert all(tokens)
    assert len({token for found in tokens for token in found}) == len(tokens)
    # each is good for its own person alone
    log_out = reverse("admin:logout")
    assert first.post(log_out, {"csrfmiddlewaretoken": tokens[1][0]}).status_code == 403
    assert first.post(log_out, {"csrfmiddlewaretoken": tokens[0][0]}).status_code == 200
    assert second.post(log_out, {"csrfmiddlewaretoken": tokens[1][0]}).status_code == 200


def test_the_frame_speaks_the_language_of_its_reader() -> None:
    client = named("ada")
    pages = [page(client, **{"accept-language": language}) for language in ("en", "de", "en")]

    assert ["Log out" in one for one in pages] == [True, False, True]
    assert ["Abmelden" in one for one in pages] == [False, True, False]


def everything(clients: list[Client], campaign_id: int) -> list[tuple[str, str]]:
    """(address, page) of every kind of page as each of the clients reads it, without tokens, times and white space."""
    campaign = reverse("admin:campaigns_campaign_change", args=[campaign_id])
    addresses = [
        reverse("admin:index"), reverse("admin:campaigns_lead_changelist"), reverse("admin:campaigns_lead_add"),
        reverse("admin:password_change"), reverse("tracking_reports"), campaign, f"{campaign}?_popup=1",
        reverse("admin:auth_user_changelist"),
    ]  # fmt: skip
    found = [(address, page(client, address)) for address in addresses for client in clients]
    found.append(("log-in", page(Client(), reverse("admin:login"))))
    return [
        (address, re.sub(r"\s+", "", re.sub(r"\d\d:\d\d(:\d\d)?", "", TOKEN.sub("", text)))) for address, text in found
    ]


def test_the_frame_is_what_unfold_makes_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clients = [boss(), somebody("Marketers"), somebody("Viewers"), somebody("")]
    campaign_id = a_campaign().pk
    ours = [everything(clients, campaign_id) for _ in range(2)]

    shutil.copytree(settings.BASE_DIR / "templates", tmp_path, dirs_exist_ok=True)
    for name in OVERRIDES:
        (tmp_path / name).unlink()
    entries = tmp_path / "unfold" / "helpers" / "app_list.html"
    entries.write_text("{% for piece in sidebar_navigation %}{{ piece }}{% endfor %}")
    monkeypatch.setattr(Site, "each_context", UnfoldAdminSite.each_context)
    with override_settings(TEMPLATES=[{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]):
        theirs = everything(clients, campaign_id)

    assert ours[0] == theirs
    assert ours[1] == theirs, "the second time it is the kept pieces"


def test_no_more_pieces_are_kept_than_a_house_has_people(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    real = KeptNode._keep

    def watched(self: KeptNode, *args: Any) -> Any:
        found = real(self, *args)
        kept.append(len(self.pieces))
        return found

    monkeypatch.setattr(KeptNode, "_keep", watched)
    monkeypatch.setattr("massmailer.templatetags.kept.MOST_PIECES", 3)
    clients = [named(f"user{number}") for number in range(6)]
    for client in clients:
        assert user_of(client).username in page(client)

    assert MOST_PIECES > 3
    assert 0 < max(kept[-6:]) <= 3
