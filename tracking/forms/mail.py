"""The e-mail that asks whether it was really you, and the signed link in it."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.utils import timezone

from campaigns.models import Consent, SubscriptionForm
from delivery.engine.token import Door
from delivery.tokens import signer
from delivery.transactional import queue_message
from tracking.forms.look import ink_on

TAG = "confirmation"
COLOUR = "#2457d6"
TEXT = "Somebody, we hope you, has asked for our e-mails at this address. Please confirm it:"
HTML = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ data.title }}</title></head>
<body style="margin:0;padding:24px;background:#f4f5f7;font-family:Arial,sans-serif;color:#1f2430">
<div style="max-width:480px;margin:0 auto;background:#ffffff;border-radius:12px;padding:32px">
{% if data.logo %}<img src="{{ data.logo }}" alt="" height="48" style="display:block;margin:0 0 20px">{% endif %}
<h1 style="margin:0 0 12px;font-size:22px">{{ data.title }}</h1>
<p style="margin:0 0 20px;line-height:1.5">{{ data.text }}</p>
<p style="margin:0 0 20px"><a href="{{ data.url }}" style="display:inline-block;padding:12px 24px;
border-radius:8px;background:{{ data.colour }};color:{{ data.ink }};text-decoration:none;font-weight:bold">
{{ data.button }}</a></p>
<p style="margin:0 0 8px;line-height:1.5;font-size:14px;color:#5b6472">The link works until {{ data.until }}.
If this was not you, do nothing: without the link you get no e-mails from us.</p>
{% if data.footer %}<p style="margin:20px 0 0;font-size:13px;color:#5b6472">{{ data.footer }}</p>{% endif %}
</div></body></html>"""
PLAIN = """{{ data.title }}

{{ data.text }}

{{ data.button }}: {{ data.url }}

The link works until {{ data.until }}. If this was not you, do nothing: without the link you get no e-mails from us.
{% if data.footer %}
{{ data.footer }}
{% endif %}"""


def send(form: SubscriptionForm, consent: Consent, address: str) -> int:
    """Queue the confirmation, in the caller's transaction; the message's id."""
    sender = (
        f"{form.sender_name} <{form.sender_email}>" if form.sender_email and form.sender_name else form.sender_email
    )
    expires = consent.expires_at or timezone.now()
    colour = form.colour or COLOUR
    return queue_message(
        to=address,
        subject="{{ data.subject }}",
        html=HTML,
        text=PLAIN,
        sender=sender,
        priority=8,
        tags=[TAG],
        metadata={"consent": consent.pk},
        data={
            "subject": form.confirm_subject,
            "title": form.title,
            "text": form.confirm_text or TEXT,
            "button": "Yes, subscribe me",
            "url": link(consent),
            "until": f"{expires:%d %B %Y, %H:%M} UTC",
            "logo": form.logo_url,
            "colour": colour,
            "ink": ink_on(colour),
            "footer": form.footer,
        },
    )


def link(consent: Consent) -> str:
    """The address that confirms. It carries its own end, signed: no clock of the reader's has a say in it."""
    expires = consent.expires_at or timezone.now()
    token = signer().sign(Door.CONFIRM, "message", consent.pk, int(expires.timestamp()))
    return f"{settings.TRACKING_URL}/confirm/{token}"


def read_link(token: str) -> tuple[int, bool] | None:
    """The consent's id and whether the link still works; None for what was not signed by us for this door."""
    found = signer().verify(Door.CONFIRM, token)
    if found is None:
        return None
    return found.parent_id, timezone.now() <= dt.datetime.fromtimestamp(min(found.lead_id, 2**40), tz=dt.UTC)
