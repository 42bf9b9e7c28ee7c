"""The embedded PostgreSQL: made on first use, reached over a Unix socket alone, left running until somebody stops it.

Drives the wheel's `initdb` and `pg_ctl`. Safe at any moment: starters take turns on a file lock, a first start that
was killed half-way leaves nothing behind, and the pid file of a crashed or rebooted server is recognised.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from massmailer.embedded import binaries, locks, logs, paths, pids, system_user, tuning
from massmailer.embedded.errors import EngineError

DATABASE = "massmailer"
USER = "massmailer"
START_TIMEOUT_SECONDS = 120
STOP_TIMEOUT_SECONDS = 120
# line of postmaster.pid that says "ready" once connections are taken
STATUS_LINE = 7


def url(database: str = DATABASE) -> str:
    """The DATABASE_URL of a database of the embedded server. Pure: starts and creates nothing."""
    return f"postgresql://{USER}@/{database}?host={quote(str(paths.postgres_socket_dir()), safe='/')}"


def status() -> str:
    """ "running", "starting" or "stopped"."""
    pid = _server_pid()
    if pid is None:
        return "stopped"
    lines = _pid_file().read_text().splitlines()
    ready = len(lines) > STATUS_LINE and lines[STATUS_LINE].strip() == "ready"
    return "running" if ready else "starting"


def start() -> str:
    """Make sure that the server runs and the database exists; returns its DATABASE_URL.

    Costs a file read where it runs already. Raises EngineError with the end of its log where it does not come up.
    """
    if status() == "running":
        return url()
    with locks.exclusive("postgres"):
        if status() != "running":
            _start_locked()
    return url()


def stop() -> None:
    """Stop the server, ending open connections; nothing happens where it does not run."""
    with locks.exclusive("postgres"):
        if _server_pid() is None:
            return
        result = _run("pg_ctl", "stop", "-m", "fast", "-w", "-t", str(STOP_TIMEOUT_SECONDS), "-D", str(_data()))
        if result.returncode:
            raise EngineError(f"PostgreSQL does not stop: {result.stdout.strip()} {result.stderr.strip()}")


def destroy() -> None:
    """Stop the server and delete its data. There is no way back."""
    stop()
    shutil.rmtree(paths.postgres_home(), ignore_errors=True)


def _start_locked() -> None:
    _prepare_folders()
    if not (_data() / "PG_VERSION").exists():
        _initialise()
    _check_version()
    _forget_stale_pid()
    options = " ".join(f"-c {name}={_shell_word(value)}" for name, value in _settings().items())
    with logs.open_log("postgres") as log:
        result = _run(
            "pg_ctl", "start", "-w", "-t", str(START_TIMEOUT_SECONDS), "-D", str(_data()), "-o", options, log=log
        )
    if result.returncode:
        raise EngineError(f"the embedded PostgreSQL does not start. The end of its log:\n{logs.tail('postgres')}")
    _create_database()


def _settings() -> dict[str, str]:
    settings = tuning.postgres_settings(tuning.memory_bytes())
    return {**settings, "unix_socket_directories": str(paths.postgres_socket_dir())}


def _shell_word(value: str) -> str:
    # pg_ctl hands its options to a shell inside double quotes of its own making
    return "'" + value.replace("'", "'\\''") + "'"


def _prepare_folders() -> None:
    owner = system_user.account()
    for folder in (paths.postgres_home(), paths.postgres_socket_dir()):
        if owner is None:
            paths.make_private_dir(folder)
            continue
        paths.system_base().mkdir(mode=0o755, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            os.chown(folder, owner.uid, owner.gid)
        except OSError as error:  # root of a container that has no other user to give
            raise EngineError(f"{folder} cannot be given to PostgreSQL's user ({error}): set DATABASE_URL.") from error
    # for the person who finds a folder of digits in /var/lib one day
    (paths.postgres_home() / "belongs-to").write_text(f"checkout {paths.checkout()}\nstate {paths.var_dir()}\n")


def _initialise() -> None:
    """Run initdb into a draft folder and rename it: a killed initdb must not look like a database."""
    draft = paths.postgres_home() / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    result = _run(
        "initdb", "-D", str(draft), "--username", USER, "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8",
        "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums", "--no-instructions",
    )  # fmt: skip
    if result.returncode:
        raise EngineError(f"initdb failed: {result.stdout.strip()[-1000:]} {result.stderr.strip()[-1000:]}")
    draft.rename(_data())


def _check_version() -> None:
    data_version = (_data() / "PG_VERSION").read_text().strip()
    program_version = _run("postgres", "--version").stdout.split()[-1].split(".")[0]
    if data_version != program_version:
        raise EngineError(
            f"the data in {_data()} was written by PostgreSQL {data_version}, the installed one is {program_version}. "
            "Dump with the old version and load with the new one; the guide for operators says how."
        )


def _forget_stale_pid() -> None:
    """Remove what a crash left: after a reboot its number may belong to another process and would block the start."""
    if _server_pid() is not None:
        return
    _pid_file().unlink(missing_ok=True)
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (paths.postgres_socket_dir() / name).unlink(missing_ok=True)


def _create_database() -> None:
    found = _psql("SELECT datname FROM pg_database")
    if found.returncode == 0 and DATABASE not in found.stdout.split():
        found = _psql(f"CREATE DATABASE {DATABASE}")
    if found.returncode:
        raise EngineError(f"the database {DATABASE} cannot be created: {found.stderr.strip()}")


def _psql(statement: str) -> subprocess.CompletedProcess[str]:
    socket_dir = str(paths.postgres_socket_dir())
    return _run("psql", "-XAtq", "-h", socket_dir, "-U", USER, "-d", "postgres", "-c", statement)


def _server_pid() -> int | None:
    pid = pids.read_pid(_pid_file())
    return pid if pids.is_alive(pid, "postgres", str(_data())) else None


def _run(program: str, *arguments: str, log: IO[bytes] | None = None) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as the engine's user, in a folder which that user may enter."""
    owner = system_user.account()
    identity: dict[str, Any] = {"user": owner.uid, "group": owner.gid, "extra_groups": []} if owner else {}
    return subprocess.run(
        [str(binaries.postgres_bin() / program), *arguments],
        stdin=subprocess.DEVNULL,
        # a server keeps what it inherits: a pipe of ours would stay open as long as it runs
        stdout=log or subprocess.PIPE,
        stderr=log or subprocess.PIPE,
        text=True,
        check=False,
        cwd=paths.postgres_home(),
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
        start_new_session=True,
        umask=0o077,
        **identity,
    )


def _data() -> Path:
    return paths.postgres_data()


def _pid_file() -> Path:
    return _data() / "postmaster.pid"
