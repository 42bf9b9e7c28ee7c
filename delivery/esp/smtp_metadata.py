"""The header that makes an ESP behind an SMTP relay tell our token with every event of its webhook."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from delivery.engine.headers import STRUCTURED
from delivery.esp.rendering import TOKEN

Header = tuple[str, str]


def _json(*path: str) -> Callable[[str], str]:
    """The token as JSON, inside of objects with these names."""

    def write(token: str) -> str:
        value: object = {TOKEN: token}
        for name in reversed(path):
            value = {name: value}
        return json.dumps(value, separators=(",", ":"))

    return write


# Sources: the ESPs' SMTP references. Each takes its header off before the message goes on.
HEADERS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "sendgrid": ("X-SMTPAPI", _json("unique_args")),
    "mailgun": ("X-Mailgun-Variables", _json()),
    "postmark": (f"X-PM-Metadata-{TOKEN}", str),
    "brevo": ("X-Mailin-custom", _json()),
    "mailjet": ("X-MJ-EventPayload", _json()),
    "sparkpost": ("X-MSYS-API", _json("metadata")),
    "mandrill": ("X-MC-Metadata", _json()),
}
# JSON in encoded words would be none
assert all(name.lower() in STRUCTURED for name, _ in HEADERS.values())  # noqa: S101 - a slip in two tables


def metadata_writer(secrets: Mapping[str, str], prefix: str) -> Callable[[str], Header] | None:
    """What writes the header of a relay whose webhook has a secret; None where none has.

    secrets: the provider's; those of webhooks begin with `prefix`, then comes the ESP. Of several the first counts.
    """
    esp = next((name.removeprefix(prefix) for name in sorted(secrets) if name.startswith(prefix)), "")
    if esp not in HEADERS:
        return None
    name, write = HEADERS[esp]
    return lambda token: (name, write(token))
