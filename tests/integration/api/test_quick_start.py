"""The quick start in the documentation does what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Campaign, Lead
from tests.api_client import Program

PAGE = Path(__file__).resolve().parents[3] / "docs" / "developers" / "api.md"


@pytest.mark.django_db(transaction=True)
def test_the_python_of_the_page_imports_ten_thousand_and_launches(
    live_server: LiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    (written,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)

    exec(compile(written, str(PAGE), "exec"), {"MM": f"{live_server.url}/api/v1", "KEY": Program().secret})

    assert "10000 []" in capsys.readouterr().out
    assert Lead.objects.count() == 10_000
    assert Campaign.objects.get().state == "scheduled"


@pytest.mark.django_db
def test_the_bodies_of_the_page_are_accepted() -> None:
    program = Program()
    calls = re.findall(r"curl \$MM/(\w+) [^\n]*(?:\n[^\n]*)?-d '(\{.*?\})'", PAGE.read_text(), re.DOTALL)
    list_id = 0

    for path, written in calls:
        body = json.loads(written)
        if "list_id" in body:
            body["list_id"] = list_id
        response = program.post(path, body)
        assert response.status_code in (201, 202), (path, response.json())
        list_id = response.json()["id"] if path == "lists" else list_id

    assert [path for path, _ in calls] == ["messages", "lists", "campaigns"]
