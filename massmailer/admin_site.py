"""The admin's site: the frame of every page, at little cost.

Made by unfold alone, the frame took two thirds of a report page's processor time: all models were asked for their
permissions though nothing shows them, forty entries of the sidebar were copied, asked and rendered anew, and each of
forty settings was merged from those of the package with ours.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.http import HttpRequest
from django.urls import get_script_prefix
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import SafeString
from unfold.sites import UnfoldAdminSite

# Django gives them to every page too; unfold's settings have the last word
LOOK = {"site_title", "site_header", "site_url"}


class AdminConfig(DjangoAdminConfig):
    """Django's admin with our site."""

    default_site = "massmailer.admin_site.Site"


class Site(UnfoldAdminSite):
    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self._looks: dict[str, dict[str, Any]] = {}

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page is given; `look` is the same wherever all of it is but the person and the entries."""
        own = AdminSite.each_context(self, request)
        prefix = get_script_prefix()
        if prefix not in self._looks:
            every = super().each_context(request)
            names = every.keys() - own.keys() - {"sidebar_navigation"} | LOOK
            self._looks[prefix] = {name: every[name] for name in names} | {"look": prefix}
        entries = self.get_sidebar_list(request) if own["has_permission"] else []
        return {**own, **self._looks[prefix], "sidebar_navigation": entries}

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Looked up when a page reads it, which most do not."""
        found = super().get_app_list
        return found(request, app_label) if app_label else SimpleLazyObject(lambda: found(request))

    def get_sidebar_list(self, request: HttpRequest) -> list[SafeString]:
        """The sidebar as one rendered piece; our `admin/nav_sidebar.html` prints it."""
        # templates can be rendered when all apps are there, which is after this module is read
        from massmailer import sidebar

        return [sidebar.of(request)]
