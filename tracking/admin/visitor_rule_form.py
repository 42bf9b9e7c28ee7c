"""The form of a rule of opens and clicks: what is wrong is named, with the cure, before anything is judged by it."""

from __future__ import annotations

from typing import Any

from django import forms

from tracking.models import VisitorRule
from tracking.models.visitor_rule import lines_of
from tracking.who import GAP
from tracking.who_table import BUILT_IN

MAX_LINES = 200
LONGEST_LINE = 200
FEWEST_LETTERS = 3
BUILT_IN_NAMES = frozenset(rule.name for rule in BUILT_IN)
CONDITIONS = ("agent", "method", "purposes", "claim", "within_seconds")


class VisitorRuleForm(forms.ModelForm):
    class Meta:
        model = VisitorRule
        fields = (
            "name", "position", "is_active", "who", "reason", "kind", "agent", "phrases", "method", "purposes", "claim",
            "within_seconds", "links",
        )  # fmt: skip
        help_texts = {
            "reason": "A few words, kept with each event and shown in reports.",
            "phrases": "One a line; one of them is enough. * stands for any characters, capitals do not count.",
            "purposes": "One a line, such as prefetch: words in Purpose, Sec-Purpose, X-Purpose or X-Moz.",
            "within_seconds": "Clicks sooner than this after delivery. Judged after all rules without a time.",
            "links": "Instead of the delivery: so many different links of one e-mail clicked within that time.",
        }

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name in BUILT_IN_NAMES:
            raise forms.ValidationError(f"A built-in rule is called {name}. Choose another name, such as our-{name}.")
        return name

    def clean_phrases(self) -> str:
        return self.checked("phrases")

    def clean_purposes(self) -> str:
        return self.checked("purposes")

    def checked(self, name: str) -> str:
        lines = lines_of(self.cleaned_data[name])
        if len(lines) > MAX_LINES:
            raise forms.ValidationError(f"{MAX_LINES} lines are the most for one rule; make a second rule.")
        for number, line in enumerate(lines, 1):
            if len(line) > LONGEST_LINE or len(line.replace(GAP, "")) < FEWEST_LETTERS:
                raise forms.ValidationError(
                    f"Line {number}: write {FEWEST_LETTERS} to {LONGEST_LINE} characters, or it matches too much."
                )
        return "\n".join(lines)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if self.instance.is_built_in or self.errors:
            return values
        wants_phrases = values.get("agent") in ("contains", "begins", "is")
        if wants_phrases != bool(values.get("phrases")):
            self.add_error(
                "phrases",
                "Write what the user agent is compared with." if wants_phrases else "Choose how they are compared.",
            )
        if values.get("links") and not values.get("within_seconds"):
            self.add_error("within_seconds", "Say within how many seconds so many links are clicked.")
        if values.get("within_seconds") and values.get("kind") != "click":
            self.add_error("kind", "Only clicks are judged by their time: an open mail program loads images at once.")
        if not any(values.get(name) for name in CONDITIONS):
            raise forms.ValidationError("A rule without a condition would match everything: give it one.")
        return values
