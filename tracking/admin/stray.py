"""What came back about no e-mail of ours: webhook events and messages, to look at and to delete."""

from __future__ import annotations

import json

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from campaigns.admin.base import KeysetModelAdmin
from tracking.models import StrayEvent, StrayMail

RAW_CHARACTERS = 20_000


class _LookOnly(KeysetModelAdmin):
    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: object = None) -> bool:
        return False


@admin.register(StrayEvent)
class StrayEventAdmin(_LookOnly):
    list_display = ("received_at", "esp", "kind", "recipient", "reason")
    list_filter = ("esp",)
    fields = ("received_at", "provider", "esp", "kind", "recipient", "reason", "payload_shown")
    readonly_fields = ("payload_shown",)

    @display(description="What the ESP said")
    def payload_shown(self, stray: StrayEvent) -> str:
        return stray.payload


@admin.register(StrayMail)
class StrayMailAdmin(_LookOnly):
    list_display = ("received_at", "sender", "subject_shown", "recipient", "kind", "reason")
    fields = ("received_at", "sender", "recipient", "subject", "reason", "report_shown", "size_bytes", "raw_shown")
    readonly_fields = ("report_shown", "raw_shown")

    @display(description="Subject")
    def subject_shown(self, stray: StrayMail) -> str:
        return stray.subject[:80] or "(none)"

    @display(description="Read as")
    def kind(self, stray: StrayMail) -> str:
        return str(stray.report.get("kind", ""))

    @display(description="What was read out of it")
    def report_shown(self, stray: StrayMail) -> str:
        return json.dumps(stray.report, indent=2, ensure_ascii=False)

    @display(description="How the message begins")
    def raw_shown(self, stray: StrayMail) -> str:
        return bytes(stray.raw).decode(errors="replace")[:RAW_CHARACTERS]
