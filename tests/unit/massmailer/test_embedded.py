"""Addresses, secrets and settings: pure, with no server anywhere."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.fernet import Fernet

from massmailer.embedded import locks, paths, postgres, secrets, tuning, valkey

GB = 1024**3


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MASSMAILER_VAR", str(tmp_path / "var"))
    return tmp_path / "var"


def test_asking_for_addresses_creates_nothing(var: Path) -> None:
    assert postgres.url().startswith("postgresql://massmailer@/massmailer?host=/")
    assert valkey.url().startswith("unix:///")
    assert (postgres.status(), valkey.status()) == ("stopped", "stopped")
    assert not var.exists()


def test_each_checkout_and_var_folder_has_engines_of_its_own(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = (postgres.url(), valkey.url())
    monkeypatch.setenv("MASSMAILER_VAR", str(var / "other"))
    assert postgres.url() != first[0]
    assert valkey.url() != first[1]


@pytest.mark.parametrize("folder", ["short", "long" * 40, "with space", "ünïcode", "a,b", "a'b"])
def test_socket_paths_fit_the_kernel_and_need_no_quoting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setenv("MASSMAILER_VAR", str(tmp_path / folder))
    monkeypatch.setattr(paths, "is_root", lambda: False)
    for path in (paths.postgres_socket_dir() / ".s.PGSQL.5432.lock", paths.valkey_socket()):
        assert len(os.fsencode(path)) <= 107
        assert " " not in str(path)
        assert urlsplit(f"unix://{path}").path == str(path)


@pytest.mark.parametrize(
    ("url", "number", "expected"),
    [
        ("redis://:pw@cache:6379/0", 1, "redis://:pw@cache:6379/1"),
        ("rediss://cache/0?ssl_cert_reqs=none", 3, "rediss://cache/3?ssl_cert_reqs=none"),
        ("redis://cache", 1, "redis://cache/1"),
        ("unix:///run/v.sock?db=0", 1, "unix:///run/v.sock?db=1"),
        ("unix://:pw@/run/v.sock", 2, "unix://:pw@/run/v.sock?db=2"),
    ],
)
def test_another_database_number_of_the_same_server(url: str, number: int, expected: str) -> None:
    assert valkey.with_database(url, number) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://:pw@cache:6379/0", "redis://:pw@cache:6379/0"),
        ("unix:///run/v.sock?db=2", "redis+socket:///run/v.sock?virtual_host=2"),
        ("unix:///run/v.sock", "redis+socket:///run/v.sock?virtual_host=0"),
    ],
)
def test_the_broker_url_is_in_celerys_spelling(url: str, expected: str) -> None:
    assert valkey.broker_url(url) == expected


def test_a_secret_is_generated_once_and_readable_by_its_owner_alone(var: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: secrets.load_or_create("secret_key", secrets.random_text), range(32)))
    assert len(set(answers)) == 1
    assert len(answers[0]) >= 50
    assert stat.S_IMODE(secrets.secret_file("secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE((var / "secrets").stat().st_mode) == 0o700
    assert [path.name for path in (var / "secrets").iterdir()] == ["secret_key"]


def test_generated_secrets_have_the_form_that_is_demanded() -> None:
    Fernet(secrets.fernet_key())
    assert secrets.basic_auth().count(":") == 1
    assert len(secrets.password()) >= 12
    assert secrets.random_text() != secrets.random_text()


@pytest.mark.parametrize(
    ("memory", "shared"), [(GB // 2, "128MB"), (4 * GB, "512MB"), (8 * GB, "1024MB"), (256 * GB, "1024MB")]
)
def test_shared_buffers_are_an_eighth_of_memory_up_to_a_gigabyte(memory: int, shared: str) -> None:
    settings = tuning.postgres_settings(memory)
    assert settings["shared_buffers"] == shared
    assert (settings["fsync"], settings["synchronous_commit"]) == ("on", "on")


def test_a_second_starter_waits_for_the_first(var: Path) -> None:
    order = []

    def second() -> None:
        with locks.exclusive("engine"):
            order.append("second")

    with ThreadPoolExecutor(1) as pool:
        with locks.exclusive("engine"):
            waiting = pool.submit(second)
            order.append("first")
        waiting.result(timeout=10)
    assert order == ["first", "second"]


def load_settings(**environment: str) -> subprocess.CompletedProcess[str]:
    base = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "MASSMAILER_VAR")}
    return subprocess.run(
        [sys.executable, "-c", "from massmailer import settings; print(settings.DATABASE_URL)"],
        cwd=paths.checkout(), env={**base, **environment}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_settings_load_without_environment_and_start_nothing(var: Path) -> None:
    loaded = load_settings()
    assert loaded.stdout.strip() == postgres.url(), loaded.stderr
    assert sorted(path.name for path in (var / "secrets").iterdir()) == ["encryption_keys", "secret_key"]
    assert (postgres.status(), valkey.status()) == ("stopped", "stopped")


def test_campaigns_cannot_be_put_before_everything_else(var: Path) -> None:
    loaded = load_settings(MASSMAILER_BULK_NICENESS="-5")
    assert "MASSMAILER_BULK_NICENESS=-5: set it to a number from 0 to 19." in loaded.stderr


@pytest.mark.parametrize(
    ("given", "missing", "hint"),
    [
        ({}, "SECRET_KEY", "at least 50 random characters"),
        ({"SECRET_KEY": "x" * 50}, "ENCRYPTION_KEYS", "Fernet keys separated by commas"),
    ],
)
def test_a_secret_is_demanded_by_name_when_the_engines_are_given(
    var: Path, given: dict[str, str], missing: str, hint: str
) -> None:
    urls = {"DATABASE_URL": "postgresql://db.example/x", "REDIS_URL": "redis://cache.example/0"}
    loaded = load_settings(**urls, **given)
    assert loaded.returncode != 0
    assert f"ImproperlyConfigured: {missing} is not set" in loaded.stderr
    assert hint in loaded.stderr
    assert not var.exists()
