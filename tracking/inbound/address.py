"""The addresses that mail comes back to: return paths with a token, and the few that stand for something by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings

from delivery.engine.token import Door
from delivery.models import SendingDomain
from tracking.doors import Subject, subject_of

UNSUBSCRIBE = "unsubscribe"
# where feedback loops of mailbox providers are to send complaints
COMPLAINTS = "complaints"
_RETURN_PATH = re.compile(r"b\+([a-z2-7]{19,56})", re.IGNORECASE)
_ANYWHERE = re.compile(rb"\bb\+([a-z2-7]{19,56})@", re.IGNORECASE)
_LINK = re.compile(rb"/u/([A-Za-z0-9_-]{16,64})")
_SUBJECT_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
# headers that a delivering server writes the envelope's recipient into; what a stranger wrote stands in To
ENVELOPE_HEADERS = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to")


class Target(NamedTuple):
    """What one of our addresses means. kind: "bounce", "unsubscribe" or "complaints". subject: of a bounce's token."""

    kind: str
    subject: Subject | None = None


def domains() -> frozenset[str]:
    """The domains of our return paths, in small letters. Raises what a lost server raises."""
    own = SendingDomain.objects.exclude(bounce_domain="").values_list("bounce_domain", flat=True)
    return frozenset(filter(None, (settings.BOUNCE_DOMAIN, *(domain.lower() for domain in own))))


def target_of(address: str) -> Target | None:
    """What an address means by its local part, None where it is none of ours. The domain is not looked at."""
    local, _, _ = address.strip(" <>").rpartition("@")
    if local.lower() in (UNSUBSCRIBE, COMPLAINTS):
        return Target(local.lower())
    found = _RETURN_PATH.fullmatch(local)
    subject = subject_of(Door.BOUNCE, found[1]) if found else None
    return Target("bounce", subject) if subject else None


def token_within(raw: bytes) -> Subject | None:
    """The e-mail of ours that a message carries a copy of, by the tokens that only we can write."""
    for pattern, door in ((_ANYWHERE, Door.BOUNCE), (_LINK, Door.UNSUBSCRIBE)):
        for token in _unique(pattern.findall(raw)):
            subject = subject_of(door, token.decode())
            if subject is not None:
                return subject
    return None


def token_in_subject(subject: str) -> Subject | None:
    """Whose unsubscribe link a mail program put into the subject of a message to `unsubscribe@`."""
    found = (subject_of(Door.UNSUBSCRIBE, word) for word in _SUBJECT_TOKEN.findall(subject)[:10])
    return next((one for one in found if one is not None), None)


def _unique(tokens: list[bytes]) -> Iterable[bytes]:
    return list(dict.fromkeys(tokens))[:20]
