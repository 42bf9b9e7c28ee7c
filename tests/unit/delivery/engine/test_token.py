"""Tokens name an e-mail, open one kind of door, and cannot be forged, mixed up or used to crash anything."""

from __future__ import annotations

import base64

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from delivery.engine.token import MAC_BYTES, MAX_ID, Door, TokenKeys, TokenSigner, TokenSubject

OLD, NEW = b"old key " * 4, b"new key " * 4
SIGNER = TokenSigner(TokenKeys({1: OLD, 2: NEW}, current=2))
ids = st.integers(0, MAX_ID) | st.integers(0, 70_000)
kinds = st.sampled_from(["campaign", "message"])
doors = st.sampled_from(list(Door))


@given(doors, kinds, ids, ids)
def test_a_token_names_its_email_at_its_own_door_alone(door: Door, kind: str, parent_id: int, lead_id: int) -> None:
    token = SIGNER.sign(door, kind, parent_id, lead_id)  # type: ignore[arg-type]
    for other in Door:
        expected = TokenSubject(kind, parent_id, lead_id) if other is door else None  # type: ignore[arg-type]
        assert SIGNER.verify(other, token) == expected


@given(kinds, ids, ids)
def test_signing_all_is_signing_each(kind: str, parent_id: int, lead_id: int) -> None:
    tokens = SIGNER.sign_all(kind, parent_id, lead_id)  # type: ignore[arg-type]
    for door, token in tokens._asdict().items():
        assert token == SIGNER.sign(door, kind, parent_id, lead_id)  # type: ignore[arg-type]
    assert len(set(tokens)) == 5


@given(kinds, ids, st.lists(ids, max_size=60))
@example("campaign", 7, list(range(100_000, 100_048)))
@example("campaign", 7, [255, 256])
@example("message", MAX_ID, [MAX_ID] * 3)
def test_signing_many_is_signing_each(kind: str, parent_id: int, lead_ids: list[int]) -> None:
    heads = SIGNER.heads(kind, parent_id)  # type: ignore[arg-type]
    assert SIGNER.sign_many(heads, lead_ids) == [SIGNER.sign_raw(heads, lead_id) for lead_id in lead_ids]


@pytest.mark.parametrize("lead_ids", [[-1, 5], [5, MAX_ID + 1]])
def test_many_are_signed_only_if_each_may_be(lead_ids: list[int]) -> None:
    with pytest.raises(ValueError, match="lead ids go from"):
        SIGNER.sign_many(SIGNER.heads("campaign", 1), lead_ids)


@given(doors, ids, ids)
def test_base32_is_that_of_the_standard_library_and_survives_a_change_of_case(
    door: Door, parent_id: int, lead_id: int
) -> None:
    token = SIGNER.sign_base32(door, "campaign", parent_id, lead_id)
    padded = token.upper() + "=" * (-len(token) % 8)
    assert base64.b32encode(base64.b32decode(padded)).decode().rstrip("=").lower() == token
    for written in (token, token.upper(), token.title()):
        assert SIGNER.verify(door, written) == ("campaign", parent_id, lead_id)


def test_tokens_are_safe_in_addresses_and_short() -> None:
    tokens = SIGNER.sign_all("campaign", 10_000, 10_000_000)
    assert max(map(len, tokens)) <= 28
    assert tokens.bounce.isalnum()
    assert tokens.bounce.islower()
    largest = SIGNER.sign(Door.BOUNCE, "message", MAX_ID, MAX_ID)
    assert len(largest) <= 50, "the local part of an address has 64 characters"
    assert all(character.isalnum() or character in "-_" for character in tokens.click)


def test_the_bounce_door_does_not_read_base64() -> None:
    token = SIGNER.sign(Door.BOUNCE, "campaign", 1, 2)
    raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
    assert SIGNER.verify(Door.BOUNCE, base64.urlsafe_b64encode(raw).decode().rstrip("=")) is None


def test_old_keys_verify_and_unknown_keys_do_not() -> None:
    old = TokenSigner(TokenKeys({1: OLD}, current=1)).sign(Door.CLICK, "campaign", 5, 6)
    assert SIGNER.verify(Door.CLICK, old) == ("campaign", 5, 6)
    retired = TokenSigner(TokenKeys({2: NEW}, current=2))
    assert retired.verify(Door.CLICK, old) is None
    assert TokenSigner(TokenKeys({1: NEW}, current=1)).verify(Door.CLICK, old) is None


@given(kinds, ids, ids, st.data())
def test_no_changed_token_is_accepted(kind: str, parent_id: int, lead_id: int, data: st.DataObject) -> None:
    token = SIGNER.sign(Door.UNSUBSCRIBE, kind, parent_id, lead_id)  # type: ignore[arg-type]
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    assert SIGNER.verify(Door.UNSUBSCRIBE, base64.urlsafe_b64encode(raw).decode().rstrip("=")) is None


@given(ids, ids)
def test_a_token_has_one_spelling(parent_id: int, lead_id: int) -> None:
    token = SIGNER.sign(Door.CLICK, "campaign", parent_id, lead_id)
    for other in (token + "A", token + "=", token[:-1], " " + token, token + "\n", token.swapcase()):
        assert other == token or SIGNER.verify(Door.CLICK, other) is None


@settings(max_examples=500)
@given(
    st.text(max_size=80)
    | st.text("ABCdef012-_=", max_size=60)
    | st.text("abcdefgh234567", max_size=60)
    | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
    | st.binary(min_size=2, max_size=40).map(lambda raw: base64.b32encode(bytes([4]) + raw).decode().rstrip("=")),
    doors,
)
def test_garbage_is_no_token_and_raises_nothing(garbage: str, door: Door) -> None:
    assert SIGNER.verify(door, garbage) is None


@pytest.mark.parametrize("garbage", [None, b"bytes", 7, "x" * 100_000, "\ud800" * 20, "٣" * 24])
def test_odd_garbage_is_no_token_either(garbage: object) -> None:
    assert SIGNER.verify(Door.CLICK, garbage) is None  # type: ignore[arg-type]


def test_a_door_that_does_not_exist_opens_for_nobody() -> None:
    assert SIGNER.verify("cellar", SIGNER.sign(Door.CLICK, "campaign", 1, 2)) is None
    with pytest.raises(ValueError, match="no door"):
        SIGNER.sign("cellar", "campaign", 1, 2)


@pytest.mark.parametrize(("parent_id", "lead_id"), [(-1, 2), (1, -2), (MAX_ID + 1, 1), (1, 1 << 70)])
def test_ids_out_of_range_are_refused(parent_id: int, lead_id: int) -> None:
    with pytest.raises(ValueError, match="ids go from 0"):
        SIGNER.sign_all("campaign", parent_id, lead_id)


def test_a_kind_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="campaign or a message"):
        SIGNER.sign(Door.CLICK, "letter", 1, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keys", "current"),
    [({}, 1), ({1: NEW}, 2), ({1: b"short"}, 1), ({1: b"x" * 65}, 1), ({128: NEW}, 128), ({-1: NEW}, -1)],
)
def test_unfit_keys_are_refused(keys: dict[int, bytes], current: int) -> None:
    with pytest.raises(ValueError, match="token key"):
        TokenKeys(keys, current)


def test_keys_are_not_shown() -> None:
    assert "key" not in repr(TokenKeys({1: NEW}, 1)).replace("TokenKeys", "")


def test_the_mac_has_eighty_bits() -> None:
    assert MAC_BYTES * 8 >= 80
