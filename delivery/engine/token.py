"""Tokens that name an e-mail in links, pixel, unsubscribe, return path and ESP metadata, without a look-up table.

A token is the e-mail's ids and a MAC over them and the door it opens: what a click link shows cannot unsubscribe.

    byte 0      key id << 1 | kind
    byte 1      length of the parent id << 4 | length of the lead id
    ...         parent id, lead id, big-endian without leading zeros
    last 10     BLAKE2b, keyed (80 bits: forging one takes 2^79 requests); each door has ten bytes of its own

The five doors that every e-mail has get theirs from one digest of fifty bytes: to who has not the key, ten of them say
nothing about the others. Other doors have digests of their own, personalised with the door.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import Any, Literal, NamedTuple

TokenKind = Literal["campaign", "message"]
# as `Tokens`
RawTokens = tuple[bytes, bytes, bytes, bytes, bytes]

MAC_BYTES = 10
MAX_KEY_ID = 127
MIN_KEY_BYTES = 16
MAX_ID = (1 << 63) - 1

_KINDS: tuple[TokenKind, TokenKind] = ("campaign", "message")
_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_FROM_URL_SAFE = str.maketrans("-_", "+/")
_is_base64url = re.compile(r"[A-Za-z0-9_-]{16,48}").fullmatch
_is_base32 = re.compile(r"[A-Za-z2-7]{19,56}").fullmatch
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_FROM_FIVE_BITS = bytes.maketrans(bytes(range(32)), _BASE32.encode())


class Door(StrEnum):
    """What a token opens. Each door accepts only its own tokens."""

    OPEN = "open"
    CLICK = "click"
    VIEW = "view"
    UNSUBSCRIBE = "unsubscribe"
    BOUNCE = "bounce"
    METADATA = "metadata"
    PREFERENCES = "preferences"
    # a subscription's confirmation: the parent is the consent, the lead's place holds the second in which it runs out
    CONFIRM = "confirm"


EVERY_EMAIL = (Door.OPEN, Door.CLICK, Door.VIEW, Door.UNSUBSCRIBE, Door.BOUNCE)
_SHARED_BYTES = MAC_BYTES * len(EVERY_EMAIL)


class TokenSubject(NamedTuple):
    """The e-mail that a token names. parent_id: the campaign, or for kind "message" the transactional message."""

    kind: TokenKind
    parent_id: int
    lead_id: int


class Tokens(NamedTuple):
    """The five tokens of one e-mail; bounce is lower-case base32, because relays fold the case of addresses."""

    open: str
    click: str
    view: str
    unsubscribe: str
    bounce: str


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The secret keys by id (0 to 127), and the id of the one that signs. Old keys stay: links are opened for years.

    Raises ValueError for keys that are missing, too short (16 bytes) or too long (64 bytes).
    """

    keys: Mapping[int, bytes] = field(repr=False)
    current: int

    def __post_init__(self) -> None:
        if self.current not in self.keys:
            raise ValueError(f"there is no token key with the id {self.current}")
        for key_id, key in self.keys.items():
            if not 0 <= key_id <= MAX_KEY_ID:
                raise ValueError(f"token key ids go from 0 to {MAX_KEY_ID}, not {key_id}")
            if not MIN_KEY_BYTES <= len(key) <= blake2b.MAX_KEY_SIZE:
                raise ValueError(f"token key {key_id} must have {MIN_KEY_BYTES} to {blake2b.MAX_KEY_SIZE} bytes")


class _Mac(NamedTuple):
    """Where a door's ten bytes come from: a keyed hash, and their place in its digest."""

    keyed: Any
    place: int

    def of(self, payload: bytes) -> bytes:
        mac = self.keyed.copy()
        mac.update(payload)
        digest: bytes = mac.digest()
        return digest[self.place : self.place + MAC_BYTES]


class TokenSigner:
    """Signs and verifies tokens. Make one per process: it prepares a keyed hash for each key and door."""

    def __init__(self, keys: TokenKeys) -> None:
        self._current = keys.current
        self._macs: dict[tuple[int, str], _Mac] = {}
        for key_id, key in keys.keys.items():
            shared = blake2b(key=key, digest_size=_SHARED_BYTES, person=b"every e-mail")
            for door in Door:
                alone = blake2b(key=key, digest_size=MAC_BYTES, person=door.encode())
                place = EVERY_EMAIL.index(door) * MAC_BYTES if door in EVERY_EMAIL else 0
                self._macs[key_id, door] = _Mac(shared if door in EVERY_EMAIL else alone, place)
        self._shared = self._macs[self._current, Door.OPEN].keyed
        self._heads = lru_cache(maxsize=64)(self._make_heads)

    def sign(self, door: str, kind: TokenKind, parent_id: int, lead_id: int) -> str:
        """A token for one door: base64url without padding, for the bounce door lower-case base32.

        Raises ValueError for ids below 0 or above 2^63 - 1, and for doors or kinds that do not exist.
        """
        signed = self._signed(door, kind, parent_id, lead_id)
        return _to_base32(signed) if door == Door.BOUNCE else _to_base64(signed)

    def sign_base32(self, door: str, kind: TokenKind, parent_id: int, lead_id: int) -> str:
        """A token in lower-case base32, for places that fold case. Raises ValueError as `sign` does."""
        return _to_base32(self._signed(door, kind, parent_id, lead_id))

    def sign_all(self, kind: TokenKind, parent_id: int, lead_id: int) -> Tokens:
        """The five tokens of one e-mail, for little more than the cost of one. Raises ValueError as `sign` does."""
        raw = self.sign_raw(self._heads(kind, parent_id), lead_id)
        return Tokens(*[token.decode("ascii") for token in raw])

    def heads(self, kind: TokenKind, parent_id: int) -> tuple[bytes, ...]:
        """What `sign_raw` takes for the letters of one campaign. Raises ValueError as `sign` does."""
        return self._heads(kind, parent_id)

    def sign_raw(self, heads: Sequence[bytes], lead_id: int) -> RawTokens:
        """The five tokens in the order of `Tokens`, as bytes. Raises ValueError for a lead id that `sign` refuses."""
        if not 0 <= lead_id <= MAX_ID:
            raise ValueError(f"lead ids go from 0 to 2^63 - 1, not {lead_id}")
        length = (lead_id.bit_length() + 7) >> 3
        payload = heads[length] + lead_id.to_bytes(length, "big")
        mac = self._shared.copy()
        mac.update(payload)
        digest: bytes = mac.digest()
        # four tokens are written at once: with zeros up to whole groups of three bytes their characters stay the same
        size = len(payload) + MAC_BYTES
        gap = bytes(-size % 3)
        raw = b"%b%b%b%b%b%b%b%b%b%b%b" % (
            payload, digest[:10], gap, payload, digest[10:20], gap, payload, digest[20:30], gap, payload, digest[30:40],
        )  # fmt: skip
        written = binascii.b2a_base64(raw, newline=False).translate(_TO_URL_SAFE)
        step, length = (size + 2) // 3 * 4, (size * 4 + 2) // 3
        return (
            written[:length],
            written[step : step + length],
            written[2 * step : 2 * step + length],
            written[3 * step : 3 * step + length],
            _base32_bytes(payload + digest[40:]),
        )

    def sign_many(self, heads: Sequence[bytes], lead_ids: Sequence[int]) -> list[RawTokens]:
        """What `sign_raw` gives for each of these leads, in two thirds of its time where their ids have as many bytes.

        For a single lead this way would take twice as long. Raises ValueError as `sign_raw` does.
        """
        if not lead_ids or min(lead_ids) < 0 or max(lead_ids) > MAX_ID:
            return [self.sign_raw(heads, lead_id) for lead_id in lead_ids]
        length = (max(lead_ids).bit_length() + 7) >> 3
        head, size = heads[length], len(heads[length]) + length + MAC_BYTES
        if (min(lead_ids).bit_length() + 7) >> 3 != length or size > _LANE_BYTES:
            return [self.sign_raw(heads, lead_id) for lead_id in lead_ids]
        signed, copy = [], self._shared.copy
        for lead_id in lead_ids:
            payload = head + lead_id.to_bytes(length, "big")
            mac = copy()
            mac.update(payload)
            signed.append((payload, mac.digest()))
        return _written(signed, size)

    def verify(self, door: str, token: str) -> TokenSubject | None:
        """What the token names, or None when it is not a token of this door. Never raises, whatever `token` holds."""
        if not isinstance(token, str):
            return None
        for raw in _candidates(door, token):
            subject = self._read(door, raw)
            if subject is not None:
                return subject
        return None

    def _signed(self, door: str, kind: TokenKind, parent_id: int, lead_id: int) -> bytes:
        mac = self._macs.get((self._current, door))
        if mac is None:
            raise ValueError(f"there is no door {door!r}")
        payload = self._payload(kind, parent_id, lead_id)
        return payload + mac.of(payload)

    def _payload(self, kind: TokenKind, parent_id: int, lead_id: int) -> bytes:
        if not 0 <= lead_id <= MAX_ID:
            raise ValueError(f"ids go from 0 to 2^63 - 1, not {parent_id} and {lead_id}")
        length = (lead_id.bit_length() + 7) >> 3
        head: bytes = self._heads(kind, parent_id)[length]
        return head + lead_id.to_bytes(length, "big")

    def _make_heads(self, kind: TokenKind, parent_id: int) -> tuple[bytes, ...]:
        """What stands before the lead id, by the length of the lead id: the same for all leads of a campaign."""
        if kind not in _KINDS:
            raise ValueError(f"a token names a campaign or a message, not {kind!r}")
        if not 0 <= parent_id <= MAX_ID:
            raise ValueError(f"ids go from 0 to 2^63 - 1, not {parent_id}")
        parent = parent_id.to_bytes((parent_id.bit_length() + 7) >> 3, "big")
        first = self._current << 1 | (kind == "message")
        return tuple(bytes([first, len(parent) << 4 | length]) + parent for length in range(9))

    def _read(self, door: str, raw: bytes) -> TokenSubject | None:
        payload, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        if len(payload) < 2:
            return None
        expected = self._macs.get((payload[0] >> 1, door))
        if expected is None or not compare_digest(expected.of(payload), mac):
            return None
        parent_end = 2 + (payload[1] >> 4)
        if parent_end + (payload[1] & 15) != len(payload):
            return None
        parent_id = int.from_bytes(payload[2:parent_end], "big")
        return TokenSubject(_KINDS[payload[0] & 1], parent_id, int.from_bytes(payload[parent_end:], "big"))


def _to_base64(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL_SAFE, b"=").decode("ascii")


_MAX_GROUPS = 64


def _spreading_steps() -> tuple[tuple[int, int], ...]:
    """(mask, factor) pairs that move 64 groups of five bits, side by side in a number, into a byte each.

    Each step moves the upper half of every block: of 320 bits first, of 10 bits last. `x + (x & upper) * factor` is
    `x` with the upper halves shifted.
    """
    steps = []
    for half_bits in (160, 80, 40, 20, 10, 5):
        lane_bits = half_bits * 16 // 5
        upper = ((1 << half_bits) - 1) << half_bits
        mask = sum(upper << lane for lane in range(0, _MAX_GROUPS * 8, lane_bits))
        steps.append((mask, (1 << (half_bits * 8 // 5 - half_bits)) - 1))
    return tuple(steps)


_STEPS = _spreading_steps()


def _to_base32(raw: bytes) -> str:
    return _base32_bytes(raw).decode("ascii")


def _base32_bytes(raw: bytes) -> bytes:
    """Lower-case base32 without padding; a third of the time of base64.b32encode, which is Python too."""
    bits = len(raw) * 8
    groups = -(-bits // 5)
    spread = int.from_bytes(raw, "big") << (groups * 5 - bits)
    for mask, factor in _STEPS:
        spread += (spread & mask) * factor
    return spread.to_bytes(groups, "big").translate(_FROM_FIVE_BITS)


_LANE_BYTES = 20


@lru_cache(maxsize=8)
def _lanes(count: int) -> tuple[tuple[int, int], ...]:
    """`_STEPS` for so many numbers of at most 160 bits side by side, each in 256 bits."""
    lane = (1 << 256) - 1
    return tuple((sum((mask & lane) << place * 256 for place in range(count)), factor) for mask, factor in _STEPS[1:])


def _written(signed: Sequence[tuple[bytes, bytes]], size: int) -> list[RawTokens]:
    """The five tokens of each (payload, digest), all written at once. size: bytes of one token, at most _LANE_BYTES."""
    gap = bytes(-size % 3)
    raw = b"".join(
        [
            b"%b%b%b%b%b%b%b%b%b%b%b%b" % (p, d[:10], gap, p, d[10:20], gap, p, d[20:30], gap, p, d[30:40], gap)
            for p, d in signed
        ]
    )
    written = binascii.b2a_base64(raw, newline=False).translate(_TO_URL_SAFE)
    step, length = (size + 2) // 3 * 4, (size * 4 + 2) // 3
    groups = -(-size * 8 // 5)
    filling = bytes(32 - size)
    lanes = b"".join([b"%b%b%b" % (filling, p, d[40:]) for p, d in signed])
    spread = int.from_bytes(lanes, "big") << (groups * 5 - size * 8)
    for mask, factor in _lanes(len(signed)):
        spread += (spread & mask) * factor
    folded = spread.to_bytes(len(lanes), "big").translate(_FROM_FIVE_BITS)
    return [
        (
            written[start : start + length],
            written[start + step : start + step + length],
            written[start + 2 * step : start + 2 * step + length],
            written[start + 3 * step : start + 3 * step + length],
            folded[end - groups : end],
        )
        for start, end in zip(range(0, len(written), 4 * step), range(32, len(lanes) + 32, 32), strict=True)
    ]


def _candidates(door: str, token: str) -> list[bytes]:
    """The readings of a token: the alphabets overlap, and the MAC tells which was meant."""
    found = []
    if door != Door.BOUNCE and _is_base64url(token):
        found.append(_from_base64(token))
    if _is_base32(token):
        found.append(_from_base32(token.lower()))
    return [raw for raw in found if raw is not None]


def _from_base64(token: str) -> bytes | None:
    padded = token.translate(_FROM_URL_SAFE) + "=" * (-len(token) % 4)
    try:
        raw = binascii.a2b_base64(padded, strict_mode=True)
    except binascii.Error:
        return None
    return raw if _to_base64(raw) == token else None


def _from_base32(token: str) -> bytes | None:
    number = 0
    for character in token:
        number = number << 5 | _BASE32.index(character)
    spare = len(token) * 5 % 8
    raw = (number >> spare).to_bytes(len(token) * 5 // 8, "big")
    return raw if _to_base32(raw) == token else None
