"""Ports of the demo's processes, chosen so that nothing on this machine is in the way."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from massmailer.demo.errors import DemoFailed
from massmailer.processes import ports, record
from massmailer.processes.options import StackOptions

BULK_WORKERS = 2


@dataclass(frozen=True)
class Places:
    """Where the demo's processes listen. moved: sentences about ports that were taken."""

    web: int
    flower: int
    sandbox: int
    moved: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.web}"

    def stack_options(self) -> StackOptions:
        """The stack on these ports. Links lead here, whatever the environment says about real recipients."""
        return StackOptions(
            port=self.web,
            flower_port=self.flower,
            sandbox_port=self.sandbox,
            web_workers=1,
            transactional_workers=1,
            bulk_workers=BULK_WORKERS,
            default_workers=1,
            environment={
                "PUBLIC_URL": self.url,
                "TRACKING_URL": self.url,
                "BOUNCE_DOMAIN": "",
                "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
            },
        )


def choose(wanted_web: int) -> Places:
    """The usual ports where they are free, others where not. Raises DemoFailed where the stack is up already."""
    if record.read():
        raise DemoFailed("MassMailer is up already in this checkout: stop it with bin/down first.")
    wanted = {"web": wanted_web, "flower": settings.FLOWER_PORT, "sandbox": settings.SANDBOX_SMTP_PORT}
    found: dict[str, int] = {}
    for name, port in wanted.items():
        found[name] = ports.find_free(port if port not in found.values() else 0)
    moved = tuple(
        f"Port {port} is taken: {name} takes {found[name]} instead."
        for name, port in wanted.items()
        if found[name] != port
    )
    return Places(**found, moved=moved)


def adopt(places: Places) -> None:
    """Let this process make the same links as its workers."""
    settings.WEB_PORT = places.web
    settings.PUBLIC_URL = settings.TRACKING_URL = places.url
    settings.BOUNCE_DOMAIN = ""
    settings.SANDBOX_SMTP_PORT = places.sandbox
