"""Letters for tests of the ways out by ESPs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from delivery.engine.message import Mailbox, MessageHead, MessageTemplate
from delivery.engine.smtp.clock import boottime
from delivery.letters import Letter

ALL = ("ses", "sendgrid", "mailgun", "postmark", "brevo", "resend", "mailjet")
Context = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Field:
    """A node of a template: one value of the context."""

    name: str

    def render(self, context: Context) -> str:
        return str(context[self.name])


def make_template(**fields: Any) -> MessageTemplate:
    parts = {
        "subject_parts": ["News for ", Field("name")],
        "html_parts": ["<p>Dear ", Field("name"), "</p>"],
        "text_parts": ["Dear ", Field("name")],
        "sender": Mailbox("news@sender.example", "The News"),
        "static_headers": [("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")],
    }
    return MessageTemplate(**{**parts, **fields})


def make_letter(number: int, template: MessageTemplate, **fields: Any) -> Letter:
    name = fields.pop("name", f"Ada{number}")
    address = fields.pop("address", f"lead{number}@example.com")
    headers = (("List-Unsubscribe", f"<https://t.example/u/{number}>"), *fields.pop("headers", ()))
    head = MessageHead(address, name, f"{number}@sender.example", datetime.now(UTC), headers)
    given = {"deadline": boottime() + 30, "token": f"t{number}", "return_path": "b@sender.example", **fields}
    return Letter(template, {"name": name, **given.pop("context", {})}, head, **given)


def make_letters(count: int, **fields: Any) -> list[Letter]:
    template = make_template(**fields)
    return [make_letter(number, template) for number in range(count)]
