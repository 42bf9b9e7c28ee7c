"""Up and down: the whole stack in the foreground, and the end of whatever was left running."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

from massmailer.embedded import engines, paths, pids, postgres, valkey
from massmailer.processes import manager, ports, prepare, procfile, record
from massmailer.processes.options import (
    StackError,
    StackOptions,
    flower_credentials,
    grace_seconds,
    process_environment,
)


def up(options: StackOptions) -> int:
    """Run the stack until a signal; returns the exit status. Stops the engines that it started itself.

    Raises StackError or EngineError, with the cure, before anything runs.
    """
    _refuse_second_stack()
    ports.demand_free(options)
    commands = {name: command for name, command in procfile.commands().items() if options.runs(name)}
    environment = process_environment(options)
    started = prepare.prepare(migrate_external=True)
    try:
        sys.stdout.write(_summary(options))
        sys.stdout.flush()
        os.chdir(paths.checkout())
        return manager.Manager(commands, environment, grace_seconds=grace_seconds()).run()
    finally:
        stop_engines(started)


def down() -> list[str]:
    """Stop a stack that runs or was left by a manager that died, and the embedded engines.

    Returns one line for each thing stopped. Raises StackError where a process does not go.
    """
    said = _stop_stack(record.read())
    for name, engine in (("Valkey", valkey), ("PostgreSQL", postgres)):
        if engine.status() != "stopped":
            engine.stop()
            said.append(f"the embedded {name} has stopped")
    return said


def _stop_stack(running: record.Running) -> list[str]:
    if not running:
        return []
    if running.manager is not None:
        pids.signal_process(running.manager, signal.SIGTERM)
        # it needs its own grace and the time to stop the engines
        if not pids.wait_gone(
            running.manager, grace_seconds() + valkey.STOP_TIMEOUT_SECONDS + postgres.STOP_TIMEOUT_SECONDS
        ):
            raise StackError(f"process {running.manager}, which runs the stack, does not stop: look at it.")
        return ["the stack has stopped"]
    for pid in running.children.values():
        pids.signal_process(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds()
    for pid in running.children.values():
        if not pids.wait_gone(pid, deadline - time.monotonic()):
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
    record.forget()
    return [f"{name} has stopped" for name in running.children]


def stop_engines(started: tuple[str, ...]) -> None:
    """Stop the embedded engines of those names."""
    if "valkey" in started:
        valkey.stop()
    if "postgres" in started:
        postgres.stop()


def _refuse_second_stack() -> None:
    running = record.read()
    if running:
        names = ", ".join(running.children) or "a manager"
        raise StackError(f"This checkout is up already ({names}). Stop it with bin/down first.")


def _summary(options: StackOptions) -> str:
    lines = []
    if options.runs("web"):
        host = "localhost" if options.host in ("127.0.0.1", "0.0.0.0") else options.host  # noqa: S104
        lines.append(f"Admin      http://{host}:{options.port}/admin/   (first time here: bin/manage createsuperuser)")
    if options.runs("flower"):
        user, _, password = flower_credentials().partition(":")
        lines.append(f"Flower     http://localhost:{options.flower_port}/   user {user}, password {password}")
    if options.runs("sandbox"):
        lines.append(f"Sandbox    smtp://localhost:{options.sandbox_port}   (a mailbox for trying things)")
    lines.append(f"Logs       {paths.log_dir()}")
    state = ", ".join(f"{name} {status}" for name, status in engines.status().items())
    return "\n".join([*lines, f"Engines    {state}", "Stop       Ctrl-C, or bin/down", ""])
