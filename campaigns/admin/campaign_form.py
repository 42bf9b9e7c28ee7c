"""The form of a draft: what cannot be sent is said at the field where it stands."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from campaigns.admin.fields import CodeTextarea
from campaigns.admin.pace import PaceForm
from campaigns.content import ContentSource, Problem, check_content
from campaigns.content.merge_tags import ContentKind
from campaigns.models import Campaign, Template
from campaigns.services.headers import check_headers
from campaigns.services.pace import Pace
from campaigns.services.preview import known_attributes

COPIED = ("subject", "preheader", "body_format", "body", "text")


def place_problems(form: forms.BaseForm, problems: tuple[Problem, ...]) -> None:
    """Put the errors among `problems` to the fields they are about."""
    for problem in problems:
        if problem.is_error and problem.part in form.fields:
            form.add_error(problem.part, at_place(problem))


def at_place(problem: Problem) -> ValidationError:
    message = problem.message[:1].upper() + problem.message[1:]
    return ValidationError(f"Line {problem.line}, column {problem.column}: {message}", code=problem.code)


def sentence(problem: Problem) -> str:
    """A problem as a line of a list."""
    return str(problem)


class WrittenForm(forms.ModelForm):
    """Shared by campaigns and templates: the content is compiled, and what is wrong stands at its field."""

    content_problems: tuple[Problem, ...] = ()
    content_kind: ContentKind = "campaign"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, rows in (("body", 26), ("text", 8)):
            if name in self.fields:
                self.fields[name].widget = CodeTextarea(rows)
        if "subject" in self.fields:
            self.fields["subject"].widget = UnfoldAdminTextInputWidget({"class": "mm-wide"})
            self.fields["subject"].help_text = "Merge tags such as {{ lead.first_name | default: 'there' }} work here."
        if "preheader" in self.fields:
            self.fields["preheader"].help_text = "The line that inboxes show after the subject."

    def written(self) -> ContentSource | None:
        """What was typed, or None while a field is missing."""
        values = {name: self.cleaned_data.get(name) for name in COPIED}
        if any(value is None for value in values.values()):
            return None
        is_html = values["body_format"] == "html"
        return ContentSource(
            str(values["subject"]),
            str(values["preheader"]),
            str(values["body"]),
            "html" if is_html else "mjml",
            str(values["text"]),
        )

    def check_written(self) -> None:
        source = self.written()
        if source is not None:
            self.content_problems = check_content(source, kind=self.content_kind, attributes=known_attributes())
            place_problems(self, self.content_problems)


class CampaignForm(PaceForm, WrittenForm):
    """A draft. A chosen template fills what was left empty; on the page its content is copied at once."""

    class Meta:
        model = Campaign
        fields = (
            *COPIED,
            "name",
            "from_name",
            "from_email",
            "reply_to",
            "template",
            "segment",
            "mailing_list",
            "topic",
            "priority",
            *Pace().fields(),
            "by_local_time",
            "ignores_frequency_cap",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("subject", "body"):
            if name in self.fields:
                self.fields[name].required = False
        if "template" in self.fields:
            self.fields["template"].help_text = "Copies its subject and body into this campaign; later changes of the "
            self.fields["template"].help_text += "template do not reach it."
            # the admin wraps the select into one with buttons, whose attributes are not drawn
            drawn: Any = self.fields["template"].widget
            widget = getattr(drawn, "widget", drawn)
            widget.attrs["data-copies-template"] = reverse("admin:campaigns_template_content", args=[0])
        if "ignores_frequency_cap" in self.fields:
            words = "For notices that everybody must get. They are neither held back by the cap nor counted by it."
            self.fields["ignores_frequency_cap"].help_text = words
        if "priority" in self.fields:
            self.fields["priority"].widget = UnfoldAdminSelectWidget(choices=priorities())

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        self.fill_from_template(values)
        for name in ("subject", "body"):
            if name in self.fields and name not in self.errors and not (values.get(name) or "").strip():
                self.add_error(name, f"Write a {name}, or choose a template that has one.")
        if values.get("segment") and values.get("mailing_list"):
            self.add_error("mailing_list", "Choose a segment or a list, not both.")
        if not self.errors:
            self.check_written()
        self.check_typed_pace()
        return values

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, which its stubs leave out
        if self.errors:
            return
        for problem in check_headers(self.instance):
            self.add_error(field_of(problem), problem.message[:1].upper() + problem.message[1:])

    def fill_from_template(self, values: dict[str, Any]) -> None:
        template: Template | None = values.get("template")
        if template is None:
            return
        if not (values.get("body") or "").strip():
            for name in ("body", "body_format", "text"):
                values[name] = getattr(template, name)
        for name in ("subject", "preheader"):
            if not (values.get(name) or "").strip():
                values[name] = getattr(template, name)


def field_of(problem: Problem) -> str | None:
    """The field that a problem of the headers is about; None for the form as a whole."""
    by_code = {"from-address": "from_email", "reply-to-address": "reply_to", "no-name": "name", "priority": "priority"}
    by_part = {
        "sender": "from_name",
        "campaign": "name",
        "subject": "subject",
        "preheader": "preheader",
        "body": "body",
    }
    return by_code.get(problem.code) or by_part.get(problem.part)


def priorities() -> list[tuple[int, str]]:
    words = {0: "0, whenever there is room", 5: "5, normal", 9: "9, before everything else"}
    return [(number, words.get(number, str(number))) for number in range(9, -1, -1)]
