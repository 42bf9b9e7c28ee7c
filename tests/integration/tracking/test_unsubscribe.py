"""Leaving and coming back: one-click, the page, and what holds when an engine is away."""

from __future__ import annotations

import threading

import pytest
import redis
from django.db import close_old_connections, connection
from django.test import Client
from django.test.utils import override_settings

from campaigns import addresses
from campaigns.models import Lead, ListMembership, Suppression
from campaigns.public_limits import limiter
from delivery.models import Email
from delivery.tokens import signer
from delivery.transactional import queue_message
from tests.integration.tracking.conftest import GONE_PROVIDER, MakeSent, PostgresAway, Sent
from tracking import stream
from tracking.consume import drain
from tracking.models import Event, ParkedEvent
from tracking.occurrence import decode

ONE_CLICK = "List-Unsubscribe=One-Click"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = (
    '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
    "multipart/form-data; boundary=b",
)


@pytest.fixture
def client() -> Client:
    """A mail provider: no cookie, no CSRF token, and CSRF is checked as in production."""
    return Client(enforce_csrf_checks=True)


def address(sent: Sent, n: int = 0) -> str:
    return f"/u/{sent.tokens(n).unsubscribe}"


def status_of(sent: Sent, n: int = 0) -> str:
    return Lead.objects.get(pk=sent.leads[n].pk).status


def membership_of(sent: Sent, n: int = 0) -> str:
    return ListMembership.objects.get(lead=sent.leads[n]).status


@pytest.mark.parametrize(("body", "content_type"), [(ONE_CLICK, URLENCODED), MULTIPART, ("", URLENCODED)])
def test_one_click_unsubscribes_without_cookie_token_or_redirect(
    client: Client, sent: Sent, body: str, content_type: str
) -> None:
    response = client.post(address(sent), body, content_type=content_type)
    assert response.status_code == 200
    assert not response.cookies
    assert status_of(sent) == Lead.Status.UNSUBSCRIBED
    suppression = Suppression.objects.get()
    assert (suppression.reason, suppression.value) == ("unsubscribe", "ada0@example.com")
    assert bytes(suppression.digest) == addresses.digest("ada0@example.com")
    assert sent.row().unsubscribed_at is not None
    assert sent.refreshed().unsubscribed == 1
    event = Event.objects.get()
    assert (event.kind, event.lead_id, event.provider_id) == ("unsubscribe", sent.leads[0].pk, GONE_PROVIDER)


def test_one_click_is_not_refused_for_what_others_ask_from_the_same_network(
    client: Client, make_sent: MakeSent
) -> None:
    sent = make_sent(3)
    crowd = {"REMOTE_ADDR": "198.51.100.7"}
    limiter.forget()
    with override_settings(PUBLIC_LIMITS={"unsubscribe": (2, 3600), "repeated": (2, 3600)}):
        guesses = [client.post("/u/nonsense", ONE_CLICK, content_type=URLENCODED, **crowd) for _ in range(3)]
        assert [answer.status_code for answer in guesses] == [404, 404, 429]
        assert client.get(address(sent), **crowd).status_code == 429
        for n in range(3):
            assert client.post(address(sent, n), ONE_CLICK, content_type=URLENCODED, **crowd).status_code == 200
            assert status_of(sent, n) == Lead.Status.UNSUBSCRIBED
        again = [client.post(address(sent), ONE_CLICK, content_type=URLENCODED).status_code for _ in range(2)]
        assert again == [200, 429]
    limiter.forget()


def test_asking_again_changes_nothing_and_answers_the_same(client: Client, sent: Sent) -> None:
    for _ in range(3):
        assert client.post(address(sent), ONE_CLICK, content_type=URLENCODED).status_code == 200
    assert sent.refreshed().unsubscribed == 1
    assert Event.objects.count() == 1
    assert Suppression.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_the_same_moment_count_once(sent: Sent) -> None:
    codes: list[int] = []

    def post() -> None:
        codes.append(Client().post(address(sent), ONE_CLICK, content_type=URLENCODED).status_code)
        connection.close()

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    close_old_connections()
    assert codes == [200] * 4
    assert sent.refreshed().unsubscribed == 1
    assert Event.objects.count() == 1


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_at_the_page_unsubscribes_nobody(client: Client, sent: Sent, method: str) -> None:
    response = getattr(client, method)(address(sent))
    assert response.status_code == 200
    assert status_of(sent) == Lead.Status.SUBSCRIBED
    assert not Event.objects.exists()
    if method == "get":
        assert "a•••@example.com" in response.text
        assert "ada0@example.com" not in response.text
        assert "<button" in response.text


def test_one_click_from_a_list_leaves_that_list_alone(client: Client, make_sent: MakeSent) -> None:
    sent = make_sent(to_list=True)
    # what a form of ours might say does not count in a one-click request
    client.post(address(sent), ONE_CLICK + "&scope=all&action=resubscribe", content_type=URLENCODED)
    assert membership_of(sent) == ListMembership.Status.UNSUBSCRIBED
    assert status_of(sent) == Lead.Status.SUBSCRIBED
    assert not Suppression.objects.exists()
    assert sent.refreshed().unsubscribed == 1


def test_the_page_offers_to_leave_everything(client: Client, make_sent: MakeSent) -> None:
    sent = make_sent(to_list=True)
    assert "Garden news" in client.get(address(sent)).text
    response = client.post(address(sent), {"action": "unsubscribe", "scope": "all"})
    assert "no more newsletters" in response.text
    assert status_of(sent) == Lead.Status.UNSUBSCRIBED
    assert membership_of(sent) == ListMembership.Status.SUBSCRIBED
    assert Suppression.objects.count() == 1


def test_a_membership_that_was_removed_is_remembered_as_left(client: Client, make_sent: MakeSent) -> None:
    sent = make_sent(to_list=True)
    ListMembership.objects.all().delete()
    client.post(address(sent), ONE_CLICK, content_type=URLENCODED)
    assert membership_of(sent) == ListMembership.Status.UNSUBSCRIBED


@pytest.mark.parametrize("scope", ["list", "all"])
def test_a_mistake_can_be_undone(client: Client, make_sent: MakeSent, scope: str) -> None:
    sent = make_sent(to_list=True)
    page = client.post(address(sent), {"action": "unsubscribe", "scope": scope})
    assert "Subscribe again" in page.text
    assert f'name="scope" value="{scope}"' in page.text
    back = client.post(address(sent), {"action": "resubscribe", "scope": scope})
    assert "Welcome back" in back.text
    assert (status_of(sent), membership_of(sent)) == ("subscribed", "subscribed")
    assert not Suppression.objects.exists()
    assert sorted(Event.objects.values_list("kind", flat=True)) == ["resubscribe", "unsubscribe"]
    assert sent.refreshed().unsubscribed == 1


def test_coming_back_does_not_lift_what_others_decided(client: Client, sent: Sent) -> None:
    Suppression.objects.create(kind="address", digest=addresses.digest("ada0@example.com"), reason="complaint")
    Lead.objects.update(status=Lead.Status.COMPLAINED)
    response = client.post(address(sent), {"action": "resubscribe", "scope": "all"})
    assert "not subscribed yet" in response.text
    assert status_of(sent) == Lead.Status.COMPLAINED
    assert Suppression.objects.get().reason == "complaint"


def test_the_link_of_an_erased_lead_still_answers(client: Client, sent: Sent) -> None:
    url = address(sent)
    Lead.objects.all().delete()
    assert client.get(url).status_code == 200
    assert client.post(url, ONE_CLICK, content_type=URLENCODED).status_code == 200
    assert sent.row().unsubscribed_at is not None


@pytest.mark.django_db
def test_leaving_from_a_transactional_message_means_its_address(client: Client, redis_client: redis.Redis) -> None:
    lead = Lead.objects.create(email="ada@example.com")
    for to in ("Ada@Example.com", "stranger@example.com"):
        message_id = queue_message(to=to, subject="Order", html="<p>Thanks</p>", sender="shop@sender.example")
        token = signer().sign_all("message", message_id, 0).unsubscribe
        assert client.post(f"/u/{token}", ONE_CLICK, content_type=URLENCODED).status_code == 200
    lead.refresh_from_db()
    assert lead.status == Lead.Status.UNSUBSCRIBED
    assert set(Suppression.objects.values_list("value", flat=True)) == {"ada@example.com", "stranger@example.com"}


@pytest.mark.django_db
def test_the_link_of_a_test_send_changes_nothing(client: Client, redis_client: redis.Redis) -> None:
    lead = Lead.objects.create(email="boss@example.com")
    message_id = queue_message(
        to="boss@example.com", subject="[Test]", html="<p>x</p>", sender="shop@sender.example", tags=["test"]
    )
    url = f"/u/{signer().sign_all('message', message_id, 0).unsubscribe}"
    assert "test e-mail" in client.get(url).text
    assert client.post(url, ONE_CLICK, content_type=URLENCODED).status_code == 200
    lead.refresh_from_db()
    assert lead.status == Lead.Status.SUBSCRIBED
    assert not Suppression.objects.exists()


def test_a_body_that_is_too_large_is_refused_unread(client: Client, sent: Sent) -> None:
    response = client.post(address(sent), "x" * 20_000, content_type=URLENCODED)
    assert response.status_code == 413
    assert status_of(sent) == Lead.Status.SUBSCRIBED


def test_leaving_before_the_e_mail_is_recorded_counts_once_it_is(client: Client, make_sent: MakeSent) -> None:
    sent = make_sent(delivered=False)
    client.post(address(sent), ONE_CLICK, content_type=URLENCODED)
    assert status_of(sent) == Lead.Status.UNSUBSCRIBED
    assert ParkedEvent.objects.count() == 1
    sent.deliver()
    ParkedEvent.objects.update(due_at="2020-01-01T00:00Z")
    drain()
    assert sent.row().unsubscribed_at is not None
    assert sent.refreshed().unsubscribed == 1


@pytest.mark.django_db(transaction=True)
def test_without_postgresql_the_wish_is_kept_and_done_by_the_next_drain(
    client: Client, make_sent: MakeSent, redis_client: redis.Redis
) -> None:
    sent = make_sent(2, to_list=True)
    urls = [address(sent, n) for n in range(2)]
    with PostgresAway():
        page = client.get(urls[0]).text
        assert "<button" in page
        # whether the campaign had a list cannot be asked: the page must not decide for "all"
        assert 'name="scope" value="list" checked' in page
        assert client.post(urls[0], ONE_CLICK, content_type=URLENCODED).status_code == 200
        assert client.post(urls[1], {"action": "unsubscribe", "scope": "all"}).status_code == 200
    kept = [decode(fields[stream.FIELD]).kind for _, fields in redis_client.xrange(stream.PRIORITY)]
    assert kept == ["unsubscribe", "unsubscribe"]
    assert status_of(sent, 1) == Lead.Status.SUBSCRIBED
    drain()
    assert membership_of(sent, 0) == ListMembership.Status.UNSUBSCRIBED
    assert (status_of(sent, 0), status_of(sent, 1)) == ("subscribed", "unsubscribed")
    assert sent.refreshed().unsubscribed == 2
    assert Email.objects.filter(unsubscribed_at__isnull=False).count() == 2
    assert redis_client.xlen(stream.PRIORITY) == 0


@pytest.mark.django_db(transaction=True)
def test_with_both_engines_away_the_sender_is_asked_to_come_again(client: Client, sent: Sent, settings: object) -> None:
    url = address(sent)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # type: ignore[attr-defined]
    with PostgresAway():
        response = client.post(url, ONE_CLICK, content_type=URLENCODED)
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert "nothing has been changed" in response.text


@pytest.mark.django_db(transaction=True)
def test_a_lead_that_is_locked_for_long_does_not_keep_the_sender_waiting(
    client: Client, sent: Sent, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracking.optout.LOCK_TIMEOUT_MS", 50)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        from django.db import transaction

        with transaction.atomic():
            Lead.objects.select_for_update().get(pk=sent.leads[0].pk)
            held.set()
            done.wait(30)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    try:
        assert client.post(address(sent), ONE_CLICK, content_type=URLENCODED).status_code == 200
        assert redis_client.xlen(stream.PRIORITY) == 1
    finally:
        done.set()
        holder.join()
    drain()
    assert status_of(sent) == Lead.Status.UNSUBSCRIBED
