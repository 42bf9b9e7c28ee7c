"""When each stream tries again: the numbers, and in words what they mean."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.validators import MaxValueValidator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from delivery import retry_policies, retry_words
from delivery.engine.retry import DEFAULT
from delivery.models import Pool, RetryPolicy

MOST_RETRIES = 10
LONGEST_MINUTES = 7 * 24 * 60
MINUTES = {"soft_minutes", "throttle_minutes", "block_minutes"}


class WaitsField(forms.CharField):
    """Waits with commas between them; minutes in Python."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> str:
        return retry_words.written(value) if isinstance(value, list) else str(value or "")

    def to_python(self, value: Any) -> list[int]:  # type: ignore[override]  # a text in the form, a list behind it
        try:
            return retry_words.parse_waits(value or "")
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def validate(self, value: Any) -> None:
        if len(value) > MOST_RETRIES:
            raise forms.ValidationError(f"{MOST_RETRIES} retries are the most.")
        if any(not 1 <= minutes <= LONGEST_MINUTES for minutes in value):
            raise forms.ValidationError("A wait takes a minute at least and seven days at most.")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.prepare_value(initial) != data


class RetryPolicyForm(forms.ModelForm):
    transient_minutes = WaitsField(
        label="After temporary failures",
        required=False,
        help_text="One wait for each retry, such as 10 min, 1 h, 6 h; chance shortens each by up to a half. "
        "Dead letter at once when left empty.",
    )

    class Meta:
        model = RetryPolicy
        fields = (
            "stream", "transient_minutes", "soft_minutes", "soft_retries", "throttle_minutes", "block_minutes",
            "block_retries",
        )  # fmt: skip
        labels = {
            "soft_minutes": "Minutes between tries",
            "soft_retries": "Retries",
            "throttle_minutes": "Minutes of rest",
            "block_minutes": "Minutes before another provider tries",
            "block_retries": "Other providers that try",
        }
        help_texts = {
            "throttle_minutes": "Receivers ask for ten at least. A time that the server names is kept instead.",
            "block_retries": "One is enough: more of them spread a bad reputation.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stream = self.fields.get("stream")
        if stream is not None and not self.instance.pk:
            taken = set(RetryPolicy.objects.values_list("stream", flat=True))
            stream.choices = [choice for choice in Pool.Stream.choices if choice[0] not in taken]  # type: ignore[attr-defined]
        for name in MINUTES.intersection(self.fields):
            self.fields[name].validators.append(MaxValueValidator(LONGEST_MINUTES))


@admin.register(RetryPolicy)
class RetryPolicyAdmin(ModelAdmin):
    form = RetryPolicyForm
    list_display = ("stream_shown", "temporary", "full", "blocked")
    list_display_links = ("stream_shown",)
    sortable_by = ()
    actions = None
    list_before_template = "admin/delivery/retrypolicy/defaults.html"
    change_form_template = "admin/delivery/retrypolicy/change_form.html"
    fieldsets = (
        (None, {"fields": ("stream",)}),
        ("Temporary failures", {"fields": ("transient_minutes",)}),
        ("Full mailboxes", {"fields": (("soft_minutes", "soft_retries"),)}),
        ("Throttled", {"fields": ("throttle_minutes",)}),
        ("Blocked", {"fields": (("block_minutes", "block_retries"),)}),
    )

    def get_readonly_fields(self, _request: HttpRequest, obj: RetryPolicy | None = None) -> tuple[str, ...]:
        return ("stream",) if obj else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        # asked by every page of the admin, for its menus
        taken = set(RetryPolicy.objects.values_list("stream", flat=True))
        return super().has_add_permission(request) and taken != set(Pool.Stream.values)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        context = {"lines": retry_words.describe(DEFAULT), **(extra_context or {})}
        return super().changelist_view(request, context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> TemplateResponse | HttpResponse:
        row: RetryPolicy | None = kwargs.get("obj")
        context["lines"] = retry_words.describe(retry_policies.policy_of(row) if row else DEFAULT)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: RetryPolicy, form: RetryPolicyForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        retry_policies.forget()

    def delete_model(self, request: HttpRequest, obj: RetryPolicy) -> None:
        super().delete_model(request, obj)
        retry_policies.forget()

    @display(description="Stream")
    def stream_shown(self, row: RetryPolicy) -> str:
        return row.get_stream_display()

    @display(description="Temporary failure")
    def temporary(self, row: RetryPolicy) -> str:
        return self.words(row, 0)

    @display(description="Mailbox full")
    def full(self, row: RetryPolicy) -> str:
        return self.words(row, 1)

    @display(description="Blocked")
    def blocked(self, row: RetryPolicy) -> str:
        return self.words(row, 3)

    def words(self, row: RetryPolicy, place: int) -> str:
        return retry_words.describe(retry_policies.policy_of(row))[place].then
