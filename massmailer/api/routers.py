"""Which resources there are, in the order of the reference page. Each app adds its lines here."""

from __future__ import annotations

from ninja import Router

from campaigns.api.templates import router as templates
from delivery.api.messages import router as messages


def all_routers() -> list[tuple[str, Router]]:
    return [
        ("/messages", messages),
        ("/templates", templates),
    ]
