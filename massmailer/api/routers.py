"""Which resources there are, in the order of the reference page. Each app adds its lines here."""

from __future__ import annotations

from ninja import Router

from campaigns.api.campaigns import router as campaigns
from campaigns.api.feeds import router as feeds
from campaigns.api.leads import router as leads
from campaigns.api.lists import router as lists
from campaigns.api.pace import router as pace
from campaigns.api.segments import router as segments
from campaigns.api.suppressions import router as suppressions
from campaigns.api.templates import router as templates
from campaigns.api.topics import router as topics
from delivery.api.choices import router as choices
from delivery.api.messages import router as messages
from delivery.api.pools import router as pools
from delivery.api.progress import router as progress
from delivery.api.providers import router as providers
from tracking.api.events import router as events
from tracking.api.reports import router as reports
from tracking.api.timeline import router as timeline
from tracking.api.webhooks import router as webhooks


def all_routers() -> list[tuple[str, Router]]:
    return [
        ("/messages", messages),
        ("/templates", templates),
        ("/leads", leads),
        ("/leads", timeline),
        ("/lists", lists),
        ("/segments", segments),
        ("/campaigns", campaigns),
        ("/campaigns", feeds),
        ("/campaigns", pace),
        ("/campaigns", choices),
        ("/campaigns", progress),
        ("/campaigns", reports),
        ("/topics", topics),
        ("/suppressions", suppressions),
        ("/events", events),
        ("/webhooks", webhooks),
        ("/providers", providers),
        ("/pools", pools),
    ]
