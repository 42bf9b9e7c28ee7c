"""Making, finding and revoking keys. The SMTP door asks `find` as the REST API does."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
import string
import time
from collections.abc import Sequence
from threading import Lock
from typing import Any

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from campaigns.api import sql
from campaigns.models import ApiKey

MARK = "mm"
PREFIX_CHARACTERS = 8
# 62 ** 43 is more than 2 ** 256
SECRET_CHARACTERS = 43
# a key that was revoked is refused by every process within this time
REMEMBERED_SECONDS = 3.0
# strangers who try prefixes must not fill the memory
MOST_REMEMBERED = 10_000
USED_EVERY = dt.timedelta(minutes=1)

_remembered: dict[str, tuple[float, ApiKey | None]] = {}
_lock = Lock()


def create_key(*, name: str, scopes: Sequence[str], created_by: Any = None, **fields: Any) -> tuple[ApiKey, str]:
    """A new key, saved, and its secret, which nobody can read again. fields: the others of the model."""
    key = ApiKey(name=name, scopes=list(scopes), created_by=created_by, **fields)
    secret = give_secret(key)
    key.save()
    return key, secret


def give_secret(key: ApiKey) -> str:
    """Set prefix and digest of a key that is not saved yet; the secret for its owner."""
    key.prefix = _random(string.ascii_lowercase + string.digits, PREFIX_CHARACTERS)
    secret = f"{MARK}_{key.prefix}_{_random(string.ascii_letters + string.digits, SECRET_CHARACTERS)}"
    key.digest = _digest(secret)
    return secret


def find(secret: str) -> ApiKey | None:
    """The key that this secret opens; None where there is none, it is revoked or has expired.

    The key may be three seconds old, and other threads see the same object: read it, never write it.
    Raises django.db.OperationalError where the database is away.
    """
    prefix = _prefix_of(secret)
    key = _look_up(prefix) if prefix else None
    if key is None or not hmac.compare_digest(bytes(key.digest), _digest(secret)):
        return None
    is_over = key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= timezone.now())
    return None if is_over else key


def revoke(key_id: int) -> bool:
    """Refuse the key for good, in other processes within seconds. False where it was refused already."""
    revoked = ApiKey.objects.filter(pk=key_id, revoked_at__isnull=True).update(revoked_at=Now())
    forget()
    return revoked == 1


def forget() -> None:
    """Ask the database again about every key, in this process."""
    with _lock:
        _remembered.clear()


def note_use(key: ApiKey, address: str | None) -> None:
    """Write down that the key was used, at most once a minute."""
    now = timezone.now()
    if key.last_used_at is not None and now - key.last_used_at < USED_EVERY:
        return
    key.last_used_at = now
    with connection.cursor() as cursor:
        cursor.execute(sql.NOTE_USE, {"key": key.pk, "address": address})


def _look_up(prefix: str) -> ApiKey | None:
    now = time.monotonic()
    found = _remembered.get(prefix)
    if found is not None and now - found[0] < REMEMBERED_SECONDS:
        return found[1]
    key = ApiKey.objects.filter(prefix=prefix).first()
    with _lock:
        if len(_remembered) >= MOST_REMEMBERED:
            _remembered.clear()
        _remembered[prefix] = (now, key)
    return key


def _prefix_of(secret: str) -> str:
    """ "" for a text that is no secret of ours."""
    mark, _, rest = secret.partition("_")
    prefix, _, body = rest.partition("_")
    fits = mark == MARK and len(prefix) == PREFIX_CHARACTERS and len(body) == SECRET_CHARACTERS
    return prefix if fits and secret.isascii() and prefix.isalnum() else ""


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
