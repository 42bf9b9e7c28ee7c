"""Every operation, called with what its schema allows and forbids: no mistake of ours, no answer that is not written
down, no answer of another shape."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from django.core import signals
from django.db import close_old_connections
from hypothesis import HealthCheck
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from campaigns import addresses
from campaigns.models import MailingList, Segment, Suppression
from delivery.models import Provider
from massmailer.wsgi import application
from tests.api_client import Program
from tests.people import a_campaign, a_lead, a_template

pytestmark = [
    pytest.mark.django_db,
    # schemathesis itself, on this Python
    pytest.mark.filterwarnings("ignore::DeprecationWarning:jsonschema"),
]

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = int(os.environ.get("API_EXAMPLES", "10"))
schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """As Django's own test client does it: the end of a request would close the connection that the test holds."""
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    yield
    signals.request_started.connect(close_old_connections)
    signals.request_finished.connect(close_old_connections)


@pytest.fixture
def secret() -> str:
    """Of a key of all scopes, in a house with one of everything; its ids are 1, which generated calls find."""
    a_lead(pk=1)
    mailing_list = MailingList.objects.create(pk=1, name="Newsletter")
    mailing_list.leads.add(1)
    a_template(pk=1)
    a_campaign(pk=1, mailing_list=mailing_list)
    Segment.objects.create(pk=1, name="All", condition={})
    Provider.objects.create(pk=1, name="Relay", host="127.0.0.1", port=9)
    found = addresses.digest("gone@example.com")
    Suppression.objects.create(pk=1, kind="address", digest=found, value="gone@example.com", reason="manual")
    return Program().secret


@pytest.mark.parametrize("operation", [one.ok() for one in schema.get_all_operations()], ids=lambda one: one.label)
def test_operation(operation: Any, secret: str) -> None:
    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @hypothesis.given(case=operation.as_strategy())
    def call(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {secret}"}, checks=CHECKS)

    call()
