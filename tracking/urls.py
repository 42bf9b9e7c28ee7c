"""Public addresses: what recipients and their mail programs call."""

from __future__ import annotations

from django.urls import path, re_path

from tracking import pages, unsubscribe, views

urlpatterns = [
    path("o/<slug:token>.gif", views.pixel, name="tracking-open"),
    path("c/<slug:token>/<int:number>", views.click, name="tracking-click"),
    path("v/<slug:token>", views.view_in_browser, name="tracking-view"),
    path("u/<slug:token>", unsubscribe.unsubscribe, name="tracking-unsubscribe"),
    # addresses that a mail program has cut or changed
    re_path(r"^[ocvu]/", pages.not_found),
]
