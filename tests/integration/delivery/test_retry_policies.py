"""What an operator sets for a stream is what its worker follows, within seconds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from delivery import retry_policies, runtime
from delivery.engine.retry import DEFAULT
from delivery.models import RetryPolicy


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    retry_policies.forget()
    yield
    retry_policies.forget()


def make_policy() -> None:
    RetryPolicy.objects.create(stream="marketing", transient_minutes=[1, 5], soft_retries=1, block_retries=0)


@pytest.mark.django_db
def test_a_stream_without_a_row_has_the_engines_numbers() -> None:
    make_policy()
    assert retry_policies.load("transactional") == DEFAULT


@pytest.mark.django_db
def test_a_row_with_nothing_changed_says_the_same_as_no_row() -> None:
    assert retry_policies.policy_of(RetryPolicy(stream="marketing")) == DEFAULT


@pytest.mark.django_db
def test_a_row_is_its_streams_policy() -> None:
    make_policy()

    policy = retry_policies.load("marketing")

    assert policy.transient == (timedelta(minutes=1), timedelta(minutes=5))
    assert (policy.soft_retries, policy.block_retries) == (1, 0)


@pytest.mark.django_db
def test_it_is_read_once_in_some_seconds(django_assert_num_queries: object) -> None:
    make_policy()
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert retry_policies.load("marketing") == retry_policies.load("marketing")


def test_a_worker_reads_the_same_over_its_own_connection(worker: runtime.Runtime) -> None:
    make_policy()

    async def read() -> object:
        return await retry_policies.load_async(await worker.read_connection(), "marketing")

    read_by_worker = worker.run(read())
    retry_policies.forget()
    assert read_by_worker == retry_policies.load("marketing") != DEFAULT
