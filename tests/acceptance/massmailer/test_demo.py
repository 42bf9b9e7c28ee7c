"""bin/demo as a newcomer runs it: everything is set up, shown, proved, and nothing is left behind."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from massmailer.embedded import engines, paths
from massmailer.processes import record
from massmailer.processes.ports import find_free

CHECKOUT = paths.checkout()
LEADS = 200
# generous: other tests may share this machine
PATIENCE_SECONDS = 240


@pytest.fixture
def var(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A var folder of this test alone; what runs in it is stopped and destroyed afterwards."""
    with tempfile.TemporaryDirectory(prefix="mm-demo-") as folder:
        monkeypatch.setenv("MASSMAILER_VAR", folder)
        for variable in ("PORT", "MASSMAILER_FLOWER_PORT", "MASSMAILER_SANDBOX_PORT"):
            monkeypatch.setenv(variable, str(find_free()))
        yield Path(folder)
        subprocess.run(["bin/down"], cwd=CHECKOUT, check=False, capture_output=True, timeout=120)
        engines.destroy()


@pytest.fixture
def stack(var: Path) -> Iterator[ExitStack]:
    """Ends before the var folder does."""
    with ExitStack() as stack:
        yield stack


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["bin/demo", "--leads", str(LEADS), *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)


def nothing_is_left() -> bool:
    return not record.read() and engines.status() == {"postgres": "stopped", "valkey": "stopped"}


class Staying:
    """A demo that stays up, read line by line until it says so."""

    def __init__(self, *arguments: str) -> None:
        command = ["bin/demo", "--leads", str(LEADS), *arguments]
        self.process = subprocess.Popen(
            command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self.said = ""

    def read_until(self, words: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if words in line:
                return
        self.process.communicate()
        pytest.fail(f"the demo ended without {words!r}:\n{self.said}")

    def __enter__(self) -> Staying:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.press_ctrl_c()

    def press_ctrl_c(self) -> int:
        """Both the script and the program in it get the signal, as from a terminal."""
        os.killpg(self.process.pid, signal.SIGINT)
        rest, _ = self.process.communicate(timeout=PATIENCE_SECONDS)
        self.said += rest
        return self.process.returncode


def get(url: str, path: str) -> tuple[int, str]:
    host, _, port = url.removeprefix("http://").partition(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=30)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def metric(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} ([0-9.e+]+)$", text, re.MULTILINE)
    assert found, f"{name} is missing in:\n{text}"
    return float(found[1])


def test_once_ends_with_every_lead_accounted_for_and_a_second_run_updates(var: Path) -> None:
    first = run_demo("--once")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Every lead is accounted for" in first.stdout
    assert re.search(rf"Leads +{LEADS} new, 0 updated, 4 repeated", first.stdout)
    assert re.search(r"Rejected lines +12, listed in \S+", first.stdout)
    assert re.search(r"Not sent +5 skipped: suppressed: manual", first.stdout)
    assert re.search(r"Opened +24", first.stdout)
    assert re.search(r"Clicked +9", first.stdout)
    assert nothing_is_left()

    second = run_demo("--once")
    assert second.returncode == 0, second.stdout + second.stderr
    assert re.search(rf"Leads +0 new, {LEADS} updated", second.stdout)
    # whoever unsubscribed in the first run is left alone in the second
    assert re.search(r"Not sent +1 skipped: unsubscribed", second.stdout)
    assert nothing_is_left()


def test_it_makes_room_for_others_shows_itself_and_ctrl_c_leaves_nothing(var: Path, stack: ExitStack) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        taken = other.getsockname()[1]
        demo = stack.enter_context(Staying("--port", str(taken)))
        demo.read_until("Flower  ")
    assert f"Port {taken} is taken" in demo.said
    url = re.search(r"Admin +(http://localhost:\d+)/admin/ +user admin, password (\S+)", demo.said)
    assert url, demo.said
    assert str(taken) not in url[1]
    assert get(url[1], "/admin/login/")[0] == 200
    assert get(url[1], "/health/ready")[0] == 200

    sent = int(re.search(r"Sent +(\d+) at", demo.said)[1])  # type: ignore[index]
    numbers = get(url[1], "/metrics")[1]
    sandbox = 'emails_sent_total{outcome="sent",provider="Sandbox mailbox",stream="%s"}'
    assert metric(numbers, sandbox % "marketing") == sent == metric(numbers, "campaign_emails_accepted_total")
    assert metric(numbers, sandbox % "transactional") == 1
    assert metric(numbers, 'delivery_latency_seconds_count{stream="marketing"}') == sent
    assert metric(numbers, 'delivery_latency_seconds_count{stream="transactional"}') == 1
    assert metric(numbers, 'workers{queue="bulk"}') == 1
    assert metric(numbers, 'campaign_emails{status="pending"}') == 0
    assert metric(numbers, "sweep_age_seconds") < 30
    check_with_the_doctor(url[1])

    assert demo.press_ctrl_c() == 0, demo.said
    assert nothing_is_left()


def check_with_the_doctor(url: str) -> None:
    """A stack that has just sent a campaign is in good health."""
    environment = {**os.environ, "PORT": url.rpartition(":")[2]}
    result = subprocess.run(
        [".venv/bin/python", "manage.py", "doctor", "--json"],
        cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60, env=environment,
    )  # fmt: skip
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    for name in ("workers", "beat", "sweeper", "queues", "marketing pool", "provider Sandbox mailbox", "port of web"):
        assert checks[name]["state"] == "ok", checks[name]


def test_ctrl_c_in_the_middle_is_no_success_and_leaves_nothing(var: Path, stack: ExitStack) -> None:
    demo = stack.enter_context(Staying("--once"))
    demo.read_until("tables are there")
    # in the middle of starting its processes
    time.sleep(0.3)
    assert demo.press_ctrl_c() == 128 + signal.SIGINT, demo.said
    assert nothing_is_left()
