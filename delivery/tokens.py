"""The signer of the tokens in links, pixels and return paths, with keys derived from ENCRYPTION_KEYS."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from delivery.engine.token import MAX_KEY_ID, TokenKeys, Tokens, TokenSigner


@lru_cache(maxsize=1)
def signer() -> TokenSigner:
    """The signer of this process. A key that stays in ENCRYPTION_KEYS goes on verifying what it once signed.

    Raises ImproperlyConfigured when two keys share a key id (one in 128 for a pair): generate the newer one anew.
    """
    keys: dict[int, bytes] = {}
    for text in settings.ENCRYPTION_KEYS:
        derived = hashlib.blake2b(text.encode(), digest_size=33, person=b"massmailer-token").digest()
        key_id = derived[0] & MAX_KEY_ID
        if key_id in keys:
            raise ImproperlyConfigured("Two of the ENCRYPTION_KEYS share a token key id: replace the newer one.")
        keys[key_id] = derived[1:]
    return TokenSigner(TokenKeys(keys=keys, current=next(iter(keys))))


def door_urls(tokens: Tokens) -> dict[str, str]:
    """The addresses that a message carries, by the names that its compiled content uses."""
    base = settings.TRACKING_URL
    return {
        "_open": f"{base}/o/{tokens.open}.gif",
        "_click": f"{base}/c/{tokens.click}",
        "view_url": f"{base}/v/{tokens.view}",
        "unsubscribe_url": f"{base}/u/{tokens.unsubscribe}",
    }
