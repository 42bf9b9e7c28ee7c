"""dkimpy as a verifier of what we sign, by records that are given instead of asked for."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from types import SimpleNamespace

import dkim
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from delivery.engine.dkim_keys import record_name, record_value


class _VerifyKey:
    """Stands for PyNaCl's, which dkimpy would use for the bare Ed25519 operation; all else of the check is dkimpy's."""

    def __init__(self, text: bytes, encoder: object) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(text))

    def verify(self, data: bytes, signature: bytes) -> None:
        self._key.verify(signature, data)


dkim.nacl = SimpleNamespace(
    signing=SimpleNamespace(VerifyKey=_VerifyKey),
    encoding=SimpleNamespace(Base64Encoder=None),
    exceptions=SimpleNamespace(BadSignatureError=InvalidSignature, ValueError=ValueError),
)


class Verifier:
    """keys: (selector, domain) to a private key in PEM, whose public half stands in DNS."""

    def __init__(self, keys: Mapping[tuple[str, str], str]) -> None:
        self._records = {
            f"{record_name(selector, domain)}.".encode(): record_value(pem).encode()
            for (selector, domain), pem in keys.items()
        }

    def verdicts(self, data: bytes) -> list[bool]:
        """For each DKIM-Signature of the message, from the top, whether it verifies."""
        header = data.partition(b"\r\n\r\n")[0]
        found = len(re.findall(rb"^dkim-signature:", header, re.IGNORECASE | re.MULTILINE))
        return [self._verify(data, number) for number in range(found)]

    def _verify(self, data: bytes, number: int) -> bool:
        try:
            return bool(dkim.DKIM(data).verify(idx=number, dnsfunc=lambda name, timeout=5: self._records.get(name)))
        except dkim.DKIMException:
            return False
