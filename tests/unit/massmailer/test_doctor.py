"""The doctor's findings that need no engine: each illness is provoked and named with its cure."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from pathlib import Path

import pytest
import redis
from rich.console import Console

from massmailer.doctor import addresses, broker, examine, files, machine, python, report
from massmailer.doctor.check import Check, fail, ok, warn
from massmailer.doctor.examine import Item


def test_an_old_python_fails():
    assert python.python_version((3, 10, 14)).state == "fail"
    assert python.python_version((3, 11, 0), optimised=True).state == "ok"


def test_a_python_that_was_compiled_without_optimisation_is_named_with_the_cure():
    check = python.python_version((3, 11, 0), optimised=False)
    assert (check.state, "--enable-optimizations" in check.detail) == ("warn", True)
    assert "bin/setup" in check.cure
    assert python.is_optimised("/usr", "'--enable-shared'")
    assert python.is_optimised("/opt/python", "'--prefix=/opt/python' '--enable-optimizations' '--with-lto'")
    assert not python.is_optimised("/home/ada/.pyenv/versions/3.11.7", "'--enable-shared'")
    assert not python.is_optimised(None, None)


def test_packages_in_other_versions_are_named(monkeypatch):
    assert python.packages().state == "ok"
    monkeypatch.setattr(python, "pins", lambda: {"django": "1.0", "no-such-package": "1", "celery": "5.7.0"})
    check = python.packages()
    assert check.state == "warn"
    assert "instead of 1.0" in check.detail
    assert "no-such-package is missing" in check.detail


@pytest.mark.parametrize(
    ("url", "hosts", "state", "word"),
    [
        ("https://mail.example.com", ["mail.example.com"], "ok", ""),
        ("https://mail.example.com", [".example.com"], "ok", ""),
        ("https://mail.example.com", ["localhost"], "fail", "ALLOWED_HOSTS"),
        ("http://mail.example.com", ["mail.example.com"], "warn", "not encrypted"),
        ("http://localhost:8000", ["localhost"], "warn", "their own machine"),
        ("http://127.0.0.1:8000", ["127.0.0.1"], "warn", "their own machine"),
        ("https://mail.example.com/mail", ["mail.example.com"], "fail", "more than scheme and host"),
        ("https://", [""], "fail", "more than scheme and host"),
    ],
)
def test_public_and_tracking_url(settings, url: str, hosts: list[str], state: str, word: str):
    settings.PUBLIC_URL = settings.TRACKING_URL = url
    settings.ALLOWED_HOSTS = hosts
    for check in (addresses.public_url(), addresses.tracking_url()):
        assert check.state == state
        assert word in check.detail


@pytest.mark.parametrize(
    ("domain", "state"),
    [
        ("bounces.example.com", "ok"),
        ("", "warn"),
        ("https://bounces.example.com", "fail"),
        ("bounce@example.com", "fail"),
        ("example", "fail"),
        ("-bad.example.com", "fail"),
    ],
)
def test_bounce_domain(settings, domain: str, state: str):
    settings.BOUNCE_DOMAIN = domain
    assert addresses.bounce_domain().state == state


@pytest.mark.parametrize(
    ("debug", "embedded", "state"), [(False, False, "ok"), (True, True, "warn"), (True, False, "fail")]
)
def test_debug(settings, debug: bool, embedded: bool, state: str):
    settings.DEBUG, settings.EMBEDDED = debug, embedded
    assert addresses.debug().state == state


@pytest.mark.parametrize(
    ("redis_url", "broker_url", "cache", "state"),
    [
        ("redis://h:6379/0", "redis://h:6379/0", "redis://h:6379/1", "ok"),
        ("redis://h/1", "redis://h/0", "redis://h:6379/1", "fail"),
        ("redis://h/0", "redis://h/1", "redis://h/1", "fail"),
        ("unix:///s?db=0", "redis+socket:///s?virtual_host=1", "unix:///s?db=1", "fail"),
        ("unix:///s?db=0", "redis+socket:///s?virtual_host=0", "unix:///s?db=1", "ok"),
        ("redis://h/0", "amqp://user:secret@rabbit:5672//", "redis://h/1", "ok"),
    ],
)
def test_the_cache_has_a_database_of_its_own(settings, redis_url, broker_url, cache, state):
    settings.REDIS_URL, settings.CELERY_BROKER_URL = redis_url, broker_url
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": cache}}
    assert broker.database_numbers().state == state


def test_secrets_that_others_can_read_fail(settings, tmp_path: Path):
    settings.VAR_DIR = tmp_path
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    secret = folder / "secret_key"
    secret.write_text("x")
    secret.chmod(0o600)
    assert files.secrets().state == "ok"
    secret.chmod(0o644)
    check = files.secrets()
    assert check.state == "fail"
    assert str(secret) in check.detail
    assert check.cure.startswith("chmod")


def test_static_files_that_were_not_collected_fail(settings, tmp_path: Path):
    settings.STATIC_ROOT = tmp_path
    check = files.static_files()
    assert check.state == "fail"
    assert "collectstatic" in check.cure


@pytest.mark.parametrize(("free", "state"), [(100 << 30, "ok"), (3 << 30, "warn"), (1 << 20, "fail")])
def test_a_full_disk(monkeypatch, free: int, state: str):
    monkeypatch.setattr(files, "free_bytes", lambda _path: free)
    assert files.disk().state == state


def test_a_port_that_somebody_else_has_comes_with_a_way_out(settings):
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        settings.WEB_PORT = server.getsockname()[1]
        check = next(check for check in machine.ports() if check.name == "port of web")
    assert check.state == "warn"
    assert "bin/up --port" in check.cure


def test_what_rests_on_a_failed_check_is_not_looked_at():
    def away() -> Check:
        raise redis.ConnectionError("refused")

    def never() -> Check:
        raise AssertionError("looked at")

    findings = examine.examine(
        [Item(away, "redis"), Item(never, "queues", ("redis",)), Item(never, "depth", ("queues",))]
    )
    assert [(check.name, check.state) for check in findings] == [
        ("redis", "fail"),
        ("queues", "warn"),
        ("depth", "warn"),
    ]
    assert "REDIS_URL" in findings[0].cure


def test_every_check_that_another_needs_stands_before_it():
    seen: set[str] = set()
    for item in examine.CHECKS:
        assert set(item.needs) <= seen, item.name
        seen.add(item.name)


def test_the_table_shows_each_cure_and_counts(capsys):
    findings = [ok("a", "fine"), warn("b", "odd [x]", "look there"), fail("c", "broken", "mend it")]
    report.print_table(findings, Console(width=80))
    text = capsys.readouterr().out
    assert "→ look there" in text
    assert "odd [x]" in text
    assert "1 ok, 1 to look at, 1 failed." in text


def test_json_is_one_object():
    findings = [ok("a", "fine"), fail("c", "broken", "mend it")]
    parsed = json.loads(report.as_json(findings))
    assert parsed["healthy"] is False
    assert parsed["checks"][1] == {"name": "c", "state": "fail", "detail": "broken", "cure": "mend it"}
