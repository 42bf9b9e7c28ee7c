"""The form of a provider: the fields of its kind, secrets that go in and never come out again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from campaigns import crypto
from delivery import outgoing
from delivery.admin.provider_limits import LIMIT_FIELDS
from delivery.esp.kinds import KINDS, is_loopback, problems
from delivery.models import Provider

DEFAULT_PORTS = "Usually 587 with STARTTLS, 465 with TLS, 25 with none."
KEPT = "Stored encrypted and never shown again. Leave empty to keep the stored one."
SMTP_FIELDS = ("host", "port", "security", "username", "password", "chunking", "local_address")
SECRETS = ("api_key", "secret_key")
OPTIONS = ("domain", "region", "message_stream", "configuration_set", "api_url")
OPTION_HELP = {
    "domain": "The domain that the account sends from, such as mail.example.com.",
    "region": "Amazon SES: the region's code, such as eu-central-1. Others: empty, or eu for accounts kept in Europe.",
    "message_stream": "Empty for the server's default one. Mail to lists needs a broadcast stream, such as broadcast.",
    "configuration_set": "The one that publishes events to us; empty for the account's default one.",
    "api_url": "Empty for the ESP's own. Only for a proxy or a test server.",
}
LABELS = {
    "api_key": "API key",
    "secret_key": "Secret key",
    "domain": "Sending domain",
    "region": "Region",
    "message_stream": "Message stream",
    "configuration_set": "Configuration set",
    "api_url": "API address",
}
SECRET_HELP = {
    "api_key": f"Amazon SES: the access key ID. Postmark: the server API token. {KEPT}",
    "secret_key": f"Amazon SES: the secret access key; both empty for the machine's own role. {KEPT}",
}
CONNECTION = ("host", ("port", "security"), "username", "password", "chunking", *OPTIONS[:4], *SECRETS, "api_url")


def shown_for() -> dict[str, str]:
    """The kinds that each field belongs to, as conditions of the form's script (Alpine)."""
    kinds = {name: [Provider.Kind.SMTP.value] for name in SMTP_FIELDS}
    for name in (*SECRETS, *OPTIONS):
        kinds[name] = [kind.name for kind in KINDS.values() if name in kind.secrets or name in kind.all_options]
    kinds["batch_size"] = [kind.name for kind in KINDS.values() if kind.max_recipients > 1]
    # somebody who may only look has no form: there `kind` is nothing that a script knows
    return {name: f"typeof kind === 'undefined' || {names!r}.includes(kind)" for name, names in kinds.items()}


def _text(name: str) -> forms.CharField:
    return forms.CharField(
        label=LABELS[name],
        required=False,
        max_length=253,
        widget=UnfoldAdminTextInputWidget(),
        help_text=OPTION_HELP[name],
    )


def _secret(label: str, help_text: str, *, strip: bool) -> forms.CharField:
    widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, required=False, widget=widget, strip=strip, help_text=help_text)


def _refusal(url: str) -> str:
    """Why this API address may not be typed in, "" where it may: it must not lead into the house, as no webhook may."""
    # a test server beside an installation that is one machine's own
    if not url or (settings.EMBEDDED and is_loopback(url)):
        return ""
    try:
        outgoing.check_url(url)
    except outgoing.UrlRefused as error:
        return str(error)
    return ""


class ProviderForm(forms.ModelForm):
    password = _secret("Password", KEPT, strip=False)
    api_key = _secret(LABELS["api_key"], SECRET_HELP["api_key"], strip=True)
    secret_key = _secret(LABELS["secret_key"], SECRET_HELP["secret_key"], strip=True)
    domain = _text("domain")
    region = _text("region")
    message_stream = _text("message_stream")
    configuration_set = _text("configuration_set")
    api_url = _text("api_url")

    class Meta:
        model = Provider
        fields = (
            "name", "kind", "host", "port", "security", "username", "password", "chunking", *LIMIT_FIELDS,
        )  # fmt: skip
        help_texts = {"port": DEFAULT_PORTS, "security": "How the connection is encrypted."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in OPTIONS:
            if name in self.fields:  # somebody who may only look has a form without them
                self.fields[name].initial = self.instance.options.get(name, "")
        self._stored = self._opened() if self.instance.pk else {}
        self._stored_kind = self.instance.kind if self.instance.pk else None
        self._stored_host = self.instance.host
        self._stored_url = self.instance.options.get("api_url", "")

    def _opened(self) -> dict[str, str]:
        try:
            return self.instance.credentials
        except crypto.SecretUnreadable:  # no key opens the old ones: what is typed now replaces them
            return {}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        kind = KINDS.get(values.get("kind", ""))
        if kind is not None:
            self._clean_esp(values)
        elif "kind" in values:
            self._clean_smtp(values)
        return values

    def _clean_smtp(self, values: dict[str, Any]) -> None:
        host = values["host"] = (values.get("host") or "").strip()
        if not host:
            self.add_error("host", "Write the name of the server, such as smtp.example.com.")
        elif "/" in host or " " in host or "@" in host:
            self.add_error("host", "Write the name of the server only, such as smtp.example.com.")
        if values.get("password") and not values.get("username"):
            self.add_error("username", "A password needs a user name beside it.")
        if values.get("username") and not values.get("password"):
            if not self.kept_secrets().get("password"):
                self.add_error("password", "A user name needs its password.")
            elif host != self._stored_host:
                # else whoever may change a provider could have its password sent to a server of his own
                self.add_error("password", "Another server needs the password typed again.")

    def _clean_esp(self, values: dict[str, Any]) -> None:
        kind = KINDS[values["kind"]]
        kept = self.kept_secrets()
        secrets = {name: values.get(name) or kept.get(name, "") for name in kind.secrets}
        options = {name: values[name] for name in kind.all_options if values.get(name)}
        wrong = problems(kind, {name: text for name, text in secrets.items() if text}, options)
        if (url := options.get("api_url", "")) != self._stored_url:
            # else whoever may change a provider could have its keys sent to an address of his own, and read them there
            again = [name for name in kind.secrets if kept.get(name) and not values.get(name)]
            wrong |= dict.fromkeys(again, "Another API address needs the key typed again.")
            if not wrong and (refusal := _refusal(url)):
                wrong["api_url"] = refusal
        for name, words in wrong.items():
            self.add_error(name, words)
        if values.get("batch_size") and values["batch_size"] > kind.max_recipients:
            self.add_error("batch_size", f"{kind.label} takes {kind.max_recipients} recipients a call at most.")

    def kept_secrets(self) -> dict[str, str]:
        """The stored secrets, as long as they are of the chosen kind: a password is no API key."""
        return dict(self._stored) if self.cleaned_data.get("kind") == self._stored_kind else {}

    def save(self, commit: bool = True) -> Any:
        kind = KINDS.get(self.cleaned_data["kind"])
        self.instance.credentials = self._secrets_to_store()
        names = kind.all_options if kind else ()
        self.instance.options = {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name)}
        if kind is not None:
            self.instance.host = self.instance.username = ""
            self.instance.local_address = None
        else:
            self.instance.batch_size = None
        return super().save(commit)

    def _secrets_to_store(self) -> dict[str, str]:
        secrets = self.kept_secrets()
        kind = KINDS.get(self.cleaned_data["kind"])
        for name in kind.secrets if kind else ("password",):
            if self.cleaned_data.get(name):
                secrets[name] = self.cleaned_data[name]
        if kind is None and not self.cleaned_data.get("username"):
            secrets.pop("password", None)
        return secrets
