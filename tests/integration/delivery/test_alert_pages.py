"""Settings and list of alerts: what can be saved, the secret that is shown once, and the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from delivery import alerts, outgoing
from delivery.models import Alert, AlertSettings, Message
from tests.integration.delivery.unknowns import forget_rows
from tests.people import boss, somebody
from tests.unit.delivery.outgoing.servers import Receiver, receiving

pytestmark = pytest.mark.django_db
SETTINGS = "/admin/delivery/alertsettings/1/change/"
AGREED = {"_form_submitted": "on"}
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]+=")


@pytest.fixture(autouse=True)
def house() -> None:
    forget_rows()
    AlertSettings.objects.create()


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    with receiving() as running:
        settings.WEBHOOK_PRIVATE_HOSTS = [f"127.0.0.1:{running.port}"]
        yield running


def save(client: Client, **values: object) -> Any:
    fields = {"emails": "", "webhook_url": "", "dead_letter_threshold": "100", "repeat_hours": "6", **values}
    return client.post(SETTINGS, fields, follow=True)


def text_of(response: Any) -> str:
    return response.content.decode().replace("&#x27;", "'")


def act(client: Client, name: str) -> str:
    return text_of(client.post(reverse(f"admin:delivery_alertsettings_{name}", args=[1]), AGREED, follow=True))


def test_there_is_one_page_of_settings() -> None:
    AlertSettings.objects.all().delete()
    response = boss().get("/admin/delivery/alertsettings/", follow=True)
    assert response.redirect_chain == [(SETTINGS, 302)]


def test_addresses_are_kept_one_a_line() -> None:
    save(boss(), emails="  Ada@Example.COM \r\n\r\ngrace@example.com\r\nada@example.com")
    assert AlertSettings.objects.get().emails == "ada@example.com\ngrace@example.com"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"emails": "ada@example.com\nnobody"}, "nobody: "),
        ({"emails": "\n".join(f"a{n}@example.com" for n in range(21))}, "At most 20 addresses."),
        ({"webhook_url": "http://127.0.0.1/hook"}, "127.0.0.1 is a private address."),
        ({"webhook_url": "http://169.254.169.254/"}, "metadata"),
        ({"webhook_url": "http://93.184.216.34:22/"}, "Port 22 is not called"),
        ({"webhook_url": "http://user:secret@93.184.216.34/"}, "user name"),
        ({"repeat_hours": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(values: dict[str, str], words: str) -> None:
    assert words in text_of(save(boss(), **values))
    found = AlertSettings.objects.get()
    assert (found.emails, found.webhook_url, found.repeat_hours) == ("", "", 6)


def test_the_short_name_of_a_machine_in_the_house_is_taken_when_it_is_listed(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(0, 0, 0, "", ("10.0.0.7", 9093))])
    save(boss(), webhook_url="http://alertmanager:9093/hook")
    assert AlertSettings.objects.get().webhook_url == ""
    settings.WEBHOOK_PRIVATE_HOSTS = ["alertmanager:9093"]
    save(boss(), webhook_url="http://alertmanager:9093/hook")
    assert AlertSettings.objects.get().webhook_url == "http://alertmanager:9093/hook"


def test_the_secret_is_made_with_the_first_address_and_shown_once(receiver: Receiver) -> None:
    client = boss()
    (shown,) = set(SECRET.findall(text_of(save(client, webhook_url=f"http://127.0.0.1:{receiver.port}/"))))
    told = AlertSettings.objects.get()
    assert told.webhook_secret == shown
    assert shown not in told.sealed_webhook_secret
    assert "whsec_" not in text_of(client.get(SETTINGS))
    assert "whsec_" not in text_of(save(client, webhook_url=f"http://127.0.0.1:{receiver.port}/other"))
    assert AlertSettings.objects.get().webhook_secret == shown


def test_a_new_secret_signs_beside_the_old_one_for_a_day(receiver: Receiver) -> None:
    client = boss()
    save(client, webhook_url=f"http://127.0.0.1:{receiver.port}/")
    old = AlertSettings.objects.get().webhook_secret
    (new,) = set(SECRET.findall(act(client, "new_secret")))
    assert new != old
    told = AlertSettings.objects.get()
    assert told.signing_secrets(timezone.now()) == [new, old]
    assert told.signing_secrets(timezone.now() + timezone.timedelta(hours=25)) == [new]
    act(client, "send_test")
    ((_, headers, body),) = receiver.seen
    signed = (headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    assert headers["webhook-signature"] == " ".join(outgoing.sign(secret, *signed) for secret in (new, old))


def test_a_test_alert_says_what_became_of_it(receiver: Receiver) -> None:
    client = boss()
    assert "Nobody would be told" in act(client, "send_test")
    save(client, emails="ada@example.com", webhook_url=f"http://127.0.0.1:{receiver.port}/")
    page = act(client, "send_test")
    assert "The e-mails are on their way." in page
    assert "The webhook took the post." in page
    assert Message.objects.get().to_address == "ada@example.com"
    receiver.status, receiver.answer = 500, b""
    assert "The webhook did not take the post. The answer was 500." in act(client, "send_test")
    assert Alert.objects.filter(key="test").count() == 2
    assert len(receiver.seen) == 2


def test_who_may_not_change_settings_sends_nothing() -> None:
    viewer = somebody("", "delivery.view_alertsettings")
    assert viewer.get(SETTINGS).status_code == 200
    for name in ("send_test", "new_secret"):
        assert viewer.post(reverse(f"admin:delivery_alertsettings_{name}", args=[1]), AGREED).status_code == 403
        assert (
            boss(csrf=True).post(reverse(f"admin:delivery_alertsettings_{name}", args=[1]), AGREED).status_code == 403
        )
    assert not Alert.objects.exists()


def test_the_list_says_what_was_delivered(receiver: Receiver) -> None:
    client = boss()
    save(client, webhook_url=f"http://127.0.0.1:{receiver.port}/")
    receiver.status = 503
    alerts.raise_alert(key="circuit:3", subject="The relay is down", text="Ten <b>times</b>.", link="/admin/")
    alerts.deliver_due()
    page = text_of(client.get("/admin/delivery/alert/"))
    assert "The relay is down" in page
    assert "Try 2 of 8" in page
    alert = Alert.objects.get()
    address = reverse("admin:delivery_alert_change", args=[alert.pk])
    page = text_of(client.get(address))
    assert "The answer was 503." in page
    assert "&lt;b&gt;times" in page
    assert "('none'" not in page
    Alert.objects.update(next_try_at=None, tried=8)
    assert "Given up" in text_of(client.get(address))

    receiver.status = 200
    client.post(reverse("admin:delivery_alert_post_again", args=[alert.pk]), AGREED)
    assert alerts.deliver_due() == 1
    assert "Posted" in text_of(client.get(address))
    assert client.post(address, {"subject": "x"}).status_code == 403


def test_an_alert_keeps_its_paragraphs_and_runs_nothing_that_it_quotes() -> None:
    alert = Alert.objects.create(key="blocked:3:gmail", subject="Blocked", text="550 <b>No</b>.\n\nLook at it.")

    page = boss().get(reverse("admin:delivery_alert_change", args=[alert.pk])).content.decode()

    assert "<p>550 &lt;b&gt;No&lt;/b&gt;.</p>" in page
    assert "<p>Look at it.</p>" in page


def test_the_dashboard_shows_the_newest_of_each_key() -> None:
    for key in ("test", "circuit:3", "circuit:3"):
        alerts.raise_alert(key=key, subject=f"About {key}", text="x")
        Alert.objects.filter(key="circuit:3").update(created_at=timezone.now() - timezone.timedelta(hours=7))
    page = text_of(somebody("Operators").get("/admin/"))
    assert page.count("About circuit:3.") == 1
    assert "About test" not in page
    assert "About circuit:3." not in text_of(somebody("Marketers").get("/admin/"))
    Alert.objects.update(created_at=timezone.now() - timezone.timedelta(days=3))
    assert "About circuit:3." not in text_of(boss().get("/admin/"))
