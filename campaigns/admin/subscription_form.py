"""Forms by which people subscribe: what they ask, how they look, and the lines to paste into a page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from campaigns import questions
from campaigns.models import SubscriptionForm

QUESTIONS_HELP = (
    "One a line: the field, a bar, what people read; “| required” behind it where it must be answered. Fields: "
    "first_name, last_name, language, or an attribute such as attributes.city."
)


class FormForm(forms.ModelForm):
    """questions are edited as lines of text."""

    asked = forms.CharField(
        label="Questions beside the address", required=False, help_text=QUESTIONS_HELP,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5, "placeholder": "first_name | First name"}),
    )  # fmt: skip

    class Meta:
        model = SubscriptionForm
        fields = (
            "name", "slug", "is_active", "lists", "people_choose_lists", "topics", "title", "intro", "wording",
            "button", "thank_you", "return_urls", "double_opt_in", "expiry_hours", "sender_name", "sender_email",
            "confirm_subject", "confirm_text", "logo_url", "colour", "footer",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("intro", "wording", "thank_you", "return_urls", "confirm_text", "footer"):
            if name in self.fields:
                self.fields[name].widget.attrs["rows"] = 3
        if "asked" in self.fields:
            self.fields["asked"].initial = questions.write_lines(questions.from_json(self.instance.questions))

    def clean_asked(self) -> list[dict[str, Any]]:
        try:
            return [question.as_json() for question in questions.read_lines(self.cleaned_data["asked"])]
        except questions.QuestionInvalid as error:
            raise forms.ValidationError(str(error)) from error

    def clean_return_urls(self) -> str:
        lines = [line.strip() for line in self.cleaned_data["return_urls"].splitlines() if line.strip()]
        for number, line in enumerate(lines, start=1):
            if not is_web_address(line):
                raise forms.ValidationError(
                    f"Line {number} is no whole address. Write it as https://www.example.com/thanks."
                )
        return "\n".join(lines)

    def clean_logo_url(self) -> str:
        url: str = self.cleaned_data["logo_url"].strip()
        if url and not (url.startswith("https://") and is_web_address(url)):
            raise forms.ValidationError("The logo must be at an address that begins with https://.")
        return url

    def save(self, commit: bool = True) -> Any:
        self.instance.questions = self.cleaned_data["asked"]
        return super().save(commit)


def is_web_address(text: str) -> bool:
    """An absolute http(s) address without anything that could end a header or a policy."""
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not set(text) & set(" ;,'\"<>\t")


@admin.register(SubscriptionForm)
class SubscriptionFormAdmin(ModelAdmin):
    form = FormForm
    list_display = ("name", "address", "lists_shown", "is_active", "double_opt_in")
    search_fields = ("name", "slug")
    search_help_text = "Search by name or address"
    list_per_page = 50
    actions = None
    filter_horizontal = ("lists", "topics")
    prepopulated_fields = {"slug": ("name",)}
    readonly_fields = ("address", "frame_snippet", "html_snippet", "wording_version")
    fieldsets = (
        ("Form", {"fields": (("name", "slug"), "is_active", "lists", "people_choose_lists", "topics")}),
        ("Words", {"fields": ("title", "intro", "asked", "wording", "wording_version", "button", "thank_you")}),
        ("Afterwards", {"fields": ("return_urls",)}),
        (
            "Confirmation",
            {
                "fields": (
                    "double_opt_in",
                    "expiry_hours",
                    ("sender_name", "sender_email"),
                    "confirm_subject",
                    "confirm_text",
                )
            },
        ),
        ("Looks", {"fields": ("logo_url", "colour", "footer")}),
        ("To paste into a page", {"fields": ("address", "frame_snippet", "html_snippet")}),
    )

    def save_model(self, request: HttpRequest, obj: SubscriptionForm, form: FormForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "wording" in form.changed_data:
            # in the database: two people who change it at once make two versions
            SubscriptionForm.objects.filter(pk=obj.pk).update(wording_version=F("wording_version") + 1)

    @display(description="Address")
    def address(self, form: SubscriptionForm) -> SafeString | str:
        url = url_of(form)
        return format_html('<a class="mm-link" href="{}" target="_blank">{}</a>', url, url) if form.pk else "-"

    @display(description="Lists")
    def lists_shown(self, form: SubscriptionForm) -> str:
        return ", ".join(form.lists.values_list("name", flat=True)) or "-"

    @display(description="As a frame")
    def frame_snippet(self, form: SubscriptionForm) -> SafeString | str:
        return copyable(frame_of(form), "As a frame") if form.pk else "Save the form first."

    @display(description="As HTML")
    def html_snippet(self, form: SubscriptionForm) -> SafeString | str:
        return copyable(html_of(form), "As HTML") if form.pk else "Save the form first."


def url_of(form: SubscriptionForm) -> str:
    """The address of the hosted page."""
    return f"{settings.TRACKING_URL}/f/{form.slug}"


def frame_of(form: SubscriptionForm) -> str:
    """The form in a frame: it brings its own looks, and nothing of the page around it is touched."""
    return (
        f'<iframe src="{url_of(form)}?embed=1" title="{escape(form.title)}" '
        'style="width:100%;max-width:32rem;height:44rem;border:0"></iframe>'
    )


def html_of(form: SubscriptionForm) -> str:
    """A plain form for the page's own looks. It has no stamp, so people press a second button on our page."""
    lines = [
        f'<form action="{url_of(form)}" method="post" accept-charset="utf-8">',
        '  <label>E-mail address <input type="email" name="email" required autocomplete="email"></label>',
    ]
    for one in questions.from_json(form.questions):
        needed = " required" if one.required else ""
        lines.append(f'  <label>{escape(one.label)} <input type="text" name="{one.field}"{needed}></label>')
    if form.people_choose_lists:
        for chosen in form.lists.all():
            box = f'<input type="checkbox" name="list" value="{chosen.pk}" checked>'
            lines.append(f"  <label>{box} {escape(chosen.shown_name)}</label>")
    for topic in form.topics.all():
        lines.append(f'  <input type="hidden" name="shown_topic" value="{topic.pk}">')
        box = f'<input type="checkbox" name="topic" value="{topic.pk}" checked>'
        lines.append(f"  <label>{box} {escape(topic.name)}</label>")
    lines += [
        f'  <label><input type="checkbox" name="consent" value="yes" required> {escape(form.wording)}</label>',
        f'  <button type="submit">{escape(form.button)}</button>',
        "</form>",
    ]
    return "\n".join(lines)


def copyable(text: str, label: str) -> SafeString:
    """The text in a box, with a button that copies it."""
    return format_html(
        '<textarea class="mm-snippet" readonly rows="{}" aria-label="{}">{}</textarea>'
        '<button type="button" class="mm-button" data-copies="{}">Copy</button>',
        min(18, text.count("\n") + 3),
        label,
        text,
        text,
    )
