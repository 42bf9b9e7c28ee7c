"""The embedded engines: there without configuration, hard to kill, gone when stopped."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from massmailer.embedded import engines, paths, pids, postgres, valkey
from massmailer.embedded.errors import EngineError

CHECKOUT = paths.checkout()


@pytest.fixture
def var(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A var folder of this test alone; its engines are destroyed afterwards."""
    with tempfile.TemporaryDirectory(prefix="mm-") as folder:
        monkeypatch.setenv("MASSMAILER_VAR", folder)
        monkeypatch.delenv("DATABASE_URL", raising=False)
        monkeypatch.delenv("REDIS_URL", raising=False)
        yield Path(folder)
        engines.destroy()


def command(*arguments: str, checkout: Path = CHECKOUT) -> subprocess.CompletedProcess[str]:
    """`python -m massmailer.embedded …` in a process that exits afterwards, as scripts do."""
    return subprocess.run(
        [sys.executable, "-m", "massmailer.embedded", *arguments],
        cwd=checkout, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def postgres_pid() -> int:
    pid = pids.read_pid(paths.postgres_data() / "postmaster.pid")
    assert pid is not None
    return pid


def valkey_pid() -> int:
    pid = pids.read_pid(paths.valkey_home() / "valkey.pid")
    assert pid is not None
    return pid


def write_marks() -> None:
    """A committed row, and a key that stands in the append-only file."""
    with psycopg.connect(postgres.url()) as connection:
        connection.execute("CREATE TABLE mark AS SELECT 7 AS value")
    with redis.Redis.from_url(valkey.url()) as client:
        client.set("mark", 7)
        assert client.execute_command("WAITAOF", 1, 0, 5000)[0] == 1


def assert_marks() -> None:
    with psycopg.connect(postgres.url()) as connection:
        assert connection.execute("SELECT value FROM mark").fetchall() == [(7,)]
    with redis.Redis.from_url(valkey.url()) as client:
        assert client.get("mark") == b"7"


def test_engines_outlive_their_starter_and_stop_cleanly(var: Path) -> None:
    assert command("status").stdout == "postgres: stopped\nvalkey: stopped\n"
    assert command("start").stdout == "postgres: running\nvalkey: running\n"
    running = [postgres_pid(), valkey_pid()]
    write_marks()
    assert command("stop").stdout == "postgres: stopped\nvalkey: stopped\n"
    assert not any(pids.is_alive(pid) for pid in running)
    assert not paths.valkey_socket().exists()
    assert not (paths.postgres_data() / "postmaster.pid").exists()


def test_data_survives_a_restart(var: Path) -> None:
    engines.ensure()
    write_marks()
    engines.stop()
    assert engines.ensure() == {"DATABASE_URL": postgres.url(), "REDIS_URL": valkey.url()}
    assert_marks()


def test_data_survives_kill_9(var: Path) -> None:
    engines.ensure()
    write_marks()
    for pid in (postgres_pid(), valkey_pid()):
        os.kill(pid, signal.SIGKILL)
        assert pids.wait_gone(pid, 10)
    assert engines.status() == {"postgres": "stopped", "valkey": "stopped"}
    engines.ensure()
    assert_marks()


def test_a_pid_file_whose_number_went_to_another_process_does_not_block_the_start(var: Path) -> None:
    engines.ensure()
    write_marks()
    files = (paths.postgres_data() / "postmaster.pid", paths.valkey_home() / "valkey.pid")
    texts = [file.read_text().split("\n", 1) for file in files]
    engines.stop()
    # what a reboot leaves: the old file, and a stranger who has the number now
    for file, text in zip(files, texts, strict=True):
        file.write_text("\n".join([str(os.getpid()), *text[1:]]))
    engines.ensure()
    assert_marks()


def test_starters_at_the_same_moment_share_one_server(var: Path) -> None:
    starters = [
        subprocess.Popen([sys.executable, "-m", "massmailer.embedded", "start"], cwd=CHECKOUT, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    for starter in starters:
        output, _ = starter.communicate(timeout=120)
        assert starter.returncode == 0
        assert output == b"postgres: running\nvalkey: running\n"
    listing = subprocess.run(
        ["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert sum(f"-D {paths.postgres_data()}" in line for line in listing) == 1
    assert sum(str(paths.valkey_socket()) in line for line in listing) == 1


def test_a_first_start_that_was_killed_half_way_is_begun_again(var: Path) -> None:
    draft = paths.postgres_home() / "draft"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    postgres.start()
    assert postgres.status() == "running"


def test_postgresql_never_runs_as_root_nor_does_its_data_belong_to_root(var: Path) -> None:
    postgres.start()
    owner = Path(f"/proc/{postgres_pid()}").stat().st_uid
    assert owner != 0
    assert paths.postgres_data().stat().st_uid == owner
    assert stat.S_IMODE(paths.postgres_data().stat().st_mode) == 0o700
    assert stat.S_IMODE(paths.postgres_socket_dir().stat().st_mode) == 0o700


def test_a_checkout_in_a_private_folder_works_and_stays_private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASSMAILER_VAR", raising=False)
    with tempfile.TemporaryDirectory(prefix="mm-") as private:
        checkout = Path(private) / "checkout"
        shutil.copytree(CHECKOUT / "massmailer" / "embedded", checkout / "massmailer" / "embedded")
        (checkout / "massmailer" / "__init__.py").touch()
        for folder in (Path(private), checkout):
            folder.chmod(0o700)
        try:
            started = command("start", checkout=checkout)
            assert started.stdout == "postgres: running\nvalkey: running\n", started.stderr
            assert [stat.S_IMODE(path.stat().st_mode) for path in (Path(private), checkout)] == [0o700, 0o700]
        finally:
            command("destroy", "--yes", checkout=checkout)


def test_a_var_folder_with_a_long_or_odd_name_works(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = var / ("long " * 15) / "ünïcode, with a comma"
    monkeypatch.setenv("MASSMAILER_VAR", str(odd))
    try:
        engines.ensure()
        write_marks()
        assert_marks()
    finally:
        engines.destroy()


def test_nothing_embedded_starts_when_both_urls_are_given(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"DATABASE_URL": "postgresql://db.example/x", "REDIS_URL": "redis://cache.example/0"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert engines.ensure() == given
    assert command("start").stdout == "postgres: external\nvalkey: external\n"
    assert list(var.iterdir()) == []


def test_only_the_missing_engine_starts(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/x")
    engines.ensure()
    monkeypatch.delenv("DATABASE_URL")
    assert engines.status() == {"postgres": "stopped", "valkey": "running"}


def test_data_of_another_major_version_is_refused_with_its_cure(var: Path) -> None:
    postgres.start()
    postgres.stop()
    (paths.postgres_data() / "PG_VERSION").write_text("17\n")
    with pytest.raises(EngineError, match=r"PostgreSQL 17, the installed one is 18.*Dump with the old version"):
        postgres.start()


def test_destroying_wants_to_be_meant(var: Path) -> None:
    refused = command("destroy")
    assert refused.returncode == 1
    assert "add --yes" in refused.stderr
