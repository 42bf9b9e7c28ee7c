"""The form of a webhook: what would be refused later is said at once."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from delivery import outgoing
from tracking.hooks.kinds import KINDS
from tracking.models import WebhookEndpoint

MAX_TAGS = 20


class TagsField(forms.CharField):
    """Tags with commas between them, to and from a list."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        return list(dict.fromkeys(tag.strip() for tag in str(value or "").split(",") if tag.strip()))

    def validate(self, value: Any) -> None:
        super().validate(value)
        if len(value) > MAX_TAGS or any(len(tag) > 100 for tag in value):
            raise forms.ValidationError(f"At most {MAX_TAGS} tags of up to 100 characters.")

    def run_validators(self, _value: Any) -> None:
        """Those of CharField are about a text, and `validate` has looked at each tag."""


class WebhookForm(forms.ModelForm):
    url = forms.CharField(
        label="Address",
        max_length=2000,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "url", "placeholder": "https://hooks.example.com/mail"}),
        help_text="Events are posted here as JSON, signed after Standard Webhooks.",
    )
    kinds = forms.MultipleChoiceField(
        label="Events",
        choices=[(name, f"{name}: {words}") for name, words in KINDS.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )
    tags = TagsField(
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Only transactional messages with one of these, commas between them. Everything when left empty.",
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("name", "url", "is_active", "kinds", "stream", "tags", "people_only")

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"]).strip()
        try:
            outgoing.check_url(url)
        except outgoing.UrlRefused as error:
            raise forms.ValidationError(str(error)) from error
        return url
