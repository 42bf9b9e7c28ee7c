"""The form of a reply rule: what is wrong is named, with the cure, before any mail is judged by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from campaigns.addresses import MAILBOX_GROUPS
from delivery.engine.phrases import parse_phrase
from delivery.engine.rule import codes_pattern, enhanced_pattern
from delivery.engine.rules import ESP_RULES, RULES
from delivery.models import ReplyRule
from delivery.reply_rules import lines_of

GROUPS = [("", "Every group"), *((group, group) for group in MAILBOX_GROUPS)]
MAX_LINES = 100
LONGEST_PAUSE_MINUTES = 1440
BUILT_IN_NAMES = frozenset(rule.name for rule in (*RULES, *ESP_RULES))
PHRASE_HELP = (
    "One phrase a line; one of them in the reply is enough. Write words as the server says them; * between words stands"
    " for up to eight others, * in a word for its rest, # for digits, | between two words for a choice. Case and"
    " punctuation do not count; @ stands for any address."
)


class ReplyRuleForm(forms.ModelForm):
    mailbox_group = forms.ChoiceField(
        choices=GROUPS,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="Only replies to recipients of this group.",
    )

    class Meta:
        model = ReplyRule
        fields = (
            "name", "position", "is_active", "outcome", "reason", "codes", "enhanced", "phrases", "unless",
            "mailbox_group", "provider", "pause_minutes",
        )  # fmt: skip
        help_texts = {
            "name": "Shown beside e-mails; letters, digits and hyphens.",
            "position": "Small numbers are looked at first.",
            "reason": "A sentence for the person who reads the e-mail's page.",
            "codes": "Such as 550, or 55*; several with commas between them. Any code when left empty.",
            "enhanced": "Such as 5.7.1, 5.7.*, *.2.2 or 5.7.23-27. Any when left empty.",
            "phrases": PHRASE_HELP,
            "unless": "With one of these phrases in the reply the rule does not count. Written as above.",
            "pause_minutes": "Nothing more is sent to this group by this provider for so long.",
        }

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name in BUILT_IN_NAMES:
            raise forms.ValidationError(f"A built-in rule is called {name}. Choose another name, such as our-{name}.")
        return name

    def clean_pause_minutes(self) -> int | None:
        minutes: int | None = self.cleaned_data["pause_minutes"]
        if minutes is not None and not 1 <= minutes <= LONGEST_PAUSE_MINUTES:
            raise forms.ValidationError("A pause takes a minute at least and a day at most; none when left empty.")
        return minutes

    def clean_codes(self) -> str:
        return self.checked("codes", codes_pattern)

    def clean_enhanced(self) -> str:
        return self.checked("enhanced", enhanced_pattern)

    def clean_phrases(self) -> str:
        return self.checked_lines("phrases")

    def clean_unless(self) -> str:
        return self.checked_lines("unless")

    def checked(self, name: str, read: Callable[[str], object]) -> str:
        text: str = self.cleaned_data[name].strip()
        try:
            read(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        return text

    def checked_lines(self, name: str) -> str:
        lines = lines_of(self.cleaned_data[name])
        if len(lines) > MAX_LINES:
            raise forms.ValidationError(f"{MAX_LINES} phrases are the most for one rule; make a second rule.")
        errors = []
        for number, line in enumerate(lines, 1):
            try:
                parse_phrase(line)
            except ValueError as error:
                errors.append(f"Line {number}: {error}")
        if errors:
            raise forms.ValidationError(errors)
        return "\n".join(lines)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        conditions = ("codes", "enhanced", "phrases")
        if not self.errors.keys() & set(conditions) and not any(values.get(name) for name in conditions):
            raise forms.ValidationError("A rule without a condition would match every reply: give codes or phrases.")
        if values.get("outcome") == ReplyRule.Outcome.HARD and not self.names_permanent_codes(values):
            self.add_error(
                "codes",
                "A hard bounce suppresses the address for good: name codes that begin with 5, such as 550 or 5*, so"
                " that no temporary refusal can do that.",
            )
        return values

    def names_permanent_codes(self, values: dict[str, Any]) -> bool:
        """True where only permanent refusals can match, or where the codes are wrong already."""
        codes = [part.strip() for part in values.get("codes", "").split(",") if part.strip()]
        return "codes" in self.errors or (bool(codes) and all(code.startswith("5") for code in codes))
