"""A client that a tool makes from our OpenAPI drives the API, from an empty house to a launched campaign."""

from __future__ import annotations

import importlib
import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from delivery.launch import launch_campaign
from tests.api_client import Program

PACKAGE = "generated_massmailer_client"
CONFIG = """
content_type_overrides:
  application/x-ndjson: application/octet-stream
  text/csv: application/octet-stream
post_hooks: []
"""
BODY = '<p>Hello {{ lead.first_name }}. <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package, made in a folder that goes with the test."""
    openapi, config = tmp_path / "openapi.json", tmp_path / "config.yaml"
    openapi.write_bytes(Client().get("/api/v1/openapi.json").content)
    config.write_text(CONFIG)
    command = [
        sys.executable, "-m", "openapi_python_client", "generate", "--path", str(openapi), "--config", str(config),
        "--meta", "none", "--output-path", str(tmp_path / PACKAGE), "--fail-on-warning",
    ]  # fmt: skip
    made = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module(PACKAGE)
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]


class Caller:
    """Calls operations of the generated package by resource and name."""

    def __init__(self, package: Any, url: str, secret: str) -> None:
        self.client = package.AuthenticatedClient(base_url=url, token=secret, raise_on_unexpected_status=True)
        self.models = importlib.import_module(f"{PACKAGE}.models")

    def __call__(self, resource: str, name: str, *path: Any, body: Any = None, **options: Any) -> Any:
        operation = importlib.import_module(f"{PACKAGE}.api.{resource}.{name}")
        if body is not None:
            options["body"] = body
        return operation.sync(*path, client=self.client, **options)


def drive(call: Caller) -> SimpleNamespace:
    """All that a program of a shop would do; what came of it."""
    models = call.models

    news = call("lists", "create_list", body=models.ListIn(name="News"), idempotency_key="list-1")
    again = call("lists", "create_list", body=models.ListIn(name="News"), idempotency_key="list-1")
    for name in ("ada", "bob"):
        lead = models.LeadIn.from_dict({"email": f"{name}@example.com", "list_ids": [news.id]})
        call("leads", "upsert_one_lead", body=lead)
    lines = "".join(json.dumps({"email": f"bulk{number}@example.com"}) + "\n" for number in range(3))
    types = importlib.import_module(f"{PACKAGE}.types")
    bulk = call("leads", "upsert_many_leads", body=types.File(io.BytesIO(lines.encode())), list_id=news.id)
    segment = call("segments", "create_segment", body=models.SegmentIn.from_dict(
        {"name": "On the list", "condition": {"field": "list", "op": "member_of", "value": "News"}}
    ))  # fmt: skip
    counted = call("segments", "count_segment", segment.id)
    draft = models.CampaignIn.from_dict({
        "name": "Spring", "subject": "Hello", "from_email": "news@example.com", "body_format": "html", "body": BODY,
        "segment_id": segment.id,
    })  # fmt: skip
    campaign = call("campaigns", "create_draft", body=draft)
    checked = call("campaigns", "check_campaign", campaign.id)
    launched = call("campaigns", "launch_campaign", campaign.id)
    launch_campaign(campaign_id=campaign.id)
    progress = call("campaigns", "get_progress", campaign.id)
    message = models.MessageIn.from_dict({"to": [{"email": "ada@example.com"}], "subject": "Hi", "text": "There"})
    accepted = call("messages", "send_message", body=message, idempotency_key="message-1")
    refused = call("lists", "create_list", body=models.ListIn(name="News"))
    return SimpleNamespace(
        news=news, again=again, bulk=bulk, counted=counted, checked=checked, launched=launched, progress=progress,
        accepted=accepted, refused=refused,
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_generated_client_launches_a_campaign_and_sends_a_message(generated: Any, live_server: LiveServer) -> None:
    call = Caller(generated, live_server.url, Program().secret)
    with call.client:
        seen = drive(call)

    assert seen.again.id == seen.news.id
    assert seen.bulk.created == 3
    assert seen.counted.count == 5
    assert seen.checked.can_be_sent
    assert seen.launched.state == "scheduled"
    assert (seen.progress.state, seen.progress.audience, seen.progress.pending) == ("sending", 5, 5)
    assert len(seen.accepted.messages) == 1
    assert (seen.refused.status, seen.refused.type_) == (409, "urn:massmailer:problem:name-taken")
