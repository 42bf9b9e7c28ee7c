"""The rules of opens and clicks: all of them in their order, an operator's own beside the built-in ones."""

from __future__ import annotations

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminIntegerFieldWidget

from campaigns.admin.base import finish
from campaigns.admin.rows import NeverEdited
from campaigns.models import Campaign
from tracking import enqueue, reclassify
from tracking.admin.visitor_rule_form import VisitorRuleForm
from tracking.models import Reclassification, VisitorRule
from tracking.models.visitor_rule import lines_of

CHANGE = "tracking.change_visitorrule"
VARIANTS = {"human": "success", "machine": "default", "unsure": "warning"}


class ApplyForm(BaseDialogForm):
    """Which stored events are judged again."""

    campaign = forms.IntegerField(
        required=False,
        min_value=1,
        label="Campaign",
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Its number, as in the address of its page. Empty: all campaigns and messages.",
    )
    since = forms.DateTimeField(
        required=False,
        label="Since",
        widget=UnfoldAdminDateWidget(attrs={"type": "date"}),
        help_text="Only opens and clicks from this day on. Empty: everything that is kept.",
    )

    def clean_campaign(self) -> int | None:
        number: int | None = self.cleaned_data["campaign"]
        if number and not Campaign.objects.filter(pk=number).exists():
            raise forms.ValidationError(f"There is no campaign {number}.")
        return number


@admin.register(VisitorRule)
class VisitorRuleAdmin(ModelAdmin):
    form = VisitorRuleForm
    list_display = ("name", "who_badge", "reason", "conditions", "position", "is_active", "built_in")
    sortable_by = ()
    search_fields = ("name", "reason", "phrases")
    search_help_text = "Search by name, reason or phrase"
    actions = None
    actions_list = ("apply_to_stored",)
    fieldsets = (
        (None, {"fields": ("name", "position", "is_active")}),
        ("What it says", {"fields": ("who", "reason")}),
        ("When it counts", {"fields": ("kind", "agent", "phrases", "method", "purposes", "claim")}),
        ("By the time of a click", {"fields": (("within_seconds", "links"),)}),
    )

    def get_readonly_fields(self, _request: HttpRequest, obj: VisitorRule | None = None) -> tuple[str, ...]:
        if obj is None or not obj.is_built_in:
            return ()
        return tuple(name for name in VisitorRuleForm.Meta.fields if name not in ("position", "is_active"))

    def has_delete_permission(self, request: HttpRequest, obj: VisitorRule | None = None) -> bool:
        """A built-in rule is switched off: deleted, it would come back with the next update."""
        return super().has_delete_permission(request, obj) and not (obj and obj.is_built_in)

    def has_apply_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm(CHANGE)

    @action(
        description="Apply to stored events",
        icon="history",
        permissions=["apply"],
        dialog={
            "title": "Judge stored opens and clicks again?",
            "description": "By the rules as they are now. Reports, first opens, first clicks and counts follow.",
            "form_class": ApplyForm,
            "form_submit_text": "Begin",
        },
    )
    def apply_to_stored(self, request: HttpRequest, form: ApplyForm) -> HttpResponse:
        asked = form.cleaned_data
        job = reclassify.start(campaign_id=asked["campaign"], since=asked["since"], by=request.user.get_username())
        enqueue.reclassify(job.pk)
        messages.success(
            request, "Stored opens and clicks are being judged again. This page shows how far it has come."
        )
        return finish(request, reverse("admin:tracking_reclassification_changelist"))

    @display(description="Then it was", label=VARIANTS)
    def who_badge(self, rule: VisitorRule) -> tuple[str, str]:
        return rule.who, rule.get_who_display()

    @display(description="Built in", boolean=True)
    def built_in(self, rule: VisitorRule) -> bool:
        return rule.is_built_in

    @display(description="When")
    def conditions(self, rule: VisitorRule) -> str:
        phrases = lines_of(rule.phrases)
        more = f" and {len(phrases) - 1} more" if len(phrases) > 1 else ""
        listed = f" “{phrases[0]}”{more}" if phrases else ""
        parts = [
            rule.get_kind_display() if rule.kind else "",
            f"user agent {rule.get_agent_display().removesuffix(' one of')}{listed}" if rule.agent else "",
            rule.method,
            f"purpose {', '.join(lines_of(rule.purposes))}" if rule.purposes else "",
            "the ESP says so" if rule.claim else "",
            f"{rule.links} links within {rule.within_seconds:g} s" if rule.links and rule.within_seconds else "",
            f"under {rule.within_seconds:g} s after delivery" if rule.within_seconds and not rule.links else "",
        ]
        return ", ".join(part for part in parts if part)


@admin.register(Reclassification)
class ReclassificationAdmin(NeverEdited, ModelAdmin):
    """What became of each time that stored events were judged again."""

    list_display = ("created_at", "scope", "progress", "looked_at", "changed", "at_cursor", "by")
    list_display_links = None
    sortable_by = ()
    actions = None

    @display(description="Events of")
    def scope(self, job: Reclassification) -> str:
        return str(job)

    @display(description="State", label={"Done": "success", "Running": "info"})
    def progress(self, job: Reclassification) -> str:
        return "Done" if job.finished_at else "Running"
