"""Addresses of the mailbox page; included under the admin."""

from __future__ import annotations

from django.urls import path

from massmailer.sandbox import views

app_name = "sandbox"
urlpatterns = [
    path("", views.message_list, name="list"),
    path("<str:message_id>/", views.message_detail, name="message"),
    path("<str:message_id>/html/", views.message_html, name="html"),
    path("<str:message_id>/raw/", views.message_raw, name="raw"),
]
