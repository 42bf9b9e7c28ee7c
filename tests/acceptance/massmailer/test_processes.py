"""bin/up and bin/down: everything starts, everything drains, nothing is left."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from massmailer.celery import app
from massmailer.embedded import engines, logs, paths, pids, postgres
from massmailer.processes import procfile, record
from massmailer.processes.background import BackgroundStack
from massmailer.processes.options import StackOptions
from massmailer.processes.ports import find_free
from massmailer.sandbox import mailbox

CHECKOUT = paths.checkout()
# a main process and a child in one group; the child dies of TERM at once, the main process waits for it
DRAINS = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1.5); open('{done}', 'w').close()"])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(child.wait()))
open('{ready}', 'w').close()
time.sleep(60)
"""
DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('{ready}', 'w').close(); time.sleep(60)"
)
MANAGE = """
import json, sys
from massmailer.processes.manager import Manager
commands, grace = json.loads(sys.argv[1]), float(sys.argv[2])
sys.exit(Manager(commands, dict(__import__('os').environ), grace_seconds=grace).run())
"""


@pytest.fixture
def var(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A var folder of this test alone; what runs in it is stopped and destroyed afterwards."""
    with tempfile.TemporaryDirectory(prefix="mm-") as folder:
        monkeypatch.setenv("MASSMAILER_VAR", folder)
        yield Path(folder)
        script("bin/down")
        engines.destroy()


def script(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=150)


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


def options(*only: str) -> StackOptions:
    return StackOptions(port=find_free(), flower_port=find_free(), sandbox_port=find_free(), only=only)


def manage(commands: dict[str, str], grace_seconds: float) -> subprocess.Popen[str]:
    """The manager alone, in a process of its own, on commands of the test."""
    shell = {name: f"exec {sys.executable} -c {shlex.quote(code)}" for name, code in commands.items()}
    return subprocess.Popen(
        [sys.executable, "-c", MANAGE, json.dumps(shell), str(grace_seconds)],
        cwd=CHECKOUT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_the_whole_stack_comes_up_without_configuration_and_leaves_nothing_behind(var: Path) -> None:
    stack = BackgroundStack(options())
    stack.start()
    children = record.read().children
    assert sorted(children) == sorted(filter(stack.options.runs, procfile.commands()))
    flower = http.client.HTTPConnection("127.0.0.1", stack.options.flower_port, timeout=10)
    wait_for(lambda: _status(flower, "/workers") == 401)
    flower.close()
    # campaigns take the processor that everything else leaves
    assert {name for name, pid in children.items() if _gives_way(pid)} == {"worker-bulk"}
    groups = set(children.values())
    assert stack.stop() == 0, logs.tail("stack")
    assert not any(pids.is_alive(pid) for pid in children.values())
    assert groups.isdisjoint(_live_groups())
    assert engines.status() == {"postgres": "stopped", "valkey": "stopped"}
    assert not record.record_file().exists()


def _gives_way(pid: int) -> bool:
    """Whether a process comes after us, and, where the kernel shares by session, its session does too."""
    group, nice = Path(f"/proc/{pid}/autogroup"), os.getpriority(os.PRIO_PROCESS, pid)
    if group.exists():
        assert (int(group.read_text().split()[-1]) > 0) == (nice > os.getpriority(os.PRIO_PROCESS, 0))
    return nice > os.getpriority(os.PRIO_PROCESS, 0)


def _status(connection: http.client.HTTPConnection, path: str) -> int:
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
    except OSError:
        connection.close()
        return 0
    return response.status


def _live_groups() -> set[int]:
    listing = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listing.splitlines()]
    return {int(group) for group, state in rows if not state.startswith("Z")}


def test_a_taken_port_is_said_before_anything_starts(var: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = listener.getsockname()[1]
        result = script("bin/up", "--port", str(taken), "--sandbox-port", str(find_free()))
    assert result.returncode == 1
    assert f"Port {taken}, wanted by web, is taken" in result.stderr
    assert "bin/up --port " in result.stderr
    assert "Traceback" not in result.stderr
    assert engines.status() == {"postgres": "stopped", "valkey": "stopped"}


def test_a_second_stack_is_refused_and_down_stops_the_first(var: Path) -> None:
    stack = BackgroundStack(options("sandbox"))
    stack.start()
    wait_for(record.read)
    second = script("bin/up", "--only", "sandbox", "--sandbox-port", str(find_free()))
    assert second.returncode == 1
    assert "up already (sandbox). Stop it with bin/down first" in second.stderr
    assert script("bin/down").stdout.splitlines()[0] == "the stack has stopped"
    assert stack.stop() == 0
    assert script("bin/down").stdout == "nothing was running\n"


def test_down_stops_what_a_killed_manager_left(var: Path) -> None:
    stack = BackgroundStack(options("sandbox", "worker-control"))
    stack.start()
    left = record.read()
    assert left.manager is not None
    os.kill(left.manager, signal.SIGKILL)
    assert stack.stop() == -signal.SIGKILL
    assert all(pids.is_alive(pid) for pid in left.children.values())
    said = script("bin/down").stdout.splitlines()
    assert sorted(said) == [
        "sandbox has stopped",
        "the embedded PostgreSQL has stopped",
        "the embedded Valkey has stopped",
        "worker-control has stopped",
    ]
    assert not any(pids.is_alive(pid) for pid in left.children.values())


def test_a_worker_that_is_killed_starts_again(var: Path) -> None:
    with BackgroundStack(options("worker-control")) as stack:
        first = stack.process("worker-control")
        stack.kill("worker-control")
        wait_for(lambda: record.read().children.get("worker-control", first) != first)


def test_beat_that_is_stopped_in_the_middle_of_a_query_finishes_it_and_leaves(var: Path) -> None:
    with BackgroundStack(options("beat")) as stack, psycopg.connect(postgres.url(), autocommit=True) as watch:
        ready = "SELECT count(*) FROM django_celery_beat_periodictask WHERE name = 'sweep'"
        wait_for(lambda: watch.execute(ready).fetchone() == (1,), 90)
        beat = stack.process("beat")
        with psycopg.connect(postgres.url()) as locker:
            locker.execute("LOCK TABLE django_celery_beat_periodictasks IN ACCESS EXCLUSIVE MODE")
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            wait_for(lambda: watch.execute(waiting).fetchone() == (1,))
            os.kill(beat, signal.SIGTERM)
            assert not pids.wait_gone(beat, 1.0)
        assert pids.wait_gone(beat, 20)


def test_engines_that_were_up_before_stay_up(var: Path) -> None:
    engines.ensure()
    with BackgroundStack(options("sandbox")):
        wait_for(record.read)
    assert engines.status() == {"postgres": "running", "valkey": "running"}


def test_a_signal_reaches_the_main_process_alone_and_its_child_finishes(var: Path) -> None:
    ready, done = var / "ready", var / "done"
    manager = manage({"worker": DRAINS.format(ready=ready, done=done)}, grace_seconds=20)
    wait_for(ready.exists)
    manager.send_signal(signal.SIGTERM)
    output, _ = manager.communicate(timeout=30)
    assert done.exists(), output
    assert manager.returncode == 0


def test_a_process_that_does_not_drain_is_killed_after_the_grace_period(var: Path) -> None:
    ready = var / "ready"
    manager = manage({"deaf": DEAF.format(ready=ready)}, grace_seconds=1)
    wait_for(ready.exists)
    manager.send_signal(signal.SIGINT)
    output, _ = manager.communicate(timeout=30)
    assert "deaf has not drained within 1 s: killed" in output
    assert manager.returncode == 1


def test_a_process_that_does_not_stay_up_stops_the_stack_with_its_reason(var: Path) -> None:
    manager = manage({"broken": "raise SystemExit('no such setting')"}, grace_seconds=5)
    output, _ = manager.communicate(timeout=60)
    assert manager.returncode == 1
    assert "broken | no such setting" in output
    assert "broken does not stay up (status 1)" in output
    assert (var / "log" / "broken.log").read_text().count("no such setting") == 3


def test_manage_prepares_engines_and_tables_and_knows_where_the_person_stands(var: Path) -> None:
    shown = subprocess.run(
        [CHECKOUT / "bin" / "manage", "shell", "--no-imports", "-c", "import os; print(os.getcwd())"],
        cwd=var, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert shown.stdout == f"{var}\n", shown.stderr
    listing = script("bin/manage", "showmigrations", "--plan")
    assert listing.returncode == 0
    assert "[X]" in listing.stdout
    assert "[ ]" not in listing.stdout
    assert script("bin/down").stdout.splitlines() == [
        "the embedded Valkey has stopped",
        "the embedded PostgreSQL has stopped",
    ]


@pytest.mark.django_db(transaction=True)
def test_mail_to_the_sandbox_of_the_stack_can_be_read(stack: BackgroundStack) -> None:
    with smtplib.SMTP("127.0.0.1", settings.SANDBOX_SMTP_PORT, timeout=10) as client:
        client.sendmail("shop@example.com", ["ada@example.org"], "Subject: stack test\r\n\r\nhello\r\n")
    page = mailbox.list_messages(settings.SANDBOX_DIR, search="stack test")
    assert page.entries[0].recipients == ("ada@example.org",)


def test_each_worker_of_the_stack_takes_its_own_queue_alone(stack: BackgroundStack) -> None:
    # a connection of its own: tests before may have stopped the broker under those that this process keeps
    with app.connection_for_write() as own:
        answer = app.control.inspect(timeout=5, connection=own).active_queues() or {}
    queues = {worker.split("@")[0]: [queue["name"] for queue in bound] for worker, bound in answer.items()}
    assert queues == {name: [name] for name in ("transactional", "bulk", "default", "control")}
