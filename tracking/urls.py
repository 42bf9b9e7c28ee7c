"""Public addresses: what recipients and their mail programs call."""

from __future__ import annotations

from django.urls import path, re_path

from tracking import pages, preference_views, unsubscribe, views
from tracking.forms import views as form_views
from tracking.webhooks import views as webhooks

urlpatterns = [
    path("o/<slug:token>.gif", views.pixel, name="tracking-open"),
    path("c/<slug:token>/<int:number>", views.click, name="tracking-click"),
    path("v/<slug:token>", views.view_in_browser, name="tracking-view"),
    path("u/<slug:token>", unsubscribe.unsubscribe, name="tracking-unsubscribe"),
    path("u/<slug:token>/preferences", preference_views.preferences_page, name="tracking-preferences"),
    path("f/<slug:slug>", form_views.form_page, name="tracking-form"),
    path("confirm/<slug:token>", form_views.confirm_page, name="tracking-confirm"),
    path("webhooks/<slug:esp>/<int:provider_id>/tracking/", webhooks.webhook, name="tracking-webhook"),
    # addresses that a mail program has cut or changed
    re_path(r"^(?:[ocvuf]|confirm)/", pages.not_found),
]
