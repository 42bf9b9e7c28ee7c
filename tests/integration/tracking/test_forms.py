"""Subscribing by a form, and confirming it by e-mail."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from campaigns import addresses
from campaigns.models import (
    Consent,
    Lead,
    ListMembership,
    MailingList,
    SubscriptionForm,
    Suppression,
    SuppressionRelease,
    Topic,
)
from campaigns.public_limits import limiter
from delivery.models import Message
from tracking.forms import bots, cleanup, mail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
NETWORK = "203.0.113.0/24"
WORDING = "Yes, I want the news."


@pytest.fixture
def client() -> Client:
    return Client(enforce_csrf_checks=True, REMOTE_ADDR="203.0.113.9")


@pytest.fixture(autouse=True)
def a_fresh_start() -> None:
    limiter.forget()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM delivery_message")


@pytest.fixture
def form() -> SubscriptionForm:
    made = SubscriptionForm.objects.create(
        name="Website", slug="news", wording=WORDING, footer="Acme, 1 High Street",
        questions=[
            {"field": "first_name", "label": "First name", "required": False},
            {"field": "attributes.city", "label": "City", "required": True},
        ],
    )  # fmt: skip
    made.lists.add(MailingList.objects.create(name="News", is_public=True, title="The News"))
    return made


def stamp_of(page: str) -> str:
    found = re.search(r'name="stamp" value="([^"]+)"', page)
    assert found
    return found[1]


def proof_of(stamp: str) -> str:
    return next(str(number) for number in range(10**7) if bots.is_proof(stamp, str(number)))


def filled(client: Client, monkeypatch: pytest.MonkeyPatch, slug: str = "news", **changes: Any) -> dict[str, Any]:
    """What a browser sends a while after it has opened the form."""
    monkeypatch.setattr(bots, "LEAST_SECONDS", 0.0)
    stamp = stamp_of(client.get(f"/f/{slug}").text)
    typed = {
        "email": "Ada@Example.com", "first_name": "Ada", "attributes.city": "Lyon", "consent": "yes", "website": "",
        "stamp": stamp, "proof": proof_of(stamp), "answer": "",
    }  # fmt: skip
    return {**typed, **changes}


def link() -> str:
    consent = Consent.objects.latest("pk")
    return mail.link(consent).partition("/confirm/")[2]


def test_a_form_leads_to_a_pending_lead_a_mail_and_after_a_press_to_a_subscription(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = client.post("/f/news", filled(client, monkeypatch))
    assert answer.status_code == 200
    assert not answer.cookies
    assert "a•••@example.com" in answer.text
    lead = Lead.objects.get()
    assert (lead.email, lead.status, lead.first_name, lead.attributes) == ("ada@example.com", "pending", "", {})
    assert ListMembership.objects.get().status == "unconfirmed"
    message = Message.objects.get()
    assert (message.to_address, message.tags, message.priority) == ("ada@example.com", ["confirmation"], 8)
    url = f"/confirm/{message.data['url'].rpartition('/')[2]}"

    for method in ("get", "head"):
        assert getattr(client, method)(url).status_code == 200
    assert Lead.objects.get().status == "pending"

    assert "The News" in client.post(url).text
    lead.refresh_from_db()
    assert (lead.status, lead.first_name, lead.attributes) == ("subscribed", "Ada", {"city": "Lyon"})
    assert ListMembership.objects.get().status == "subscribed"
    consent = Consent.objects.get()
    assert (consent.wording, consent.wording_version, consent.form_name) == (WORDING, 1, "Website")
    assert (consent.network, consent.confirmed_network) == (NETWORK, NETWORK)
    assert consent.confirmed_at is not None
    first = consent.confirmed_at
    assert client.post(url).status_code == 200
    assert Consent.objects.get().confirmed_at == first


def test_the_answer_is_the_same_whoever_asks(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Lead.objects.create(email="known@example.com")
    form.lists.get().leads.add(known)
    Suppression.objects.create(kind="address", digest=addresses.digest("angry@example.com"), reason="complaint")
    texts = set()
    for name in ("new", "known", "angry"):
        answer = client.post("/f/news", filled(client, monkeypatch, email=f"{name}@example.com"))
        texts.add(answer.text.replace(f"{name[0]}•••", "•"))
    assert len(texts) == 1
    # who called our mail spam gets none, and is not subscribed
    assert set(Message.objects.values_list("to_address", flat=True)) == {"new@example.com", "known@example.com"}
    known.refresh_from_db()
    assert (known.status, known.memberships.get().status) == ("subscribed", "subscribed")


@pytest.mark.parametrize("kind", ["address", "hash"])
@pytest.mark.parametrize("reason", ["complaint", "hard_bounce", "manual"])
@pytest.mark.parametrize("double", [True, False])
def test_who_is_suppressed_is_never_subscribed_by_a_form(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch, kind: str, reason: str, double: bool
) -> None:
    SubscriptionForm.objects.update(double_opt_in=double)
    Suppression.objects.create(kind=kind, digest=addresses.digest("ada@example.com"), reason=reason)
    client.post("/f/news", filled(client, monkeypatch))
    assert not Message.objects.exists()
    assert Suppression.objects.get().reason == reason
    assert not Lead.objects.exists()


@pytest.mark.parametrize("status", ["bounced", "complained"])
def test_a_lead_whose_mail_came_back_gets_none_by_a_form(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    Lead.objects.create(email="ada@example.com", status=status)
    client.post("/f/news", filled(client, monkeypatch))
    assert not Message.objects.exists()
    assert Lead.objects.get().status == status


def test_who_left_the_list_is_asked_even_without_double_opt_in(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    SubscriptionForm.objects.update(double_opt_in=False)
    lead = Lead.objects.create(email="ada@example.com")
    ListMembership.objects.create(lead=lead, mailing_list=form.lists.get(), status="unsubscribed")
    client.post("/f/news", filled(client, monkeypatch))
    assert ListMembership.objects.get().status == "unsubscribed"
    client.post(f"/confirm/{link()}")
    assert ListMembership.objects.get().status == "subscribed"


def test_who_had_unsubscribed_comes_back_by_confirming_even_without_double_opt_in(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    SubscriptionForm.objects.update(double_opt_in=False)
    lead = Lead.objects.create(email="ada@example.com", status="unsubscribed")
    Suppression.objects.create(
        kind="address", digest=addresses.digest(lead.email), value=lead.email, reason="unsubscribe"
    )
    client.post("/f/news", filled(client, monkeypatch))
    lead.refresh_from_db()
    assert (lead.status, Suppression.objects.count()) == ("unsubscribed", 1)
    client.post(f"/confirm/{link()}")
    lead.refresh_from_db()
    assert (lead.status, lead.memberships.get().status) == ("subscribed", "subscribed")
    assert not Suppression.objects.exists()
    assert SuppressionRelease.objects.get().why == "subscribed by the form Website"


def test_without_double_opt_in_a_new_address_is_subscribed_at_once_and_a_known_name_stays(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    SubscriptionForm.objects.update(double_opt_in=False)
    Lead.objects.create(email="known@example.com", first_name="Grace")
    for name in ("ada", "known"):
        client.post("/f/news", filled(client, monkeypatch, email=f"{name}@example.com"))
    assert not Message.objects.exists()
    found = set(Lead.objects.values_list("email", "status", "first_name"))
    assert found == {("ada@example.com", "subscribed", "Ada"), ("known@example.com", "subscribed", "Grace")}
    assert ListMembership.objects.filter(status="subscribed").count() == 2
    assert Consent.objects.filter(confirmed_at__isnull=False).count() == 2


# --- programs -------------------------------------------------------------------------------------------------------
def test_a_snippet_on_another_site_needs_one_press_more_and_keeps_what_was_typed(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = {"email": "ada@example.com", "attributes.city": "Lyon", "consent": "yes"}
    page = client.post("/f/news", typed)
    assert "One more step" in page.text
    assert 'value="ada@example.com"' in page.text
    assert not Lead.objects.exists()
    monkeypatch.setattr(bots, "LEAST_SECONDS", 0.0)
    question = re.search(r"What is (\w+) plus (\w+)\?", page.text)
    assert question
    answer = str(sum(bots.NUMBERS.index(word) for word in question.groups()))
    assert "Thank you" in client.post("/f/news", {**typed, "stamp": stamp_of(page.text), "answer": answer}).text
    assert Lead.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"proof": "", "answer": ""}, {"proof": "", "answer": "42"}, {"proof": "x"}, {"stamp": "forged"}, {"stamp": ""},
        {"website": "http://spam.example"},
    ],
)  # fmt: skip
def test_programs_are_let_in_by_nothing(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str]
) -> None:
    assert client.post("/f/news", filled(client, monkeypatch, **changes)).status_code == 200
    assert not Lead.objects.exists()
    assert not Message.objects.exists()


def test_a_stamp_counts_once_for_its_own_form_and_not_in_the_first_seconds(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = filled(client, monkeypatch)
    monkeypatch.setattr(bots, "LEAST_SECONDS", 60.0)
    client.post("/f/news", typed)
    assert not Lead.objects.exists()
    monkeypatch.setattr(bots, "LEAST_SECONDS", 0.0)
    SubscriptionForm.objects.create(name="Other", slug="other").lists.set(form.lists.all())
    client.post("/f/other", typed)
    assert not Lead.objects.exists()
    for name in ("first", "second"):
        client.post("/f/news", {**typed, "email": f"{name}@example.com"})
    assert Lead.objects.get().email == "first@example.com"


def test_a_mailbox_is_not_flooded_by_a_form(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        client.post("/f/news", filled(client, monkeypatch))
    assert Message.objects.count() == 1
    assert Consent.objects.count() == 1
    for expected in (2, 3, 4, 4):
        Consent.objects.update(last_mail_at=timezone.now() - dt.timedelta(minutes=6))
        client.post("/f/news", filled(client, monkeypatch))
        assert Message.objects.count() == expected


def test_a_network_that_comes_too_often_is_asked_to_wait(client: Client, form: SubscriptionForm, settings: Any) -> None:
    settings.PUBLIC_LIMITS = {**settings.PUBLIC_LIMITS, "form": (3, 60)}
    codes = [client.post("/f/news", {}).status_code for _ in range(6)]
    assert codes[0] == 400
    assert codes[-1] == 429


# --- what is typed, and where it leads ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"email": "nobody"}, "not an e-mail address"), ({"email": ""}, "write your e-mail"),
        ({"attributes.city": " "}, "City: please fill this in"), ({"consent": ""}, "tick the box"),
        ({"email": "a@example.com\r\nBcc: b@example.com"}, "not an e-mail address"),
    ],
)  # fmt: skip
def test_mistakes_are_said_at_their_field(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], words: str
) -> None:
    answer = client.post("/f/news", filled(client, monkeypatch, **changes))
    assert answer.status_code == 400
    assert words in answer.text
    assert not Lead.objects.exists()


def test_people_choose_lists_and_topics(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, foreign = (MailingList.objects.create(name=name) for name in ("Recipes", "Staff only"))
    form.lists.add(chosen)
    offers, events = (Topic.objects.create(name=name) for name in ("Offers", "Events"))
    form.topics.add(offers, events)
    SubscriptionForm.objects.update(people_choose_lists=True)
    assert client.post("/f/news", filled(client, monkeypatch)).status_code == 400
    typed = filled(
        client, monkeypatch, list=[chosen.pk, foreign.pk], shown_topic=[offers.pk, events.pk], topic=[events.pk]
    )
    client.post("/f/news", typed)
    client.post(f"/confirm/{link()}")
    assert list(ListMembership.objects.values_list("mailing_list__name", "status")) == [("Recipes", "subscribed")]
    assert Lead.objects.get().declined_topics == [offers.pk]


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("", "https://shop.example/thanks"),
        ("https://shop.example/vip", "https://shop.example/vip"),
        ("https://evil.example/", "https://shop.example/thanks"),
        ("//evil.example", "https://shop.example/thanks"),
        ("https://shop.example/vip/../x", "https://shop.example/thanks"),
    ],
)
def test_nobody_is_sent_to_an_address_that_the_form_does_not_list(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch, wanted: str, target: str
) -> None:
    SubscriptionForm.objects.update(return_urls="https://shop.example/thanks\nhttps://shop.example/vip")
    answer = client.post("/f/news", filled(client, monkeypatch, next=wanted))
    assert (answer.status_code, answer.headers["Location"]) == (303, target)


def test_the_hosted_page_allows_its_logo_and_no_frame_the_embedded_one_a_frame(
    client: Client, form: SubscriptionForm
) -> None:
    SubscriptionForm.objects.update(logo_url="https://cdn.example/logo.png", colour="#ffee00")
    page, frame = client.get("/f/news"), client.get("/f/news?embed=1")
    policy = page.headers["Content-Security-Policy"]
    assert "img-src 'self' https://cdn.example;" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "color: #000000" in page.text
    assert "Acme, 1 High Street" in page.text
    assert "frame-ancestors *" in frame.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in frame.headers


def test_a_closed_form_is_not_there(client: Client, form: SubscriptionForm) -> None:
    SubscriptionForm.objects.update(is_active=False)
    assert client.get("/f/news").status_code == 404
    assert client.get("/f/nothing").status_code == 404


# --- the link -------------------------------------------------------------------------------------------------------
def test_a_link_that_ran_out_confirms_nothing_and_a_used_one_still_answers(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/f/news", filled(client, monkeypatch))
    Consent.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=5))
    url = f"/confirm/{link()}"
    answer = client.post(url)
    assert answer.status_code == 410
    assert "/f/news" in answer.text
    assert Lead.objects.get().status == "pending"
    Consent.objects.update(confirmed_at=timezone.now())
    assert client.get(url).status_code == 200


def test_a_link_opens_its_own_door_only(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/f/news", filled(client, monkeypatch))
    token = link()
    assert client.post(f"/u/{token}").status_code == 404
    assert client.post(f"/confirm/{token[:-1]}").status_code == 404
    Lead.objects.all().delete()
    assert client.post(f"/confirm/{token}").status_code == 404


def test_who_never_confirms_is_forgotten_and_who_is_known_otherwise_stays(
    client: Client, form: SubscriptionForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Lead.objects.create(email="known@example.com")
    for name in ("ada", "known", "late"):
        client.post("/f/news", filled(client, monkeypatch, email=f"{name}@example.com"))
    Consent.objects.exclude(lead__email="late@example.com").update(expires_at=timezone.now() - dt.timedelta(days=8))
    assert cleanup.forget_unconfirmed() == 2
    assert set(Lead.objects.values_list("email", flat=True)) == {"known@example.com", "late@example.com"}
    assert not known.memberships.exists()
    assert cleanup.forget_unconfirmed() == 0
