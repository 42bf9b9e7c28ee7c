"""Boxes on a campaign's page that the layers above bring along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string

from campaigns.models import Campaign


@dataclass(frozen=True, slots=True)
class Panel:
    """`template` makes a whole box, its title included; it sees `context`, `title` and `campaign`."""

    title: str
    template: str
    context: dict[str, Any] = field(default_factory=dict)


PanelMaker = Callable[[Campaign], Panel | None]
_makers: list[PanelMaker] = []


def register_panel(maker: PanelMaker) -> PanelMaker:
    """Add a panel to every campaign's page; the maker gives None where it has nothing to show. Call in ready()."""
    if maker not in _makers:
        _makers.append(maker)
    return maker


def render_panels(request: HttpRequest, campaign: Campaign) -> list[str]:
    """The boxes of this campaign's page as ready HTML, in the order of registration. Raises what a maker raises."""
    made = [panel for panel in (maker(campaign) for maker in _makers) if panel is not None]
    return [
        render_to_string(panel.template, {**panel.context, "title": panel.title, "campaign": campaign}, request)
        for panel in made
    ]
