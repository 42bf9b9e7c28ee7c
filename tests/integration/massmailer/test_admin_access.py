"""Who may open which page, and that looking changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import reverse

from campaigns.models import Campaign, Lead, LeadImport, Segment, Suppression
from campaigns.public_limits import limiter
from delivery.models import Pool, Provider, SendingDomain
from tests.people import a_campaign, a_lead, a_template, boss, somebody

pytestmark = pytest.mark.django_db


@dataclass
class House:
    """One of everything."""

    lead: Lead
    campaign: Campaign
    sending: Campaign
    template_id: int
    import_id: int
    provider: Provider
    domain: SendingDomain


@pytest.fixture
def house() -> House:
    return House(
        lead=a_lead("grace@example.com"),
        campaign=a_campaign(),
        sending=a_campaign(state="sending", name="Under way"),
        template_id=a_template().pk,
        import_id=LeadImport.objects.create(file_name="a.csv", file_path="/nowhere").pk,
        provider=Provider.objects.create(name="Relay", host="smtp.example.com"),
        domain=SendingDomain.objects.create(domain="acme.example"),
    )


Address = Callable[[House], str]
PAGES: dict[str, tuple[Address, str]] = {
    "dashboard fragment": (lambda h: reverse("running_campaigns"), "campaigns.view_campaign"),
    "progress": (
        lambda h: reverse("admin:campaigns_campaign_progress", args=[h.sending.pk]),
        "campaigns.view_campaign",
    ),
    "preview": (lambda h: reverse("admin:campaigns_campaign_preview", args=[h.campaign.pk]), "campaigns.view_campaign"),
    "frame": (lambda h: reverse("admin:campaigns_campaign_frame", args=[h.campaign.pk]), "campaigns.view_campaign"),
    "template preview": (
        lambda h: reverse("admin:campaigns_template_preview", args=[h.template_id]),
        "campaigns.view_template",
    ),
    "template frame": (
        lambda h: reverse("admin:campaigns_template_frame", args=[h.template_id]),
        "campaigns.view_template",
    ),
    "import progress": (
        lambda h: reverse("admin:campaigns_leadimport_progress", args=[h.import_id]),
        "campaigns.view_leadimport",
    ),
    "upload": (lambda h: reverse("admin:campaigns_leadimport_add"), "campaigns.add_leadimport"),
    "launch dialog": (
        lambda h: reverse("admin:campaigns_campaign_launch", args=[h.campaign.pk]),
        "campaigns.launch_campaign",
    ),
    "schedule dialog": (
        lambda h: reverse("admin:campaigns_campaign_schedule", args=[h.campaign.pk]),
        "campaigns.launch_campaign",
    ),
    "pause dialog": (
        lambda h: reverse("admin:campaigns_campaign_pause", args=[h.sending.pk]),
        "campaigns.launch_campaign",
    ),
    "resume dialog": (
        lambda h: reverse("admin:campaigns_campaign_resume", args=[h.sending.pk]),
        "campaigns.launch_campaign",
    ),
    "cancel dialog": (
        lambda h: reverse("admin:campaigns_campaign_cancel", args=[h.sending.pk]),
        "campaigns.launch_campaign",
    ),
    "draft dialog": (
        lambda h: reverse("admin:campaigns_campaign_unschedule", args=[h.sending.pk]),
        "campaigns.launch_campaign",
    ),
    "duplicate dialog": (
        lambda h: reverse("admin:campaigns_campaign_duplicate", args=[h.campaign.pk]),
        "campaigns.add_campaign",
    ),
    "erase dialog": (lambda h: reverse("admin:campaigns_lead_erase", args=[h.lead.pk]), "campaigns.delete_lead"),
    "import cancel dialog": (
        lambda h: reverse("admin:campaigns_leadimport_cancel", args=[h.import_id]),
        "campaigns.add_leadimport",
    ),
    "provider pause dialog": (
        lambda h: reverse("admin:delivery_provider_pause", args=[h.provider.pk]),
        "delivery.change_provider",
    ),
    "provider activate dialog": (
        lambda h: reverse("admin:delivery_provider_activate", args=[h.provider.pk]),
        "delivery.change_provider",
    ),
    **{
        f"domain {name} dialog": (
            lambda h, name=name: reverse(f"admin:delivery_sendingdomain_{name}", args=[h.domain.pk]),
            "delivery.change_sendingdomain",
        )
        for name in ("generate_key", "use_next", "sign_on", "sign_off", "resume")
    },
    "e-mails": (lambda h: reverse("delivery_emails"), "delivery.view_email"),
    "campaign's e-mails": (
        lambda h: reverse("delivery_campaign_emails", args=[h.campaign.pk]),
        "delivery.view_email",
    ),
    "messages": (lambda h: reverse("delivery_messages"), "delivery.view_message"),
    "dead letters": (lambda h: reverse("delivery_dead"), "delivery.view_email"),
    "decisions about dead letters": (lambda h: reverse("delivery_dead_progress"), "delivery.view_message"),
    "alerts": (lambda h: reverse("admin:delivery_alert_changelist"), "delivery.view_alert"),
    "flower": (lambda h: reverse("flower"), "massmailer.open_flower"),
}
# pages that want more than one permission
NARROW: dict[str, tuple[Address, tuple[str, ...]]] = {
    "lead's e-mails": (
        lambda h: reverse("delivery_lead_emails", args=[h.lead.pk]),
        ("delivery.view_email", "campaigns.view_lead"),
    ),
    "e-mails as CSV": (
        lambda h: reverse("delivery_campaign_emails_csv", args=[h.campaign.pk]),
        ("delivery.view_email", "campaigns.view_lead"),
    ),
    "test send": (
        lambda h: reverse("delivery_test_send", args=[h.campaign.pk]),
        ("campaigns.change_campaign", "campaigns.view_lead"),
    ),
    "template's markup": (
        lambda h: reverse("admin:campaigns_template_content", args=[h.template_id]),
        ("campaigns.view_template", "campaigns.change_campaign"),
    ),
}
EVERY: dict[str, tuple[Address, tuple[str, ...]]] = {
    **{name: (address, (permission,)) for name, (address, permission) in PAGES.items()},
    **NARROW,
}
DIALOGS = sorted(name for name in EVERY if name.endswith("dialog"))


@pytest.mark.parametrize("name", sorted(EVERY))
def test_strangers_are_sent_to_the_login(house: House, name: str) -> None:
    response = Client().get(EVERY[name][0](house))

    assert response.status_code == 302
    assert response["Location"].startswith(reverse("admin:login"))


@pytest.mark.parametrize("name", sorted(EVERY))
def test_staff_without_the_permission_are_refused(house: House, name: str) -> None:
    address, permissions = EVERY[name]
    for missing in permissions:
        others = [permission for permission in permissions if permission != missing]

        assert somebody("", *others).get(address(house)).status_code == 403, missing


@pytest.mark.parametrize("name", sorted(EVERY))
def test_the_permission_alone_opens_the_page(house: House, name: str) -> None:
    address, permissions = EVERY[name]

    # 286 is an answer too: it tells a poll to stop; Flower's page leads to Flower itself
    assert somebody("", *permissions).get(address(house)).status_code in (200, 286, 302 if name == "flower" else 200)


@pytest.mark.parametrize("name", DIALOGS)
def test_opening_a_dialog_changes_nothing(house: House, name: str) -> None:
    before = everything()

    response = boss().get(EVERY[name][0](house))

    assert b'method="post"' in response.content
    assert everything() == before


@pytest.mark.parametrize("name", DIALOGS)
def test_a_dialog_without_a_csrf_token_is_refused(house: House, name: str) -> None:
    before = everything()

    response = boss(csrf=True).post(EVERY[name][0](house), {"_form_submitted": "1"})

    assert response.status_code == 403
    assert everything() == before


@pytest.mark.parametrize(
    "name", ["progress", "frame", "campaign's e-mails", "e-mails as CSV", "messages", "dead letters", "flower"]
)
def test_pages_that_only_read_take_no_post(house: House, name: str) -> None:
    assert boss().post(EVERY[name][0](house)).status_code == 405


def test_the_connection_test_wants_a_post_with_a_token(house: House) -> None:
    address = reverse("admin:delivery_provider_test", args=[house.provider.pk])

    assert boss().get(address).status_code == 405
    assert boss(csrf=True).post(address).status_code == 403
    assert somebody("", "delivery.view_provider").post(address).status_code == 403
    assert Client().post(address).status_code == 302


def test_the_count_of_a_segment_wants_a_token_and_the_permission() -> None:
    address = reverse("admin:campaigns_segment_count")

    assert boss(csrf=True).post(address, {"condition": "{}"}).status_code == 403
    assert somebody("", "campaigns.view_campaign").post(address, {"condition": "{}"}).status_code == 403
    assert boss().get(address).status_code == 405


ROLE_PAGES = {
    "Marketers": (
        {"campaigns_campaign", "campaigns_lead", "campaigns_mailinglist", "campaigns_segment", "campaigns_template",
         "campaigns_leadimport", "campaigns_suppression"},
        {"delivery_provider", "delivery_pool", "auth_user", "auth_group", "django_celery_beat_periodictask"},
    ),
    "Operators": (
        {"delivery_provider", "delivery_pool", "django_celery_beat_periodictask", "campaigns_campaign"},
        {"campaigns_lead", "campaigns_template", "auth_user", "auth_group"},
    ),
    "Viewers": (
        {"campaigns_campaign", "campaigns_lead", "campaigns_template", "campaigns_segment"},
        {"delivery_provider", "auth_user", "django_celery_beat_periodictask"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("role", ROLE_PAGES)
def test_a_role_opens_its_own_lists_and_no_others(role: str) -> None:
    client = somebody(role)
    opens, refused = ROLE_PAGES[role]

    answers = {name: client.get(reverse(f"admin:{name}_changelist")).status_code for name in opens | refused}

    assert {name for name, status in answers.items() if status == 200} == opens


def test_viewers_change_nothing(house: House) -> None:
    client = somebody("Viewers")

    assert client.get(reverse("admin:campaigns_campaign_add")).status_code == 403
    launch = reverse("admin:campaigns_campaign_launch", args=[house.campaign.pk])
    page = client.get(reverse("admin:campaigns_campaign_change", args=[house.campaign.pk]))
    assert client.post(page.wsgi_request.path, {"name": "x"}).status_code == 403
    assert client.post(launch, {"_form_submitted": "1"}).status_code == 403
    assert launch not in page.content.decode()


def test_viewers_see_a_preview_and_never_raw_markup(house: House) -> None:
    client = somebody("Viewers")

    page = client.get(reverse("admin:campaigns_campaign_change", args=[house.campaign.pk])).content.decode()
    template = client.get(reverse("admin:campaigns_template_change", args=[house.template_id])).content.decode()
    frame = client.get(reverse("admin:campaigns_campaign_frame", args=[house.campaign.pk])).content.decode()

    assert "mj-section" not in page + template
    assert "have a look" in frame
    assert client.get(reverse("admin:campaigns_template_content", args=[house.template_id])).status_code == 403


def test_launching_wants_its_own_permission(house: House) -> None:
    client = somebody("", "campaigns.view_campaign", "campaigns.change_campaign")
    address = reverse("admin:campaigns_campaign_launch", args=[house.campaign.pk])

    assert client.post(address, {"_form_submitted": "1"}).status_code == 403
    house.campaign.refresh_from_db()
    assert house.campaign.state == "draft"


def test_what_an_administrator_takes_from_a_role_stays_taken() -> None:
    group = Group.objects.get(name="Viewers")
    group.permissions.remove(group.permissions.get(codename="view_lead"))

    call_command("migrate", verbosity=0)

    assert not group.permissions.filter(codename="view_lead").exists()
    assert group.permissions.filter(codename="view_campaign").exists()


def test_a_manager_of_users_cannot_become_more_than_that() -> None:
    manager = somebody("", "auth.view_user", "auth.change_user")
    user = manager.get(reverse("admin:index")).wsgi_request.user

    page = manager.get(reverse("admin:auth_user_change", args=[user.pk])).content.decode()
    manager.post(reverse("admin:auth_user_change", args=[user.pk]), {"username": user.username, "is_superuser": "on"})

    user.refresh_from_db()
    assert not user.is_superuser
    assert 'name="is_superuser"' not in page


@pytest.mark.parametrize(
    "name",
    ["auth_user", "auth_group", "django_celery_beat_periodictask", "django_celery_beat_intervalschedule",
     "django_celery_beat_crontabschedule", "django_celery_beat_solarschedule", "django_celery_beat_clockedschedule",
     "delivery_pool", "delivery_provider", "campaigns_mailinglist", "campaigns_suppression"],
)  # fmt: skip
def test_every_list_and_form_opens(name: str) -> None:
    client = boss()

    assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200
    assert client.get(reverse(f"admin:{name}_add")).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["campaigns_campaign", "campaigns_leadimport", "delivery_alert", "delivery_pool", "delivery_provider",
     "delivery_sendingdomain"],
)  # fmt: skip
@pytest.mark.parametrize("number", ["nine", "9" * 30])
def test_an_address_with_a_made_up_number_leads_to_no_error(name: str, number: str) -> None:
    client = boss()

    assert client.get(reverse(f"admin:{name}_change", args=[number])).status_code == 302


def test_posting_an_alert_that_there_is_not_is_refused() -> None:
    assert boss().get(reverse("admin:delivery_alert_post_again", args=["nine"])).status_code == 403


def test_every_page_has_a_policy_without_inline_scripts(house: House) -> None:
    policy = boss().get(reverse("admin:index"))["Content-Security-Policy"]

    assert "script-src 'self' 'unsafe-eval';" in policy


def test_the_sidebar_shows_what_a_person_may_open() -> None:
    page = somebody("Marketers").get(reverse("admin:index")).content.decode()

    assert reverse("admin:campaigns_campaign_changelist") in page
    assert reverse("admin:delivery_provider_changelist") not in page
    assert reverse("admin:auth_user_changelist") not in page

    leads = reverse("admin:campaigns_lead_changelist")
    whole = boss().get(leads).content.decode()
    assert reverse("admin:auth_user_changelist") in whole, "what one person may see is not what another may"
    assert [link.split('"')[0] for link in whole.split('<li><a href="')[1:] if " active" in link[:300]] == [leads]


def everything() -> list[object]:
    """The state of all that a dialog could change."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Campaign, Lead, LeadImport, Segment, Suppression, Provider, Pool)
    ]


def test_passwords_are_not_tried_without_end(redis_client: redis.Redis) -> None:
    client = Client(REMOTE_ADDR="203.0.113.9")
    limiter.forget()
    guess = {"username": "boss", "password": "secret"}
    with override_settings(PUBLIC_LIMITS={**settings.PUBLIC_LIMITS, "login": (2, 3600)}):
        tried = [client.post(reverse("admin:login"), guess).status_code for _ in range(3)]
        looked = client.get(reverse("admin:login"))
        elsewhere = Client(REMOTE_ADDR="198.51.100.1").post(reverse("admin:login"), guess)
    assert tried == [200, 200, 429]
    assert (looked.status_code, elsewhere.status_code) == (200, 200)
