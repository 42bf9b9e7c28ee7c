"""Streams of transactional mail."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import display

from delivery.models import Message, MessageStream

DESCRIPTION = (
    "A request names its stream; it is “transactional” where it names none. A change is in force within seconds, also "
    "for messages that wait, but for the promise and the pool, which a message takes with it when it is accepted."
)


@admin.register(MessageStream)
class MessageStreamAdmin(ModelAdmin):
    list_display = ("name", "promise", "pool", "copies")
    fieldsets = (
        ("Stream", {"description": DESCRIPTION, "fields": ("name", "at_least_once", "pool")}),
        ("Copies", {"fields": ("copy_days",)}),
    )
    warn_unsaved_form = True

    @display(description="Promise")
    def promise(self, stream: MessageStream) -> str:
        return "At least once" if stream.at_least_once else "At most once"

    @display(description="Copies")
    def copies(self, stream: MessageStream) -> str:
        if not stream.copy_days:
            return "None"
        return f"{stream.copy_days} day{'' if stream.copy_days == 1 else 's'}"

    def get_readonly_fields(self, _request: HttpRequest, obj: MessageStream | None = None) -> tuple[str, ...]:
        """A name stands in programs and in messages: it is not changed."""
        return ("name",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: MessageStream | None = None) -> bool:
        """Not while mail names it: the default one never, others once nothing of theirs waits."""
        allowed: bool = super().has_delete_permission(request, obj)
        if obj is None or not allowed:
            return allowed
        waiting = Message.objects.filter(stream=obj.name, status__in=["queued", "deferred", "sending"])
        return obj.name != MessageStream.DEFAULT and not waiting.exists()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions
