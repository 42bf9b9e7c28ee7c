"""Ports, limits and users of this machine."""

from __future__ import annotations

import resource

from django.conf import settings
from django.db.models import Sum

from delivery.models import Provider
from massmailer.doctor.check import Check, fail, ok, warn
from massmailer.embedded import paths, system_user
from massmailer.processes import ports as processes_ports
from massmailer.processes import record

# files, logs, database and Redis of one worker child, beside its SMTP connections
OTHER_FILES = 128


def ports() -> list[Check]:
    """One check for each port: free, or taken by ourselves."""
    wanted = {"web": settings.WEB_PORT, "flower": settings.FLOWER_PORT}
    if settings.SANDBOX_ENABLED:
        wanted["sandbox"] = settings.SANDBOX_SMTP_PORT
    ours = record.read().children
    return [_port(name, port, is_ours=name in ours) for name, port in wanted.items()]


def _port(name: str, port: int, *, is_ours: bool) -> Check:
    title = f"port of {name}"
    free = processes_ports.is_free("127.0.0.1", port)
    if is_ours:
        return ok(title, f"{port}, {name} is running")
    if free:
        return ok(title, f"{port} is free")
    flag = {"web": "--port", "flower": "--flower-port", "sandbox": "--sandbox-port"}[name]
    other = processes_ports.find_free()
    return warn(title, f"{port} is taken by another program", f"Stop that program, or choose: bin/up {flag} {other}")


def open_files() -> Check:
    """Each worker child may hold all SMTP connections of all providers at once."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    connections = Provider.objects.filter(state="active").aggregate(n=Sum("max_connections"))["n"] or 0
    needed = connections + OTHER_FILES
    detail = f"{limit} allowed for each process, up to {needed} needed"
    if limit < needed:
        return fail(
            "open files", detail, f"Raise the limit (ulimit -n {max(4096, needed * 2)}, LimitNOFILE= in systemd)."
        )
    return ok("open files", detail)


def user() -> Check:
    """As root the embedded PostgreSQL needs a user to drop to."""
    if not paths.is_root():
        return ok("user", "not root")
    if not settings.EMBEDDED:
        return warn("user", "runs as root without need", "Run MassMailer as a user of its own.")
    system_user.account()
    return warn(
        "user",
        f"runs as root; PostgreSQL runs as {system_user.NAME} with its data in {paths.postgres_home()}",
        "Fine for trying things. For real use run MassMailer as a user of its own.",
    )
