"""The two ends of the compiler: what a marketer wrote, and what is frozen at launch."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass
from typing import Literal

from campaigns.content.problems import Problem

BodyFormat = Literal["mjml", "html"]


@dataclass(frozen=True, slots=True)
class ContentSource:
    """What the user typed, with Liquid merge tags.

    preheader: the line that inboxes show after the subject; may be empty.
    text: the plain-text part; empty means that it is made from the body.
    """

    subject: str
    preheader: str
    body: str
    body_format: BodyFormat = "mjml"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """One tracked link: where `<tracking base>/c/<token>/<number>` leads.

    url: the target, with its Liquid source where it contains merge tags.
    label: the words of the link, for reports; at most 80 characters.
    """

    number: int
    url: str
    label: str


@dataclass(frozen=True, slots=True)
class CompiledContent:
    """Content that is ready for `liquid.parse`: everything that can be done once has been done.

    warnings: what a person should look at; nothing in it stops a launch.
    """

    subject: str
    html: str
    text: str
    links: tuple[Link, ...]
    warnings: tuple[Problem, ...] = ()

    def to_bytes(self) -> bytes:
        """Compressed JSON for the campaign's frozen content; about a tenth of the size of the HTML."""
        return zlib.compress(json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode())

    @classmethod
    def from_bytes(cls, data: bytes) -> CompiledContent:
        """The content that `to_bytes` stored. Raises ValueError when `data` is something else."""
        try:
            fields = json.loads(zlib.decompress(data))
            return cls(
                subject=fields["subject"],
                html=fields["html"],
                text=fields["text"],
                links=tuple(Link(**link) for link in fields["links"]),
                warnings=tuple(Problem(**warning) for warning in fields["warnings"]),
            )
        except (zlib.error, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"not a stored content: {error}") from error
