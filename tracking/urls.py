"""Public addresses: what recipients and their mail programs call."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
