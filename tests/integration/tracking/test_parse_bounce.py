"""The command that reads messages that came back."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from delivery.models import ReplyRule
from tests.unit.tracking.inbound.samples import AUTOREPLIES, BOUNCES, complaint

pytestmark = pytest.mark.django_db


def read(*files: Path) -> list[dict[str, Any]]:
    out = io.StringIO()
    call_command("parse_bounce", *map(str, files), "--json", stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def saved(folder: Path, *messages: bytes) -> list[Path]:
    files = [folder / f"{number}.eml" for number in range(len(messages))]
    for file, raw in zip(files, messages, strict=True):
        file.write_bytes(raw)
    return files


def test_one_object_a_file(tmp_path: Path) -> None:
    files = saved(tmp_path, BOUNCES[0][1], complaint(), AUTOREPLIES[0], b"", b"\0\xff")
    found = read(*files)
    assert [one["file"] for one in found] == list(map(str, files))
    assert [one["kind"] for one in found] == ["bounce", "complaint", "autoreply", "other", "other"]
    assert found[0]["recipients"] == [
        {
            "address": "lea@there.example", "class": "hard", "status": "5.1.1", "reply": "550 No such user",
            "rule": "no-such-user",
        }
    ]  # fmt: skip
    assert found[3]["recipients"] == []


def test_people_get_a_table_that_steers_no_terminal(tmp_path: Path) -> None:
    raw = BOUNCES[0][1].replace(b"No such user", b"No such user \x1b[2J")
    out = io.StringIO()
    call_command("parse_bounce", str(saved(tmp_path, raw)[0]), stdout=out)
    assert "0.eml: bounce\n  lea@there.example" in out.getvalue()
    assert "hard" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_a_file_that_is_missing_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    out, errors = io.StringIO(), io.StringIO()
    there = saved(tmp_path, complaint())[0]
    with pytest.raises(CommandError, match="1 of 2 files"):
        call_command("parse_bounce", str(tmp_path / "none.eml"), str(there), "--json", stdout=out, stderr=errors)
    assert "none.eml cannot be read: No such file or directory" in errors.getvalue()
    assert json.loads(out.getvalue())["kind"] == "complaint"


def test_an_operators_rules_count(tmp_path: Path) -> None:
    ReplyRule.objects.create(name="ours", outcome="soft", reason="As we please.", phrases=["no such user"])
    recipient = read(*saved(tmp_path, BOUNCES[0][1]))[0]["recipients"][0]
    assert (recipient["class"], recipient["rule"]) == ("soft", "ours")


def test_the_command_works_without_a_database(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "parse_bounce", "--json", "-"],
        input=BOUNCES[0][1], env={**os.environ, "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing"},
        capture_output=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, json.loads(ended.stdout)["kind"]) == (0, "bounce")
    assert b"database is away" in ended.stderr
