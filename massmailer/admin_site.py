"""The admin's site: the frame of every page, at little cost.

Made by unfold alone, the frame took two thirds of a report page's processor time: all models were asked for their
permissions though nothing shows them, and forty entries of the sidebar were copied, asked and rendered anew.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import SafeString
from unfold.sites import UnfoldAdminSite


class AdminConfig(DjangoAdminConfig):
    """Django's admin with our site."""

    default_site = "massmailer.admin_site.Site"


class Site(UnfoldAdminSite):
    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Looked up when a page reads it, which most do not."""
        found = super().get_app_list
        return found(request, app_label) if app_label else SimpleLazyObject(lambda: found(request))

    def get_sidebar_list(self, request: HttpRequest) -> list[SafeString]:
        """The sidebar as one rendered piece; our `unfold/helpers/app_list.html` prints it."""
        # templates can be rendered when all apps are there, which is after this module is read
        from massmailer import sidebar

        return [sidebar.of(request)]
