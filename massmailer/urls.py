"""All addresses of the web process."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import include, path
from django.views.generic import RedirectView

from campaigns.public_limits import limited
from campaigns.visitors import stranger
from massmailer.api.api import api
from massmailer.dashboard import running_view
from massmailer.flower import open_flower


def who_tries(request: HttpRequest) -> str:
    """Only passwords count: looking at the form is free."""
    return stranger(request) if request.method == "POST" else ""


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/flower/", open_flower, name="flower"),
    *([path("admin/sandbox/", include("massmailer.sandbox.urls"))] if settings.SANDBOX_ENABLED else []),
    path("admin/running/", admin.site.admin_view(running_view), name="running_campaigns"),
    path("admin/", include("delivery.admin.urls")),
    path("admin/", include("tracking.admin.urls")),
    path("admin/login/", limited("login", by=who_tries)(admin.site.login)),
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("", include("tracking.urls")),
]
