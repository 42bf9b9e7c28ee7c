"""What each ESP's API takes, as data; and whether an account's settings are complete."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

# how many messages go with one request: "merge" fills placeholders in one text, "list" takes different messages
Way = Literal["merge", "list", "single"]

DEFAULT_RECIPIENTS = 50
ADDRESS_WORDS = "Write a web address such as https://api.example.com/v3/."
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_is_domain = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?:\.(?!-)[A-Za-z0-9-]{1,63})+").fullmatch
_is_region = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d").fullmatch
_is_key = re.compile(r"[!-~]*").fullmatch
_is_name = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch


SENDGRID_HEADERS = frozenset({"x-sg-id", "x-sg-eid", "received", "dkim-signature"})
MAILJET_HEADERS = frozenset(
    {
        "list-id", "x-feedback-id", "user-agent", "x-mailer", "x-csa-complaints", "x-mailjet-campaign",
        "x-mailjet-debug", "x-mailjet-prio", "x-mailjet-segmentation", "x-mailjet-trackclick", "x-mailjet-trackopen",
        "x-mj-customid", "x-mj-errormessage", "x-mj-eventpayload", "x-mj-mid", "x-mj-statisticscontactslistid",
        "x-mj-templateerrordeliver", "x-mj-templateerrorreporting", "x-mj-templateid", "x-mj-templatelanguage",
        "x-mj-vars", "x-mj-workflowid", "authentication-results", "delivered-to", "dkim-signature",
        "domainkey-status", "received", "received-spf", "sender",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EspKind:
    """One ESP.

    max_recipients: a request at most. urls: base URL of the API by region; "" is the region of accounts that name none.
    own_headers: in lower case, those that the ESP writes itself: a message that brings one is refused.
    placeholder: what the ESP fills in, "{}" standing for a name; only for the way "merge".
    secrets, options: name to the words for it; the options that must be given stand in `required`.
    check_path: of a GET that answers whoever has the right key and changes nothing, relative to the base URL.
    """

    name: str
    label: str
    way: Way
    max_recipients: int
    urls: Mapping[str, str]
    check_path: str
    secrets: Mapping[str, str] = field(default_factory=lambda: {"api_key": "API key"})
    options: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    placeholder: str = "{}"
    own_headers: frozenset[str] = frozenset()

    @property
    def all_options(self) -> dict[str, str]:
        """The options that an account of this kind may have."""
        return {**self.options, "api_url": "API address"}


# Sources: the ESPs' API references. Mailjet takes 50 messages a call, Resend 100, Postmark 500, Brevo 1,000 versions,
# Mailgun and SendGrid 1,000 recipients.
KINDS: Mapping[str, EspKind] = {
    kind.name: kind
    for kind in (
        EspKind(
            "ses",
            "Amazon SES",
            "single",
            1,
            urls={},
            check_path="",
            secrets={"api_key": "Access key ID", "secret_key": "Secret access key"},
            options={"region": "Region", "configuration_set": "Configuration set"},
            required=("region",),
        ),
        EspKind(
            "sendgrid",
            "SendGrid",
            "merge",
            1000,
            urls={"": "https://api.sendgrid.com/v3/", "eu": "https://api.eu.sendgrid.com/v3/"},
            check_path="scopes",
            options={"region": "Region"},
            placeholder="-{}-",
            own_headers=SENDGRID_HEADERS,
        ),
        EspKind(
            "mailgun",
            "Mailgun",
            "merge",
            1000,
            urls={"": "https://api.mailgun.net/v3/", "eu": "https://api.eu.mailgun.net/v3/"},
            check_path="domains?limit=1",
            options={"domain": "Sending domain", "region": "Region"},
            required=("domain",),
            placeholder="%recipient.{}%",
        ),
        EspKind(
            "postmark",
            "Postmark",
            "list",
            500,
            urls={"": "https://api.postmarkapp.com/"},
            check_path="server",
            secrets={"api_key": "Server API token"},
            options={"message_stream": "Message stream"},
        ),
        EspKind("brevo", "Brevo", "list", 1000, urls={"": "https://api.brevo.com/v3/"}, check_path="account"),
        EspKind("resend", "Resend", "list", 100, urls={"": "https://api.resend.com/"}, check_path="domains"),
        EspKind(
            "mailjet",
            "Mailjet",
            "list",
            50,
            urls={"": "https://api.mailjet.com/v3.1/"},
            check_path="../v3/REST/apikey",
            secrets={"api_key": "API key", "secret_key": "Secret key"},
            own_headers=MAILJET_HEADERS,
        ),
    )
}


def problems(kind: EspKind, secrets: Mapping[str, str], options: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with an account's settings: name of a setting to a sentence with the cure; empty when all is well.

    secrets and options: those that are not empty.
    """
    found = {name: f"{kind.label} needs this." for name in kind.required if not options.get(name)}
    found |= _missing_secrets(kind, secrets)
    found |= {
        name: "A key has no spaces and no letters beyond ASCII." for name in secrets if not _is_key(secrets[name])
    }
    for name in options:
        if name not in kind.all_options:
            found[name] = f"{kind.label} has no option {name!r}. It has: {', '.join(kind.all_options)}."
    for name, check in _CHECKS.items():
        value = str(options.get(name) or "")
        if value and name not in found and (words := check(kind, value)):
            found[name] = words
    return found


def _missing_secrets(kind: EspKind, secrets: Mapping[str, str]) -> dict[str, str]:
    given = [name for name in kind.secrets if secrets.get(name)]
    if kind.name == "ses" and not given:
        return {}  # boto3 finds those of the machine it runs on
    return {name: f"{kind.label} needs this." for name in kind.secrets if name not in given}


def _check_domain(_kind: EspKind, value: str) -> str:
    return "" if _is_domain(value) else "Write the domain only, such as mail.example.com."


def _check_region(kind: EspKind, value: str) -> str:
    if kind.name == "ses":
        return "" if _is_region(value) else "Write the region's code, such as eu-central-1."
    known = ", ".join(name for name in kind.urls if name)
    return "" if value in kind.urls else f"Leave it empty, or write one of: {known}."


def _check_url(_kind: EspKind, value: str) -> str:
    try:
        parts = urlsplit(value)
        has_port = parts.port != 0
    except ValueError:  # brackets that do not close, a port that is no number
        return ADDRESS_WORDS
    if not has_port or not _is_key(value) or parts.scheme not in ("https", "http") or not parts.hostname:
        return ADDRESS_WORDS
    if parts.query or parts.fragment or "@" in parts.netloc:
        return ADDRESS_WORDS
    if parts.scheme == "http" and not is_loopback(value):
        return "Write an https:// address: the key and every message would travel in the clear."
    return ""


def is_loopback(url: str) -> bool:
    """Whether a web address names this machine."""
    return urlsplit(url).hostname in LOOPBACK


def _check_name(_kind: EspKind, value: str) -> str:
    return "" if _is_name(value) else "Only letters, digits, hyphens and underscores are allowed."


_CHECKS = {
    "domain": _check_domain,
    "region": _check_region,
    "api_url": _check_url,
    "message_stream": _check_name,
    "configuration_set": _check_name,
}
