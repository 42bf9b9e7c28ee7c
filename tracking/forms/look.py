"""How a form looks: its brand, and what its page may load and where it may send people."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from campaigns.models import SubscriptionForm


@dataclass(frozen=True, slots=True)
class Look:
    """nonce: lets the page's own style pass the policy. ink: the text on the brand's colour, black or white."""

    nonce: str
    colour: str
    ink: str
    policy: str


def look_of(form: SubscriptionForm, *, embedded: bool) -> Look:
    """The look of one page. embedded: it may stand in a frame on another site; it has no cookies to steal."""
    nonce = secrets.token_urlsafe(12)
    pictures = " ".join(["'self'", origin(form.logo_url)]).strip()
    # browsers hold the way on after the form to this list as well
    targets = " ".join(["'self'", *sorted({origin(url) for url in return_urls(form)})])
    policy = (
        f"default-src 'none'; style-src 'self' 'nonce-{nonce}'; script-src 'self'; img-src {pictures}; "
        f"form-action {targets}; base-uri 'none'; frame-ancestors {'*' if embedded else chr(39) + 'none' + chr(39)}"
    )
    return Look(nonce, form.colour, ink_on(form.colour), policy)


def return_urls(form: SubscriptionForm) -> list[str]:
    """The addresses that may be gone to, the default first."""
    return [line.strip() for line in form.return_urls.splitlines() if line.strip()]


def next_url(form: SubscriptionForm, wanted: str) -> str:
    """Where to go after the form: an address that its owner listed, to the letter, else the first; "" without any."""
    known = return_urls(form)
    return wanted if wanted in known else next(iter(known), "")


def origin(url: str) -> str:
    """Scheme and host, as a policy names them; "" for no address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.netloc else ""


def ink_on(colour: str) -> str:
    """The text colour with the better contrast on `colour` ("#rrggbb"). Source: WCAG 2.2, relative luminance."""
    if not colour:
        return ""
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


def _linear(share: float) -> float:
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)
