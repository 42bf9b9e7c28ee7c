"""Pixel, link and view in the browser, through their front doors."""

from __future__ import annotations

import pytest
import redis
from django.test import Client
from django.test.utils import override_settings
from pytest_django import DjangoAssertNumQueries

from campaigns.public_limits import limiter
from delivery import tokens as delivery_tokens
from delivery.engine.token import TokenKeys, TokenSigner
from delivery.tokens import signer
from delivery.transactional import queue_message
from tests.integration.tracking.conftest import FIREFOX, MakeSent, PostgresAway, Sent
from tracking import stream
from tracking.occurrence import Occurrence, decode

GIF = b"GIF89a"


@pytest.fixture
def client() -> Client:
    # a browser: CSRF is checked as in production
    return Client(enforce_csrf_checks=True, headers={"User-Agent": FIREFOX})


def entries(redis_client: redis.Redis, name: str = stream.EVENTS) -> list[Occurrence]:
    return [decode(fields[stream.FIELD]) for _, fields in redis_client.xrange(name)]


def test_the_pixel_is_served_and_one_open_is_on_the_stream(
    client: Client, sent: Sent, redis_client: redis.Redis
) -> None:
    response = client.get(f"/o/{sent.tokens().open}.gif", REMOTE_ADDR="203.0.113.9")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "image/gif")
    assert response.content.startswith(GIF)
    assert "no-store" in response.headers["Cache-Control"]
    assert not response.cookies
    (event,) = entries(redis_client)
    assert (event.kind, event.campaign_id, event.lead_id) == ("open", sent.campaign.pk, sent.leads[0].pk)
    assert (event.who, event.user_agent, event.network) == ("human", FIREFOX, "203.0.113.0/24")


def test_a_link_leads_to_its_frozen_target(client: Client, sent: Sent, redis_client: redis.Redis) -> None:
    response = client.get(f"/c/{sent.tokens().click}/1?url=https://evil.example&next=//evil.example")
    assert (response.status_code, response.headers["Location"]) == (302, "https://shop.example/offer?a=1")
    assert not response.cookies
    (event,) = entries(redis_client)
    assert (event.kind, event.link_number, event.who) == ("click", 1, "human")


def test_a_link_with_a_merge_tag_leads_to_the_leads_own_target(client: Client, make_sent: MakeSent) -> None:
    sent = make_sent(2)
    found = [client.get(f"/c/{sent.tokens(n).click}/2").headers["Location"] for n in range(2)]
    assert found == ["https://shop.example/for/Ada0", "https://shop.example/for/Ada1"]


@pytest.mark.parametrize(
    "rest", ["/99", "/0", "/99999999999999999999", "/1/https://evil.example", "//evil.example", "", "/", "/one"]
)
def test_a_link_that_is_not_in_the_e_mail_leads_nowhere(
    client: Client, sent: Sent, redis_client: redis.Redis, rest: str
) -> None:
    response = client.get(f"/c/{sent.tokens().click}{rest}")
    assert response.status_code == 404
    assert "Location" not in response.headers
    assert "There is nothing at this address" in response.text
    assert entries(redis_client) == []


@pytest.mark.parametrize("door", ["open", "click", "view", "unsubscribe"])
@pytest.mark.parametrize("key", ["open", "click", "view", "unsubscribe", "bounce"])
def test_each_door_takes_only_its_own_tokens(
    client: Client, sent: Sent, redis_client: redis.Redis, door: str, key: str
) -> None:
    token = getattr(sent.tokens(), key)
    address = {"open": f"/o/{token}.gif", "click": f"/c/{token}/1", "view": f"/v/{token}", "unsubscribe": f"/u/{token}"}
    response = client.get(address[door])
    assert (response.status_code != 404) == (door == key)
    if door != key:
        assert entries(redis_client) == []
        assert client.post(address[door]).status_code in (403, 404, 405)


def test_a_token_that_was_altered_opens_nothing(client: Client, sent: Sent, redis_client: redis.Redis) -> None:
    token = sent.tokens().open
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        altered = token[:place] + other + token[place + 1 :]
        assert client.get(f"/o/{altered}.gif").status_code == 404
    assert entries(redis_client) == []


def test_links_signed_with_an_old_key_still_work(client: Client, sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = b"o" * 32, b"n" * 32
    before = TokenSigner(TokenKeys({5: old}, 5)).sign_all("campaign", sent.campaign.pk, sent.leads[0].pk)
    monkeypatch.setattr("tracking.doors.signer", lambda: TokenSigner(TokenKeys({9: new, 5: old}, 9)))
    assert client.get(f"/c/{before.click}/1").status_code == 302
    monkeypatch.setattr("tracking.doors.signer", lambda: TokenSigner(TokenKeys({9: new}, 9)))
    assert client.get(f"/c/{before.click}/1").status_code == 404
    assert delivery_tokens.signer() is signer()


def test_head_is_answered_and_counted_as_a_machine(client: Client, sent: Sent, redis_client: redis.Redis) -> None:
    response = client.head(f"/c/{sent.tokens().click}/1")
    assert (response.status_code, response.content) == (302, b"")
    (event,) = entries(redis_client)
    assert (event.who, event.who_reason) == ("machine", "HEAD request")


@pytest.mark.parametrize("header", ["Purpose", "Sec-Purpose"])
def test_a_prefetch_is_counted_as_a_machine(client: Client, sent: Sent, redis_client: redis.Redis, header: str) -> None:
    client.get(f"/c/{sent.tokens().click}/1", headers={header: "prefetch"})
    assert [event.who for event in entries(redis_client)] == ["machine"]


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_other_methods_are_refused(client: Client, sent: Sent, method: str) -> None:
    # CSRF protection answers before the view does
    assert getattr(client, method)(f"/c/{sent.tokens().click}/1").status_code in (403, 405)


def test_the_view_in_the_browser_shows_the_e_mail_without_any_power(client: Client, sent: Sent) -> None:
    response = client.get(f"/v/{sent.tokens().view}")
    assert response.status_code == 200
    assert "Hello Ada0" in response.text
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "img-src https: data:" in policy
    assert "script-src" not in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "noindex" in response.headers["X-Robots-Tag"]


def test_the_view_of_an_erased_lead_is_gone(client: Client, sent: Sent) -> None:
    token = sent.tokens().view
    sent.leads[0].delete()
    assert client.get(f"/v/{token}").status_code == 404


def test_the_doors_know_transactional_messages(client: Client, db: None, redis_client: redis.Redis) -> None:
    message_id = queue_message(
        to="ada@example.com",
        subject="Your order",
        html="<p>Order {{ data.n }}: <a href='https://shop.example/orders'>see</a></p>",
        data={"n": 17},
        sender="Shop <shop@sender.example>",
    )
    tokens = signer().sign_all("message", message_id, 0)
    assert "Order 17" in client.get(f"/v/{tokens.view}").text
    assert client.get(f"/c/{tokens.click}/1").headers["Location"] == "https://shop.example/orders"
    assert client.get(f"/o/{tokens.open}.gif").status_code == 200
    assert [(event.kind, event.message_id, event.campaign_id) for event in entries(redis_client)] == [
        ("click", message_id, None),
        ("open", message_id, None),
    ]


@pytest.mark.usefixtures("unreachable_redis")
def test_without_redis_the_pixel_is_served_and_the_link_leads_on(client: Client, sent: Sent) -> None:
    assert client.get(f"/o/{sent.tokens().open}.gif").content.startswith(GIF)
    assert client.get(f"/c/{sent.tokens().click}/1").status_code == 302


def test_a_hung_redis_costs_one_short_wait_and_then_none(
    client: Client, sent: Sent, settings: object, silent_port: int
) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{silent_port}/0"  # type: ignore[attr-defined]
    assert stream.TIMEOUT_SECONDS * 2 <= 1
    for _ in range(20):  # each waiting would take ten seconds
        assert client.get(f"/o/{sent.tokens().open}.gif").status_code == 200
    assert stream._away.until > 0


def test_neither_a_pixel_nor_a_known_link_asks_the_database(
    client: Client, sent: Sent, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    tokens = sent.tokens()
    with django_assert_num_queries(1):  # the campaign's links, once a process
        assert client.get(f"/c/{tokens.click}/1").status_code == 302
    with django_assert_num_queries(0):
        assert client.get(f"/o/{tokens.open}.gif").status_code == 200
        assert client.get(f"/c/{tokens.click}/1").status_code == 302
        assert client.get(f"/c/{tokens.click}/9").status_code == 404


def test_pixels_and_links_take_the_short_way_and_stay_as_guarded(client: Client, sent: Sent) -> None:
    tokens = sent.tokens()
    for address in (f"/o/{tokens.open}.gif", f"/c/{tokens.click}/1", "/o/cut", "/c/", "/c/x/1/2"):
        response = client.get(address)
        assert response.headers["Content-Length"] == str(len(response.content))
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src" in response.headers["Content-Security-Policy"]
        # neither session nor language was looked at
        assert "Vary" not in response.headers
    assert "Vary" in client.get(f"/u/{tokens.unsubscribe}").headers
    # a form from elsewhere is still refused by its missing token
    assert client.post(f"/o/{tokens.open}.gif").status_code == 403


def test_a_door_asks_a_network_that_comes_too_often_to_wait(client: Client, sent: Sent) -> None:
    limiter.forget()
    tokens = sent.tokens()
    limits = dict.fromkeys(("open", "click", "view"), (2, 3600))
    with override_settings(PUBLIC_LIMITS=limits):
        for address in (f"/o/{tokens.open}.gif", f"/c/{tokens.click}/1", f"/v/{tokens.view}"):
            found = [client.get(address, REMOTE_ADDR="198.51.100.7") for _ in range(3)]
            assert [answer.status_code == 429 for answer in found] == [False, False, True]
            assert int(found[2].headers["Retry-After"]) > 0
            assert client.get(address, REMOTE_ADDR="203.0.113.7").status_code != 429
    limiter.forget()


def test_what_came_while_redis_was_away_goes_along_with_the_next_event(
    client: Client, sent: Sent, settings: object, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MAX_KEPT", 4)
    monkeypatch.setattr(stream, "FLUSHED_AT_ONCE", 3)
    url, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"  # type: ignore[attr-defined]
    for _ in range(6):
        client.get(f"/o/{sent.tokens().open}.gif")
    settings.REDIS_URL = url  # type: ignore[attr-defined]
    for expected in (4, 6, 7):  # three kept ones and a new one, the last kept one and a new one, a new one
        client.get(f"/o/{sent.tokens().open}.gif")
        assert redis_client.xlen(stream.EVENTS) == expected
    events = entries(redis_client)
    assert [event.at for event in events[:4]] == sorted(event.at for event in events[:4])
    assert len({event.id for event in events}) == 7


@pytest.mark.django_db(transaction=True)
def test_without_postgresql_pixels_and_known_links_work_and_the_rest_asks_to_wait(client: Client, sent: Sent) -> None:
    tokens = sent.tokens()
    assert client.get(f"/c/{tokens.click}/1").status_code == 302
    with PostgresAway():
        assert client.get(f"/o/{tokens.open}.gif").status_code == 200
        assert client.get(f"/c/{tokens.click}/1").status_code == 302
        later = client.get(f"/c/{tokens.click}/2")
        assert later.status_code == 503
        assert later.headers["Retry-After"]
        assert client.get(f"/v/{tokens.view}").status_code == 503


def test_pages_ask_nothing_from_outside_and_are_kept_out_of_search_engines(client: Client, sent: Sent) -> None:
    for response in (client.get("/v/nonsense"), client.get(f"/u/{sent.tokens().unsubscribe}")):
        assert "http://" not in response.text
        assert "https://" not in response.text
        assert '<html lang="en">' in response.text
        assert 'content="noindex' in response.text
        assert "style=" not in response.text
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert not response.cookies
