"""What every address of the API does: keys, scopes, limits, problem details, pages, versions."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation
from redis import Redis

from campaigns.api import keys, leads, limits
from campaigns.models import ApiKey, Template
from tests.api_client import Program, places
from tests.people import boss

pytestmark = pytest.mark.django_db

BODY = {"name": "Welcome", "subject": "Hello", "body_format": "html", "body": "<p>Hello {{ lead.first_name }}</p>"}


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    keys.forget()


def test_a_secret_is_stored_as_a_hash_and_opens_its_key_alone() -> None:
    program = Program(["templates:read"])

    assert program.secret.startswith(f"mm_{program.key.prefix}_")
    assert program.secret.encode() not in b"".join(
        str(value).encode() for value in ApiKey.objects.values_list().get(pk=program.key.pk)
    )
    found = keys.find(program.secret)
    assert found is not None
    assert found.pk == program.key.pk
    assert keys.find(program.secret[:-1] + ("a" if program.secret[-1] != "a" else "b")) is None


@pytest.mark.parametrize(
    "secret", ["", "mm_", "mm__", "mm_abcdefgh_", "Bearer", "mm_\u00e4bcdefgh_" + "a" * 43, "x" * 9999]
)
def test_what_is_no_secret_opens_nothing(secret: str) -> None:
    assert keys.find(secret) is None


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer", "Bearer mm_nothing", "Bearer mm_aaaaaaaa_" + "b" * 43])
def test_without_a_key_nobody_comes_in(header: str) -> None:
    response = Client().get("/api/v1/templates", headers={"authorization": header})

    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["type"] == "urn:massmailer:problem:unauthorized"


def test_a_session_of_the_admin_opens_nothing() -> None:
    assert boss().get("/api/v1/templates").status_code == 401
    assert boss().post("/api/v1/templates", BODY, content_type="application/json").status_code == 401


def test_a_revoked_key_is_refused_at_once_here_and_elsewhere_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program(["templates:read"])
    assert program.get("templates").status_code == 200

    ApiKey.objects.filter(pk=program.key.pk).update(revoked_at=timezone.now())  # another process did it
    now = keys.time.monotonic()
    monkeypatch.setattr(keys.time, "monotonic", lambda: now + 5)

    assert program.get("templates").status_code == 401
    other = Program(["templates:read"])
    assert other.get("templates").status_code == 200
    keys.revoke(other.key.pk)
    assert other.get("templates").status_code == 401


def test_an_expired_key_is_refused() -> None:
    program = Program(["templates:read"], expires_at=timezone.now() - dt.timedelta(seconds=1))

    assert program.get("templates").status_code == 401


@pytest.mark.parametrize(
    ("networks", "proxies", "forwarded", "status"),
    [
        (["127.0.0.0/8"], 0, "", 200),
        (["10.0.0.0/8"], 0, "", 403),
        (["10.0.0.0/8"], 0, "10.1.1.1", 403),  # what a stranger writes is not believed
        (["10.0.0.0/8"], 1, "10.1.1.1", 200),
        (["10.0.0.0/8"], 1, "10.1.1.1, 192.0.2.1", 403),
        (["10.0.0.0/8"], 2, "10.1.1.1, 192.0.2.1", 200),
        (["10.0.0.0/8"], 2, "10.1.1.1", 403),  # it did not come by our proxies
        (["10.0.0.0/8"], 1, "unknown", 403),
        ([], 1, "unknown", 200),
    ],
)
def test_a_key_is_used_from_its_networks_alone(
    networks: list[str], proxies: int, forwarded: str, status: int, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = proxies
    program = Program(["templates:read"], networks=networks)

    response = program.get("templates", **({"x_forwarded_for": forwarded} if forwarded else {}))

    assert response.status_code == status
    if status == 403:
        assert response.json()["type"] == "urn:massmailer:problem:address-refused"


def test_use_is_written_down_once_a_minute() -> None:
    program = Program(["templates:read"])
    program.get("templates")
    first = ApiKey.objects.get(pk=program.key.pk)
    keys.forget()
    program.get("templates")

    assert first.last_used_at is not None
    assert first.last_used_from == "127.0.0.1"
    assert ApiKey.objects.get(pk=program.key.pk).last_used_at == first.last_used_at


def test_a_key_over_its_rate_is_told_when_to_come_back(redis_client: Redis) -> None:
    program = Program(["templates:read"], rate_per_second=1)

    # ten on a slow machine: a place comes back every second
    answers = [program.get("templates") for _ in range(10)]
    refused = [one for one in answers if one.status_code == 429]

    assert [one.status_code for one in answers[:2]] == [200, 200]
    assert refused
    assert answers[0]["RateLimit-Policy"] == '"burst";q=2;w=2'
    assert answers[0]["RateLimit"].startswith('"burst";r=1;')
    assert refused[0]["Retry-After"] == "1"
    assert "1 requests a second" in refused[0].json()["detail"]


def test_a_key_over_its_day_is_told_so(redis_client: Redis) -> None:
    program = Program(["templates:read"], per_day=2)

    answers = [program.get("templates") for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert answers[1]["RateLimit"].startswith('"day";r=0;')
    assert answers[2].json()["type"] == "urn:massmailer:problem:quota-used-up"
    assert 0 < int(answers[2]["Retry-After"]) <= 86400


def test_while_redis_is_away_each_process_limits_by_itself(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(limits, "_away_until", 0.0)
    limits._script.cache_clear()
    program = Program(["templates:read"], rate_per_second=1, per_day=100)

    answers = [program.get("templates").status_code for _ in range(10)]

    limits._script.cache_clear()
    monkeypatch.setattr(limits, "_away_until", 0.0)
    assert answers[:2] == [200, 200]
    assert 429 in answers


def test_every_mistake_is_named_at_its_place() -> None:
    program = Program()

    response = program.post("templates", {"name": "", "subjekt": "x", "body_format": "docx"})

    assert response.status_code == 422
    assert set(places(response)) == {"#/name", "#/subjekt", "#/body_format", "#/body"}


def test_content_that_cannot_be_sent_is_refused_with_line_and_column() -> None:
    program = Program()

    response = program.post("templates", {**BODY, "body": "<p>\n{{ lead.first_name </p>"})

    assert response.status_code == 422
    error = response.json()["errors"][0]
    assert (error["pointer"], error["line"]) == ("#/body", 2)
    assert not Template.objects.exists()


@pytest.mark.parametrize(
    ("raw", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"name": NaN}', "application/json", 400),
        (b'{"name": "a\\u0000b"}', "application/json", 422),
        (b'{"name": "a\\ud800b"}', "application/json", 422),
        (b"[]", "application/json", 422),
        (b"", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b'"' + b"a" * 1024 * 1024 + b'"', "application/json", 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_in_words(raw: bytes, content_type: str, status: int) -> None:
    response = Program().post("templates", raw=raw, content_type=content_type)

    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v1/nothing", 404), ("GET", "/api/", 404), ("TRACE", "/api/v1/templates", 405),
     ("DELETE", "/api/v1/templates", 405), ("GET", "/api/v1/templates/abc", 422), ("GET", "/api/v1/templates/7", 404)],
)  # fmt: skip
def test_refusals_that_no_handler_sees_are_problem_details_too(method: str, path: str, status: int) -> None:
    response = Program().call(method, path)

    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == status


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/api/v1/templates", {}, 200),
        ("GET", "/api/v1/templates", {"authorization": ""}, 401),
        ("GET", "/api/v1/templates/7", {}, 404),
        ("GET", "/api/v1/nothing", {}, 404),
        ("GET", "/api/v1/nothing", {"authorization": ""}, 404),
        ("DELETE", "/api/v1/templates", {}, 405),
        ("GET", "/api/v1/templates", {"host": "evil.example"}, 400),
        ("GET", "/api/v1/templates", {"host": "evil.example", "authorization": ""}, 400),
        ("GET", "/api/v1/leads", {}, 500),
    ],
)
def test_every_answer_and_every_refusal_bears_the_headers_of_security(
    method: str, path: str, headers: dict[str, str], status: int, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SECURE_HSTS_SECONDS = 3600
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    monkeypatch.setattr(leads, "page_by_id", lambda *_: 1 / 0)

    response = Program().call(method, path, x_forwarded_proto="https", **headers)

    assert response.status_code == status
    assert response["Content-Type"].startswith("application/json" if status == 200 else "application/problem+json")
    assert response["Strict-Transport-Security"] == "max-age=3600"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert response["Content-Security-Policy"].startswith("default-src 'self'")


def test_a_program_is_answered_as_carefully_as_a_person_and_in_one_language() -> None:
    program = Program()
    answer = program.post("templates", BODY, accept_language="de", origin="https://evil.example", host="localhost")

    assert answer.status_code == 201
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("default-src 'self'")
    assert answer["Content-Length"] == str(len(answer.content))
    assert not {"Set-Cookie", "Content-Language"} & set(answer.headers)
    with translation.override("de"):  # as the last page that this thread made
        assert places(program.post("templates", {**BODY, "name": ""}))["#/name"].isascii()
        assert translation.get_language() == "en"
    refused = program.get("templates", host="evil.example")
    assert refused.status_code == 400
    assert refused["Content-Type"] == "application/problem+json"


def test_pages_follow_each_other_and_miss_nothing() -> None:
    program = Program()
    for number in range(5):
        Template.objects.create(name=f"Template {number}", body="x")

    seen, cursor = [], ""
    while True:
        page = program.get(f"templates?limit=2{cursor}").json()
        seen += [one["name"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"

    assert seen == [f"Template {number}" for number in range(5)]


def test_a_cursor_that_we_did_not_make_is_refused() -> None:
    response = Program().get("templates?cursor=abc&limit=1000")

    assert response.status_code == 422
    response = Program().get("templates?cursor=WzFd:abcdef")
    assert set(places(response)) == {"cursor"}


def test_what_has_not_changed_is_not_sent_again_and_what_has_is_not_overwritten() -> None:
    program = Program()
    made = program.post("templates", BODY)
    path = f"templates/{made.json()['id']}"
    tag = program.get(path)["ETag"]

    assert made["ETag"] == tag
    assert program.get(path, if_none_match=tag).status_code == 304
    changed = program.patch(path, {"subject": "Other"}, if_match=tag)
    assert changed.status_code == 200
    assert changed["ETag"] != tag
    assert program.patch(path, {"subject": "Third"}, if_match=tag).status_code == 412
    assert program.get(path).json()["subject"] == "Other"
