"""Secrets at rest: Fernet with rotating keys."""

from __future__ import annotations

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class SecretUnreadable(Exception):
    """No key in ENCRYPTION_KEYS opens the stored secret. Put the old key back at the end of the list."""


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])


def seal(secrets: dict[str, Any]) -> str:
    """The mapping as an encrypted text; an empty mapping stays an empty text."""
    return _fernet().encrypt(json.dumps(secrets).encode()).decode() if secrets else ""


def unseal(sealed: str) -> dict[str, Any]:
    """The mapping that `seal` closed. Raises SecretUnreadable when no key fits."""
    if not sealed:
        return {}
    try:
        opened = _fernet().decrypt(sealed.encode())
    except InvalidToken as error:
        raise SecretUnreadable("None of the ENCRYPTION_KEYS opens a provider's stored credentials.") from error
    secrets: dict[str, Any] = json.loads(opened)
    return secrets


def seal_bytes(data: bytes) -> bytes:
    """The bytes, encrypted."""
    return _fernet().encrypt(data)


def unseal_bytes(sealed: bytes) -> bytes:
    """The bytes that `seal_bytes` closed. Raises SecretUnreadable when no key fits."""
    try:
        return _fernet().decrypt(sealed)
    except InvalidToken as error:
        raise SecretUnreadable("None of the ENCRYPTION_KEYS opens it.") from error
