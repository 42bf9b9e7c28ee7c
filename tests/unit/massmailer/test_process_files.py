"""The Procfile, the compose file and the scripts say the same."""

from __future__ import annotations

import argparse
import os
import re
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from massmailer.embedded import paths
from massmailer.processes import __main__ as command_line
from massmailer.processes import ports, procfile
from massmailer.processes.options import StackError, StackOptions, grace_seconds, process_environment

ROOT = paths.checkout()
QUEUES = ("transactional", "bulk", "default", "control")


def test_the_procfile_has_one_worker_for_each_queue_with_a_name_of_its_own() -> None:
    workers = {name: line for name, line in procfile.commands().items() if name.startswith("worker-")}
    assert list(workers) == [f"worker-{queue}" for queue in QUEUES]
    for queue in QUEUES:
        line = workers[f"worker-{queue}"]
        assert f" -Q {queue} -n {queue}@%h " in line
        assert "--without-gossip --without-mingle" in line
        assert "max-tasks-per-child" not in line
    assert " -c 1 " in workers["worker-control"]


def test_every_process_is_the_program_itself_so_that_a_signal_reaches_it() -> None:
    for name, line in procfile.commands().items():
        assert line.startswith("exec "), name


def test_containers_run_the_processes_of_the_procfile() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    services = re.findall(r'^  ([a-z-]+):\n(?:    .*\n)*?    command: \["python", "-m", "massmailer.processes", '
                          r'"exec", "([a-z-]+)"\]$', text, re.MULTILINE)  # fmt: skip
    assert [service for service, _ in services] == list(procfile.commands())
    assert all(service == process for service, process in services)


def test_the_compose_file_demands_every_secret_by_name() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS", "FLOWER_BASIC_AUTH", "POSTGRES_PASSWORD", "VALKEY_PASSWORD",
                 "PUBLIC_URL", "ALLOWED_HOSTS"):  # fmt: skip
        assert re.search(rf"\$\{{{name}:\?set {name} to [^}}]+\}}", text), name


@pytest.mark.parametrize("name", ["setup", "manage", "up", "down", "demo", "test", "lint"])
def test_scripts_are_executable_posix_shell(name: str) -> None:
    path = ROOT / "bin" / name
    assert path.stat().st_mode & stat.S_IXUSR
    assert path.read_text().startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n", path], check=True)


@pytest.mark.parametrize(
    ("found", "asked", "chosen"),
    [
        # exit statuses: may it be used, is it optimised
        ({"python3.12": (0, 1), "python3.11": (0, 0)}, "", "python3.11"),
        ({"python3.12": (1, 0), "python3.11": (0, 0)}, "", "python3.11"),
        ({"python3.12": (0, 0), "python3.11": (0, 0)}, "", "python3.12"),
        ({"python3.12": (0, 0), "python3.11": (0, 1)}, "python3.11", "python3.11"),
    ],
)
def test_setup_takes_an_optimised_python_unless_another_is_asked_for(
    tmp_path: Path, found: dict[str, tuple[int, int]], asked: str, chosen: str
) -> None:
    for name, (usable, optimised) in found.items():
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) exit {usable} ;; *) exit {optimised} ;; esac\n')
        program.chmod(0o755)
    said = subprocess.run(
        ["/bin/sh", "-c", ". ./bin/common.sh; find_python", "bin/setup"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHON": asked},
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == chosen


def test_flower_credentials_stand_in_the_environment_and_not_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLOWER_BASIC_AUTH", "ops:hunter2")
    assert process_environment(StackOptions())["FLOWER_BASIC_AUTH"] == "ops:hunter2"
    assert "auth" not in procfile.commands()["flower"]
    assert "--address=${FLOWER_HOST:-127.0.0.1}" in procfile.commands()["flower"]


def test_campaigns_get_one_child_more_than_cores_unless_somebody_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert process_environment(StackOptions())["BULK_WORKERS"] == "5"
    assert process_environment(StackOptions(bulk_workers=2))["BULK_WORKERS"] == "2"


def test_flower_credentials_are_demanded_when_the_engines_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/x")
    monkeypatch.setenv("REDIS_URL", "redis://cache.example/0")
    monkeypatch.delenv("FLOWER_BASIC_AUTH", raising=False)
    with pytest.raises(StackError, match=r"FLOWER_BASIC_AUTH is not set. Set it to user:password"):
        process_environment(StackOptions())


@pytest.mark.parametrize("said", ["soon", "0", "-5"])
def test_a_grace_period_that_is_none_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("MASSMAILER_GRACE_SECONDS", said)
    with pytest.raises(StackError, match="MASSMAILER_GRACE_SECONDS"):
        grace_seconds()


def test_every_taken_port_is_named_with_the_flag_that_changes_it() -> None:
    with socket.socket() as one, socket.socket() as two:
        for listener in (one, two):
            listener.bind(("127.0.0.1", 0))
            listener.listen()
        web, flower = one.getsockname()[1], two.getsockname()[1]
        with pytest.raises(StackError) as caught:
            ports.demand_free(StackOptions(port=web, flower_port=flower, sandbox=False))
    assert re.search(rf"Port {web}, wanted by web, is taken.*bin/up --port \d+", str(caught.value))
    assert re.search(rf"Port {flower}, wanted by flower, is taken.*bin/up --flower-port \d+", str(caught.value))


def test_ports_of_processes_that_do_not_run_do_not_matter() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = listener.getsockname()[1]
        ports.demand_free(StackOptions(port=ports.find_free(), sandbox_port=taken, sandbox=False, only=("web",)))


def test_an_unknown_process_is_refused_by_name() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no such process: webb"):
        command_line._names("web,webb")
