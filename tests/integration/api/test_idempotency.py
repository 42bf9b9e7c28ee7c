"""A POST with an Idempotency-Key happens once, whatever is sent again, at the same moment or later."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection, connections, transaction

from campaigns.api import idempotency
from campaigns.models import IdempotentAnswer, Template
from tests.api_client import Program

BODY = {"name": "Welcome", "subject": "Hello", "body_format": "html", "body": "<p>Hello</p>"}


@pytest.mark.django_db
def test_the_same_key_and_body_get_the_same_answer() -> None:
    program = Program()

    first = program.post("templates", BODY, idempotency_key="a")
    second = program.post("templates", BODY, idempotency_key="a")

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second["Idempotent-Replayed"] == "true"
    assert second["ETag"] == first["ETag"]
    assert Template.objects.count() == 1


@pytest.mark.django_db
def test_a_stored_answer_shows_nobody_the_secret_that_it_holds() -> None:
    program = Program()
    body = {"name": "Shop", "url": "https://8.8.8.8/mail", "kinds": ["message.sent"]}

    first = program.post("webhooks", body, idempotency_key="a")
    second = program.post("webhooks", body, idempotency_key="a")

    secret = first.json()["secret"]
    assert second.json()["secret"] == secret
    stored = bytes(IdempotentAnswer.objects.get(key="a").body)
    assert secret.encode() not in stored
    assert b"8.8.8.8" not in stored


@pytest.mark.django_db
def test_an_answer_whose_encryption_key_is_gone_says_so(settings: Any) -> None:
    program = Program()
    program.post("templates", BODY, idempotency_key="a")
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    response = program.post("templates", BODY, idempotency_key="a")

    assert response.status_code == 409
    assert response.json()["type"] == "urn:massmailer:problem:idempotency-unreadable"
    assert Template.objects.count() == 1


@pytest.mark.django_db
def test_another_body_with_the_same_key_is_refused() -> None:
    program = Program()
    program.post("templates", BODY, idempotency_key="a")

    response = program.post("templates", {**BODY, "name": "Other"}, idempotency_key="a")

    assert response.status_code == 409
    assert response.json()["type"] == "urn:massmailer:problem:idempotency-mismatch"
    assert Template.objects.count() == 1


@pytest.mark.django_db
def test_a_refused_request_leaves_its_key_free() -> None:
    program = Program()

    assert program.post("templates", {**BODY, "body": "{{ broken"}, idempotency_key="a").status_code == 422
    assert program.post("templates", BODY, idempotency_key="a").status_code == 201


@pytest.mark.django_db
def test_keys_of_two_programs_do_not_meet() -> None:
    assert Program().post("templates", BODY, idempotency_key="a").status_code == 201
    assert Program().post("templates", {**BODY, "name": "Other"}, idempotency_key="a").status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["", "a" * 256, "a\u00e4", "a\tb"])
def test_a_key_that_cannot_be_is_named(name: str) -> None:
    response = Program().post("templates", BODY, idempotency_key=name)

    assert response.status_code == 422
    assert response.json()["errors"][0]["header"] == "Idempotency-Key"


@pytest.mark.django_db
def test_answers_are_forgotten_after_a_day() -> None:
    program = Program()
    program.post("templates", BODY, idempotency_key="old")
    IdempotentAnswer.objects.update(created_at="2020-01-01T00:00Z")
    program.post("templates", {**BODY, "name": "Other"}, idempotency_key="new")

    assert program.post("templates", BODY, idempotency_key="old").status_code == 409  # done anew: the name is taken
    assert idempotency.prune() == 1
    assert set(IdempotentAnswer.objects.values_list("key", flat=True)) == {"new"}


@pytest.mark.django_db(transaction=True)
def test_fifty_equal_posts_at_once_happen_once() -> None:
    program = Program()

    def post(_: int) -> Any:
        try:
            return program.post("templates", BODY, idempotency_key="race")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(50)))

    assert {one.status_code for one in answers} == {201}
    assert len({one.content for one in answers}) == 1
    assert sum("Idempotent-Replayed" not in one for one in answers) == 1
    assert Template.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_request_whose_twin_is_still_under_way_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program()
    monkeypatch.setattr(idempotency, "_CLAIM", idempotency.sql.CLAIM_ANSWER.format(wait_milliseconds=100))

    def post() -> Any:
        try:
            return program.post("templates", BODY, idempotency_key="slow")
        finally:
            connections.close_all()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        idempotency._claim(program.key.pk, "slow")
        response = pool.submit(post).result()

    assert response.status_code == 409
    assert response["Retry-After"] == "1"
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone()[0] == "0"
