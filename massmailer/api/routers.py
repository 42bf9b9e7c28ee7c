"""Which resources there are, in the order of the reference page. Each app adds its lines here."""

from __future__ import annotations

from ninja import Router

from campaigns.api.templates import router as templates


def all_routers() -> list[tuple[str, Router]]:
    return [
        ("/templates", templates),
    ]
