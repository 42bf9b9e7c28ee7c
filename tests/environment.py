"""Loaded before Django's settings: tests have engines, secrets and files of their own, never those of `var/`.

Each run of pytest holds one slot, `var/test/<n>`, with its own engines, so that several may run at the same time.
The engines stay up between runs; `bin/down` stops them.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

SLOTS = Path(__file__).resolve().parent.parent / "var" / "test"
# what would lead a test to somebody's real engines or secrets
FOREIGN = (
    "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "REPORTING_DATABASE_URL", "SECRET_KEY", "ENCRYPTION_KEYS",
    "FLOWER_BASIC_AUTH", "FLOWER_URL", "ALLOWED_HOSTS", "PUBLIC_URL", "TRACKING_URL", "BOUNCE_DOMAIN", "DEBUG",
    "LOG_LEVEL", "MASSMAILER_SANDBOX", "MASSMAILER_PROCESS", "MASSMAILER_LEASE_SECONDS", "MASSMAILER_SWEEP_SECONDS",
    "MASSMAILER_GRACE_SECONDS", "MASSMAILER_UNKNOWN_RESEND_HOURS", "METRICS_TOKEN", "MASSMAILER_TRUSTED_PROXIES",
    "MASSMAILER_WEBHOOK_PORTS", "MASSMAILER_WEBHOOK_PRIVATE_HOSTS",
    "MASSMAILER_INBOUND_PORT", "MASSMAILER_BULK_NICENESS",
)  # fmt: skip
PORTS = ("PORT", "MASSMAILER_SANDBOX_PORT", "MASSMAILER_FLOWER_PORT")


def lock_slot(slot: Path) -> int | None:
    """A descriptor that holds the slot as long as it is open; None where another run holds it."""
    slot.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(slot / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def enter_slot() -> None:
    """Take the first free slot for the life of this process and point the settings at it."""
    number = 0
    while lock_slot(SLOTS / str(number)) is None:
        number += 1
    for variable in FOREIGN:
        os.environ.pop(variable, None)
    # no test asks the world's name servers
    os.environ["MASSMAILER_MX_LOOKUPS"] = "no"
    os.environ["MASSMAILER_VAR"] = str(SLOTS / str(number))
    # settings of this process and of the processes it starts speak of the same addresses
    for variable, port in zip(PORTS, free_ports(len(PORTS)), strict=True):
        os.environ[variable] = str(port)


def free_ports(number: int) -> list[int]:
    """That many free loopback ports, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [int(listener.getsockname()[1]) for listener in sockets]


if __name__ == "__main__":  # bin/down: --is-free SLOT
    sys.exit(0 if lock_slot(Path(sys.argv[2])) is not None else 1)
enter_slot()
