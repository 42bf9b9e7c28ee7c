"""DKIM keys: making them, loading them once, and the DNS record that belongs to each (RFC 6376, RFC 8463)."""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from delivery.engine.rsa_eight import LANES, EightSigner
from delivery.engine.rsa_library import LibraryUnusable

logger = logging.getLogger(__name__)

RSA_BITS = 2048
"""Receivers refuse less than 1024; more does not fit well into DNS, and not every receiver verifies it."""
STRING_LENGTH = 255
"""One string of a TXT record cannot be longer (RFC 1035 section 3.3)."""


class KeyUnusable(ValueError):
    """What is stored is not a private key that DKIM knows: generate a new one."""


@dataclass(frozen=True, slots=True)
class DkimKey:
    """One private key, loaded. sign: bytes of the canonical header to the raw signature. eight: signs several at
    once."""

    selector: str
    algorithm: str
    sign: Callable[[bytes], bytes]
    eight: EightSigner | None = None

    def sign_all(self, texts: Sequence[bytes]) -> list[bytes]:
        """The signatures of these texts, in order: by eights where that is quicker."""
        if self.eight is None:
            return [self.sign(text) for text in texts]
        signed: list[bytes] = []
        for start in range(0, len(texts), LANES):
            part = texts[start : start + LANES]
            if len(part) < self.eight.least:
                signed += [self.sign(text) for text in part]
            else:
                signed += self.eight.sign([hashlib.sha256(text).digest() for text in part])
        return signed


def new_rsa_key() -> str:
    """A new RSA key of 2048 bits in PEM; takes about a tenth of a second."""
    return _pem(generate_private_key(public_exponent=65537, key_size=RSA_BITS))


def new_ed25519_key() -> str:
    """A new Ed25519 key in PEM."""
    return _pem(Ed25519PrivateKey.generate())


def load_key(selector: str, pem: str) -> DkimKey:
    """The key ready to sign with. Loading checks it, which costs as much as many signatures: keep the result.

    Raises KeyUnusable.
    """
    key = _private(pem)
    if isinstance(key, Ed25519PrivateKey):
        # RFC 8463 section 3: what is signed is the SHA-256 hash of the data
        return DkimKey(selector, "ed25519-sha256", lambda data: key.sign(hashlib.sha256(data).digest()))
    padding, digest = PKCS1v15(), SHA256()
    return DkimKey(selector, "rsa-sha256", lambda data: key.sign(data, padding, digest), _eight(key))


def record_value(pem: str) -> str:
    """The value of the TXT record that publishes the key's public half, on one line. Raises KeyUnusable."""
    key = _private(pem)
    if isinstance(key, Ed25519PrivateKey):
        return f"v=DKIM1; k=ed25519; p={_base64(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))}"
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={_base64(public)}"


def record_name(selector: str, domain: str) -> str:
    """Where a verifier looks for the record."""
    return f"{selector}._domainkey.{domain}"


def quoted_strings(value: str) -> str:
    """A TXT value as zone files want it: strings of at most 255 characters, each in quotes."""
    pieces = [value[start : start + STRING_LENGTH] for start in range(0, len(value), STRING_LENGTH)]
    return " ".join(f'"{piece}"' for piece in pieces)


def record_tags(value: str) -> dict[str, str]:
    """The tags of a DKIM or DMARC record, white space removed as RFC 6376 section 3.2 allows it."""
    pairs = [part.partition("=") for part in value.split(";") if "=" in part]
    return {name.strip(): "".join(content.split()) for name, _, content in pairs}


def _eight(key: RSAPrivateKey) -> EightSigner | None:
    try:
        return EightSigner(key)
    except LibraryUnusable as error:
        logger.info("messages are signed one by one: %s", error)
        return None


def _private(pem: str) -> RSAPrivateKey | Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise KeyUnusable("The stored text is not a private key.") from error
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise KeyUnusable("Only RSA and Ed25519 keys sign e-mail.")
    return key


def _pem(key: RSAPrivateKey | Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
