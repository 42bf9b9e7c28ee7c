"""Segments: a condition on leads, said back in words, counted live, with a sample of who is meant."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display

from campaigns import segments
from campaigns.admin import registry
from campaigns.admin.base import demand, guarded
from campaigns.admin.fields import JSONTextField
from campaigns.models import Segment

EXAMPLE = {
    "all": [
        {"field": "status", "op": "is", "value": "subscribed"},
        {"any": [{"field": "language", "op": "is", "value": "en"}, {"field": "tags", "op": "has", "value": "vip"}]},
    ]
}
SAMPLE_SIZE = 10


class SegmentForm(forms.ModelForm):
    condition = JSONTextField(rows=16, help_text="Who is meant, as JSON: nested all, any and not over conditions.")

    class Meta:
        model = Segment
        fields = ("name", "condition")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "condition" not in self.fields:
            return
        if self.instance.pk is None:
            self.fields["condition"].initial = EXAMPLE
        self.fields["condition"].widget.attrs.update(
            {
                "hx-post": reverse("admin:campaigns_segment_count"),
                "hx-trigger": "load, input changed delay:600ms",
                "hx-target": "#segment-count",
                "hx-sync": "this:replace",
            }
        )

    def clean_condition(self) -> Any:
        condition = self.cleaned_data["condition"]
        try:
            segments.validate(condition)
        except segments.SegmentInvalid as error:
            raise forms.ValidationError([str(one) for one in error.errors]) from error
        return condition


@admin.register(Segment)
class SegmentAdmin(ModelAdmin):
    form = SegmentForm
    list_display = ("name", "in_words", "updated_at")
    search_fields = ("name",)
    search_help_text = "Search by name"
    sortable_by = ("name",)
    list_per_page = 50
    actions = None
    change_form_template = "admin/campaigns/segment/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        return [path("count/", guarded(count_view), name="campaigns_segment_count"), *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> TemplateResponse | HttpResponse:
        segment: Segment | None = kwargs.get("obj")
        if segment is not None:
            context["condition_text"] = json.dumps(segment.condition)
        if segment is None or self.has_change_permission(request, segment):
            context["helpers"] = registry.segment_helpers(request)
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description="Who is meant")
    def in_words(self, segment: Segment) -> str:
        try:
            return segments.describe(segment.condition)
        except segments.SegmentInvalid as error:
            return f"Not usable: {error.errors[0]}"


@require_POST
def count_view(request: HttpRequest) -> HttpResponse:
    """The fragment under the condition: words, count and sample, or what is wrong. Changes nothing; POST because a
    condition may be longer than an address."""
    demand(request, "campaigns.view_segment")
    return render(request, "admin/campaigns/segment/count.html", examine(request, request.POST.get("condition", "")))


def examine(request: HttpRequest, text: str) -> dict[str, Any]:
    """What to show about a condition as typed."""
    try:
        condition = json.loads(text)
    except json.JSONDecodeError as error:
        return {"errors": [f"This is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."]}
    except RecursionError:
        return {"errors": ["This is nested far too deeply."]}
    try:
        words = segments.describe(condition)
        total = segments.count(condition)
    except segments.SegmentInvalid as error:
        return {"errors": [str(one) for one in error.errors]}
    except segments.CountTimedOut as error:
        return {"words": words, "slow": str(error)}
    found: dict[str, Any] = {"words": words, "total": total}
    if request.user.has_perm("campaigns.view_lead"):
        try:
            found["leads"] = segments.sample(condition, SAMPLE_SIZE)
        except segments.CountTimedOut:
            found["leads"] = []
    return found
