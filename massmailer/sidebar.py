"""The sidebar of the admin: what a person may open, rendered once for all who may open the same."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import get_script_prefix, reverse
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString

from massmailer.admin_theme import Item


class Entry(NamedTuple):
    title: str
    icon: str
    address: str
    is_active: bool
    badge: str


class Group(NamedTuple):
    title: str
    is_first: bool
    entries: tuple[Entry, ...]


def of(request: HttpRequest) -> SafeString:
    """The sidebar as this person sees it on this page."""
    return _rendered(tuple(_groups(request)))


@lru_cache(maxsize=512)
def _rendered(groups: tuple[Group, ...]) -> SafeString:
    return render_to_string("admin/massmailer/sidebar.html", {"groups": groups})


def _groups(request: HttpRequest) -> Iterator[Group]:
    addresses = _addresses(get_script_prefix())
    home = reverse("admin:index")
    for number, group in enumerate(settings.UNFOLD["SIDEBAR"]["navigation"]):
        entries = tuple(
            _entry(request, item, address, _is_active(request.path, address, home))
            for item, address in zip(group["items"], addresses[number], strict=True)
            if address and ("permission" not in item or item["permission"](request))
        )
        if entries:
            yield Group(group["title"], number == 0, entries)


@lru_cache(maxsize=4)
def _addresses(_script_prefix: str) -> tuple[tuple[str, ...], ...]:
    """The address of every entry by group; empty where this installation has no such page."""
    return tuple(
        tuple(item["link"]() if callable(item["link"]) else str(item["link"]) for item in group["items"])
        for group in settings.UNFOLD["SIDEBAR"]["navigation"]
    )


def _entry(request: HttpRequest, item: Item, address: str, is_active: bool) -> Entry:
    badge = import_string(item["badge"])(request) if "badge" in item else ""
    return Entry(item["title"], item["icon"], address, is_active, badge)


def _is_active(path: str, address: str, home: str) -> bool:
    """Whether the page lies under the entry; the dashboard's address, `home`, begins all others."""
    return path.startswith(address) and (address != home or path == home)
