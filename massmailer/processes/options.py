"""What can be chosen about the stack, and the environment that says so to its processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from massmailer.embedded import engines, secrets

# a stopped worker finishes the window it has begun; see the termination grace in the guide for operators
DEFAULT_GRACE_SECONDS = 60.0
# what a worker needs beyond its grace to record and leave
EXTRA_GRACE_SECONDS = 15.0

ROOT_WARNING = "ignore:You're running the worker with superuser privileges"


class StackError(Exception):
    """The stack cannot start or stop. The message says the cure: print it, without a traceback."""


@dataclass(frozen=True)
class StackOptions:
    """Ports, sizes and choice of processes.

    A worker count of 0 is one child for each core, and one more for bulk_workers. `only` names the processes to run;
    empty runs the whole Procfile. `environment` is handed to every process beside our own. submission_port,
    inbound_port: of the SMTP door for applications and of the mail server for bounces, 0: they are not run.
    """

    port: int = 8000
    host: str = "127.0.0.1"
    flower_port: int = 5555
    sandbox_port: int = 2525
    submission_port: int = 0
    inbound_port: int = 0
    sandbox: bool = True
    web_workers: int = 2
    transactional_workers: int = 2
    bulk_workers: int = 0
    default_workers: int = 2
    only: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def runs(self, name: str) -> bool:
        """Whether the process of that name is wanted."""
        if name == "sandbox" and not self.sandbox:
            return False
        if name == "submission" and not self.submission_port:
            return False
        if name == "inbound" and not self.inbound_port:
            return False
        return not self.only or name in self.only

    def ports(self) -> dict[str, tuple[str, int]]:
        """Port by the flag that changes it, with the name of the process, of those processes that run."""
        ports = {
            "--port": ("web", self.port),
            "--flower-port": ("flower", self.flower_port),
            "--sandbox-port": ("sandbox", self.sandbox_port),
            "--submission-port": ("submission", self.submission_port),
            "--inbound-port": ("inbound", self.inbound_port),
        }
        return {flag: place for flag, place in ports.items() if self.runs(place[0])}


def process_environment(options: StackOptions) -> dict[str, str]:
    """The environment of every process of the stack. Raises StackError where a secret is missing."""
    environment = {
        **os.environ,
        # `python` in the Procfile is the interpreter that runs this, in a virtual environment too
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        # as root Celery warns of pickled messages, seven lines for each worker; ours accept JSON alone
        "PYTHONWARNINGS": ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), ROOT_WARNING])),
        "PORT": str(options.port),
        "WEB_HOST": options.host,
        "WEB_WORKERS": str(options.web_workers),
        "TRANSACTIONAL_WORKERS": str(options.transactional_workers),
        "BULK_WORKERS": str(options.bulk_workers or usual_bulk_workers()),
        "DEFAULT_WORKERS": str(options.default_workers),
        "MASSMAILER_FLOWER_PORT": str(options.flower_port),
        "MASSMAILER_SANDBOX_PORT": str(options.sandbox_port),
        "MASSMAILER_SUBMISSION_PORT": str(options.submission_port),
        "MASSMAILER_INBOUND_PORT": str(options.inbound_port),
        "MASSMAILER_SANDBOX": "true" if options.sandbox else "false",
        **options.environment,
    }
    if options.runs("flower"):
        # in the environment, not on the command line, where every user of the machine could read it
        environment["FLOWER_BASIC_AUTH"] = flower_credentials()
    return environment


def usual_bulk_workers() -> int:
    """One child more than cores: a child waits for its commits a tenth of the time."""
    return (os.cpu_count() or 1) + 1


def flower_credentials() -> str:
    """`user:password` of the Flower page. Raises StackError where it is neither given nor ours to generate."""
    given = os.environ.get("FLOWER_BASIC_AUTH", "")
    if given:
        return given
    if engines.needed():
        return secrets.load_or_create("flower_basic_auth", secrets.basic_auth)
    raise StackError(f"FLOWER_BASIC_AUTH is not set. Set it to {secrets.describe('FLOWER_BASIC_AUTH')}.")


def grace_seconds() -> float:
    """How long a process may take to drain before it is killed. Raises StackError where what is set is no number."""
    given = os.environ.get("MASSMAILER_GRACE_SECONDS") or str(DEFAULT_GRACE_SECONDS)
    with suppress(ValueError):
        if float(given) > 0:
            return float(given) + EXTRA_GRACE_SECONDS
    raise StackError(f"MASSMAILER_GRACE_SECONDS={given!r} is no number above zero.")
