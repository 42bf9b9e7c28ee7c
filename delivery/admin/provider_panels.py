"""Boxes on a provider's page that the layers above bring along; filled when they import their own admin modules."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest

from delivery.models import Provider

PanelMaker = Callable[[HttpRequest, Provider], str]
_makers: list[PanelMaker] = []


def register_provider_panel(maker: PanelMaker) -> None:
    """`maker` returns ready HTML, or an empty text where it has nothing to show."""
    if maker not in _makers:
        _makers.append(maker)


def provider_panels(request: HttpRequest, provider: Provider) -> list[str]:
    """The boxes of this provider's page, in the order of registration."""
    return [html for maker in _makers if (html := maker(request, provider))]
