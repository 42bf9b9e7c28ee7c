"""Signatures by which a receiver knows that a post is ours and is fresh.

Source: Standard Webhooks 1.0. Any of its libraries verifies what is made here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """A fresh secret of 256 bits, "whsec_" and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The bytes that a secret stands for. Raises ValueError for what is no secret of this form."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("A webhook secret is whsec_ and base64.") from error
    if not key:
        raise ValueError("A webhook secret cannot be empty.")
    return key


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """ "v1,<base64>": HMAC-SHA256 over id, timestamp (seconds since 1970) and body, joined by dots."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)).decode()


def headers(secret_list: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers. Several secrets give several signatures: the old and the new one while a secret rotates.

    message_id: the same for every try of one message, so that a receiver can tell repeats; it may hold no dot.
    Raises ValueError without a secret, or for an id with a dot.
    """
    if not secret_list:
        raise ValueError("A post that nobody can verify is not sent: give a secret.")
    if "." in message_id:
        # "a.1" signed at 2 and "a" signed at 1 with a body that begins with "2." would read the same
        raise ValueError("The id of a webhook message cannot hold a dot.")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, message_id, timestamp, body) for secret in secret_list),
    }
