"""Which role may open which of delivery's pages: one table, and no address of delivery may be missing in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from delivery.models import Alert, AlertSettings, Pool, Provider, ReplyRule, RetryPolicy, SendingDomain, WarmUp
from delivery.models import SendingPolicy as Policy
from tests.people import a_campaign, a_lead, somebody

pytestmark = pytest.mark.django_db

ROLES = {"M": "Marketers", "O": "Operators", "V": "Viewers"}
# name of an address: what its number names, and the roles that may come in
OWN: dict[str, tuple[str, str]] = {
    "campaigns_campaign_change_pace": ("campaign", "MO"),
    "delivery_alert_open_settings": ("", "O"),
    "delivery_alert_post_again": ("lost", "O"),
    "delivery_alertsettings_new_secret": ("alertsettings", "O"),
    "delivery_alertsettings_send_test": ("alertsettings", "O"),
    "delivery_campaign_emails": ("campaign", "MOV"),
    "delivery_campaign_emails_csv": ("campaign", "MV"),
    "delivery_campaign_guardrail": ("campaign", "MO"),
    "delivery_campaign_pool": ("campaign", "MO"),
    "delivery_dead": ("", "MOV"),
    "delivery_dead_csv": ("", "MV"),
    "delivery_dead_discard": ("campaign", "MO"),
    "delivery_dead_discard_chosen": ("", "MO"),
    "delivery_dead_progress": ("", "MOV"),
    "delivery_dead_requeue": ("campaign", "MO"),
    "delivery_dead_requeue_chosen": ("", "MO"),
    "delivery_dead_stop": ("nothing", "MO"),
    "delivery_emails": ("", "MOV"),
    "delivery_hours": ("campaign", "MOV"),
    "delivery_lead_emails": ("lead", "MV"),
    "delivery_message": ("nothing", "MO"),
    "delivery_message_cancel": ("nothing", "O"),
    "delivery_message_copy": ("nothing", ""),
    "delivery_message_frame": ("nothing", ""),
    "delivery_messages": ("", "MO"),
    "delivery_pool_make_default": ("pool", "O"),
    **{f"delivery_provider_{name}": ("provider", "O") for name in ("activate", "drain", "pause", "try_again")},
    **{f"delivery_provider_{name}": ("provider", "O") for name in ("send_one", "test", "warm_up")},
    "delivery_replyrule_built_in": ("", "O"),
    "delivery_replyrule_try": ("", "O"),
    **{f"delivery_sendingdomain_{name}": ("sendingdomain", "O") for name in ("dns", "generate_key", "resume")},
    **{f"delivery_sendingdomain_{name}": ("sendingdomain", "O") for name in ("sign_off", "sign_on", "use_next")},
    "delivery_test_send": ("campaign", "M"),
    "delivery_unknown": ("campaign", "O"),
    "delivery_unknown_csv": ("campaign", ""),
    **{f"delivery_unknown_{name}": ("campaign", "O") for name in ("leave", "log", "log_preview", "resend")},
    "delivery_unknown_log_rejects": ("campaign", "O"),
    **{f"delivery_warmup_{name}": ("warmup", "O") for name in ("end", "freeze", "restart", "resume")},
}  # fmt: skip
# the method is judged before the person
POST_ALONE = ("delivery_dead_stop", "delivery_message_cancel", "delivery_provider_test", "delivery_sendingdomain_dns")
MODELS = (
    "alert", "alertsettings", "guardrailpolicy", "messagestream", "pool", "provider", "replyrule", "retrypolicy",
    "sendingdomain", "sendingpolicy", "unknowndecision",
)  # fmt: skip
USUAL = ("changelist", "add", "change", "delete", "history")
USUAL_NAMES = {f"delivery_{model}_{page}" for model in MODELS for page in USUAL}


@pytest.fixture
def house() -> dict[str, int]:
    """One of everything, by the words of the table."""
    provider = Provider.objects.create(name="Relay", host="127.0.0.1", port=9)
    settings, _ = AlertSettings.objects.update_or_create(pk=1, defaults={"webhook_url": "https://hooks.example.com/"})
    return {
        "alert": Alert.objects.create(key="circuit:1", subject="Cut off", text="It does not answer.").pk,
        "alertsettings": settings.pk,
        "campaign": a_campaign(state="sending", name="Under way").pk,
        "lead": a_lead("grace@example.com").pk,
        "lost": Alert.objects.create(key="circuit:2", subject="Cut off", text="Nor does this.", tried=3).pk,
        "nothing": 2**40,
        "pool": Pool.objects.create(name="Second").pk,
        "provider": provider.pk,
        "replyrule": ReplyRule.objects.create(name="ours", outcome="block", codes="550", reason="Blocked.").pk,
        "retrypolicy": RetryPolicy.objects.create(stream=Pool.Stream.MARKETING).pk,
        "sendingdomain": SendingDomain.objects.create(domain="acme.example").pk,
        "sendingpolicy": Policy.objects.get_or_create(pk=1)[0].pk,
        "warmup": WarmUp.objects.create(provider=provider, ramp=[200, 500]).pk,
    }


def address(name: str, arguments: list[int]) -> str:
    # pages of the admin's models stand in its namespace, pages of our own do not
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return reverse(f"admin:{name}", args=arguments)


def own(house: dict[str, int]) -> Iterator[tuple[str, str, str]]:
    for name, (what, roles) in OWN.items():
        yield name, address(name, [house[what]] if what else []), roles


def names(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from names(one.url_patterns)
        elif one.name and one.name.startswith("delivery_"):
            yield one.name


def is_refused(ask: Callable[[str], HttpResponse], where: str) -> bool:
    return ask(where).status_code == 403


def test_no_page_of_delivery_is_missing_in_the_table() -> None:
    assert set(names(get_resolver().url_patterns)) - USUAL_NAMES == {name for name in OWN if "delivery_" in name}


@pytest.mark.parametrize("letter", ROLES)
def test_a_role_comes_in_where_the_table_says_so_and_nowhere_else(house: dict[str, int], letter: str) -> None:
    client = somebody(ROLES[letter])

    refused = {name for name, where, _ in own(house) if is_refused(client.get, where)}

    assert refused == {
        name for name, (_, roles) in OWN.items() if letter not in roles and name not in POST_ALONE
    }  # fmt: skip


@pytest.mark.parametrize("letter", ROLES)
def test_a_role_posts_nothing_where_it_may_not_come_in(house: dict[str, int], letter: str) -> None:
    client = somebody(ROLES[letter])

    answers = {name: client.post(where).status_code for name, where, roles in own(house) if letter not in roles}

    assert set(answers.values()) <= {403, 405}, answers


def test_only_operators_open_lists_and_forms_of_delivery(house: dict[str, int]) -> None:
    others = [somebody(ROLES["M"]), somebody(ROLES["V"])]
    pages = [reverse(f"admin:delivery_{model}_{page}") for model in MODELS for page in ("changelist", "add")]
    pages += [
        reverse(f"admin:delivery_{model}_{page}", args=[house[model]])
        for model in MODELS if model in house
        for page in ("change", "delete", "history")
    ]  # fmt: skip

    came_in = [
        where for client in others for where in pages
        if not (is_refused(client.get, where) and is_refused(client.post, where))
    ]  # fmt: skip

    assert came_in == []


def test_strangers_are_sent_to_the_login_from_everywhere(house: dict[str, int]) -> None:
    login = reverse("admin:login")

    answers = {where: (Client().get(where), Client().post(where)) for _, where, _ in own(house)}

    came_in = [where for where, pair in answers.items() if not all(login in one.get("Location", "") for one in pair)]
    assert came_in == []
