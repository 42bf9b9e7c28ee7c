"""Whether a request comes from the ESP whose webhook it calls, and whether its proof is fresh."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from anymail.exceptions import AnymailError, AnymailWebhookValidationFailure
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from tracking.webhooks.kinds import AHEAD_SECONDS, WebhookKind

# what anymail's validators are known to raise on requests that no ESP makes
MALFORMED = (AnymailError, ValueError, TypeError, KeyError, AttributeError, LookupError, RecursionError)
# class in anymail, and the name under which it takes its secret
_VIEWS: Mapping[str, tuple[str, str]] = {
    "ses": ("amazon_ses.AmazonSESTrackingWebhookView", "webhook_secret"),
    "sendgrid": ("sendgrid.SendGridTrackingWebhookView", "tracking_webhook_verification_key"),
    "mailgun": ("mailgun.MailgunTrackingWebhookView", "webhook_signing_key"),
    "postmark": ("postmark.PostmarkTrackingWebhookView", "webhook_secret"),
    "brevo": ("brevo.BrevoTrackingWebhookView", "webhook_secret"),
    # its signatures need a library of their own in anymail; they are looked at here
    "resend": ("resend.ResendTrackingWebhookView", ""),
    "mailjet": ("mailjet.MailjetTrackingWebhookView", "webhook_secret"),
    "sparkpost": ("sparkpost.SparkPostTrackingWebhookView", "webhook_secret"),
    "mandrill": ("mandrill.MandrillCombinedWebhookView", "webhook_key"),
    "postal": ("postal.PostalTrackingWebhookView", "webhook_key"),
    "mailersend": ("mailersend.MailerSendTrackingWebhookView", "signing_secret"),
}


class ProofRefused(Exception):
    """The request is not proved to be the ESP's, or not any more. The message says why; answer 403."""


def open_view(kind: WebhookKind, secret: str, **options: Any) -> Any:
    """anymail's view of an ESP, made from this secret alone. Any: anymail has no types.

    options: further arguments of the view. Raises ValueError or TypeError for a key that cannot be read.
    """
    place, argument = _VIEWS[kind.name]
    module, _, name = place.partition(".")
    made = getattr(import_module(f"anymail.webhooks.{module}"), name)
    with warnings.catch_warnings():
        # one says that anymail does not test SendGrid any more, the other that no password is set: a key is
        warnings.simplefilter("ignore")
        view = made(**({argument: secret} if argument else {}), **options)
    if kind.name == "resend":
        view.signing_key = _svix_key(secret)
    if kind.name == "postal":
        _public_key(secret)
    return view


def demand_proof(kind: WebhookKind, view: Any, request: HttpRequest, now: float) -> None:
    """Raises ProofRefused unless the request is signed, or logged in, with the secret of `view`, and not too old.

    now: seconds since 1970.
    """
    try:
        view.run_validators(request)
        signed_at = _SIGNED_AT[kind.name](view, request) if kind.name in _SIGNED_AT else None
    except AnymailWebhookValidationFailure as error:
        raise ProofRefused(str(error)) from error
    except MALFORMED as error:
        raise ProofRefused(f"the request cannot be read: {error!r}"[:300]) from error
    if signed_at is None or kind.signed_seconds is None:
        return
    if not now - kind.signed_seconds <= signed_at <= now + AHEAD_SECONDS:
        raise ProofRefused(f"signed {now - signed_at:,.0f} s ago, at most {kind.signed_seconds:,} s are taken")


def _sendgrid(_view: Any, request: HttpRequest) -> float:
    return float(request.headers["X-Twilio-Email-Event-Webhook-Timestamp"])


def _mailgun(_view: Any, request: HttpRequest) -> float:
    if request.content_type == "application/json":
        return float(json.loads(request.body)["signature"]["timestamp"])
    return float(request.POST["timestamp"])


def _resend(view: Any, request: HttpRequest) -> float:
    """Verify the signature of Svix, and return its time. Source: Standard Webhooks, and docs.svix.com."""
    signed_at = request.headers.get("svix-timestamp", "")
    signed = f"{request.headers.get('svix-id', '')}.{signed_at}.".encode() + request.body
    expected = base64.b64encode(hmac.digest(view.signing_key, signed, hashlib.sha256)).decode()
    given = request.headers.get("svix-signature", "").split()
    if not any(constant_time_compare(one, f"v1,{expected}") for one in given):
        raise ProofRefused("the signature does not fit")
    return float(signed_at)


_SIGNED_AT: Mapping[str, Callable[[Any, HttpRequest], float]] = {
    "sendgrid": _sendgrid,
    "mailgun": _mailgun,
    "resend": _resend,
}


def _svix_key(secret: str) -> bytes:
    encoded = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("it is whsec_ and some letters and digits") from error
    if len(key) < 16:
        raise ValueError("it is too short")
    return key


def _public_key(secret: str) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    load_pem_public_key(f"-----BEGIN PUBLIC KEY-----\n{secret}\n-----END PUBLIC KEY-----".encode())
