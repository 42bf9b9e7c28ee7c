"""The page of retry policies: numbers in, words out, mistakes told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from delivery import retry_policies
from delivery.engine.retry import DEFAULT
from delivery.models import RetryPolicy
from tests.people import boss, somebody

pytestmark = pytest.mark.django_db
ADD = "/admin/delivery/retrypolicy/add/"
LIST = "/admin/delivery/retrypolicy/"


@pytest.fixture
def client() -> Iterator[Client]:
    retry_policies.forget()
    yield boss()
    retry_policies.forget()


def typed(**changes: str) -> dict[str, Any]:
    fields = {
        "stream": "transactional", "transient_minutes": "1 min, 5, 1 h", "soft_minutes": "30", "soft_retries": "2",
        "throttle_minutes": "10", "block_minutes": "5", "block_retries": "1",
    }  # fmt: skip
    return {**fields, **changes}


def test_a_streams_policy_is_set_and_followed_at_once(client: Client) -> None:
    assert retry_policies.load("transactional") == DEFAULT

    client.post(ADD, typed())

    assert RetryPolicy.objects.get().transient_minutes == [1, 5, 60]
    assert retry_policies.load("transactional").soft_retries == 2
    assert retry_policies.load("marketing") == DEFAULT


def test_the_page_says_what_the_numbers_mean(client: Client) -> None:
    client.post(ADD, typed())
    page = client.get(
        reverse("admin:delivery_retrypolicy_change", args=[RetryPolicy.objects.get().pk])
    ).content.decode()

    assert "tried again after about 1 min, 5 min, 1 h, then dead letter" in page
    assert 'value="1 min, 5 min, 1 h"' in page


def test_the_list_says_what_holds_without_a_policy(client: Client) -> None:
    assert "tried again after about 10 min, 1 h, 6 h, then dead letter" in client.get(LIST).content.decode()


def test_no_retries_at_all_can_be_set(client: Client) -> None:
    client.post(ADD, typed(transient_minutes="", soft_retries="0", block_retries="0"))

    policy = retry_policies.load("transactional")
    assert (policy.transient, policy.soft_retries, policy.block_retries) == ((), 0, 0)


def test_each_stream_has_one_policy_and_deleting_it_brings_the_usual_one_back(client: Client) -> None:
    client.post(ADD, typed())
    assert [value for value, _ in client.get(ADD).context["adminform"].form.fields["stream"].choices] == ["marketing"]
    client.post(ADD, typed(stream="marketing"))
    assert client.get(ADD).status_code == 403

    row = RetryPolicy.objects.get(stream="transactional")
    client.post(reverse("admin:delivery_retrypolicy_delete", args=[row.pk]), {"post": "yes"})
    assert retry_policies.load("transactional") == DEFAULT


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("transient_minutes", "soon", "is no wait"),
        ("transient_minutes", "0, 10", "a minute at least"),
        ("transient_minutes", "8 d", "seven days at most"),
        ("transient_minutes", ", ".join(["10"] * 11), "10 retries are the most"),
        ("soft_minutes", "0", "greater than or equal to 1"),
        ("soft_minutes", "20000", "less than or equal to 10080"),
        ("soft_retries", "11", "less than or equal to 10"),
        ("throttle_minutes", "", "required"),
        ("block_retries", "4", "less than or equal to 3"),
    ],
)
def test_a_mistake_is_told_at_its_field(client: Client, field: str, value: str, words: str) -> None:
    response = client.post(ADD, typed(**{field: value}))

    assert words in " ".join(response.context["adminform"].form.errors[field])
    assert not RetryPolicy.objects.exists()


def test_a_person_who_may_only_look_sees_no_form() -> None:
    row = RetryPolicy.objects.create(stream="marketing")
    viewer = somebody("", "delivery.view_retrypolicy")

    page = viewer.get(reverse("admin:delivery_retrypolicy_change", args=[row.pk])).content.decode()

    assert "then dead letter" in page
    assert 'name="soft_minutes"' not in page
