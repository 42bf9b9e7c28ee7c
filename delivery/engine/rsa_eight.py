"""RSA signatures by eights: Intel's crypto_mb computes with eight numbers at once where a processor has AVX-512 IFMA.

A signature of PKCS #1 v1.5 depends on nothing but key and digest, so these are the bytes that OpenSSL gives.
Without the library, or on a processor where it gains nothing, OpenSSL signs one after the other.
"""

from __future__ import annotations

import ctypes
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from delivery.engine import rsa_library
from delivery.engine.rsa_library import LibraryUnusable

LANES = 8
BITS = 2048
SIZE, PRIME_SIZE = BITS // 8, BITS // 16
EXPONENT = 65537
# RFC 8017 section 9.2: 00 01 FF ... FF 00, and the DER prefix of a SHA-256 digest
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
DIGEST_SIZE = 32
PADDED = b"\x00\x01" + b"\xff" * (SIZE - 3 - len(DIGEST_INFO) - DIGEST_SIZE) + b"\x00" + DIGEST_INFO
TRIALS = 5


class EightSigner:
    """Signs up to eight SHA-256 digests with one RSA key of 2048 bits in the time of four or less.

    least: from how many on that is faster than one after the other, as measured here.
    """

    def __init__(self, key: RSAPrivateKey) -> None:
        """Raises LibraryUnusable where library, processor or key do not allow it, or nothing would be gained."""
        self._library = rsa_library.load()
        self._one_by_one = _signing(key)
        numbers = key.private_numbers()
        public = numbers.public_numbers
        if key.key_size != BITS or public.e != EXPONENT or not _is_half(numbers.p) or not _is_half(numbers.q):
            raise LibraryUnusable(
                "only RSA keys of 2048 bits, with two primes of 1024 bits and e = 65537, are signed with"
            )
        parts = (numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
        self._private = [_Same(part, PRIME_SIZE) for part in parts]
        self._modulus = _Same(public.n, SIZE)
        self._asked, self._signed, self._opened = _Lanes(), _Lanes(), _Lanes()
        self._sign, self._open = self._calls()
        self._lock = threading.Lock()
        self.least = self._measured()

    def sign(self, digests: Sequence[bytes]) -> list[bytes]:
        """The signatures of one to eight SHA-256 digests."""
        encoded = b"".join([PADDED + digest for digest in digests])
        # the lanes that are left sign the first digest again: what is in them costs nothing
        filled = encoded + encoded[:SIZE] * (LANES - len(digests))
        with self._lock:
            self._asked.write(filled)
            # a fault in the arithmetic of one prime would give the key away: nothing leaves that does not verify
            if self._sign() == 0 and self._open() == 0 and self._opened.read() == filled:
                signed = self._signed.read()
                return [signed[start : start + SIZE] for start in range(0, SIZE * len(digests), SIZE)]
        return [self._one_by_one(digest) for digest in digests]

    def _calls(self) -> tuple[Callable[[], int], Callable[[], int]]:
        """Sign what is in the lanes; raise what was signed to the public exponent. Each gives 0 where all went well."""
        mb, bits = self._library, ctypes.c_int(BITS)
        private, public = (
            ctypes.c_void_p(one()) for one in (mb.mbx_RSA2K_private_crt_Method, mb.mbx_RSA2K_pub65537_Method)
        )
        room = [ctypes.create_string_buffer(mb.mbx_RSA_Method_BufSize(method)) for method in (private, public)]
        private_key = [part.pointers for part in self._private]
        asked, signed, opened = (lanes.pointers for lanes in (self._asked, self._signed, self._opened))
        to_sign = (asked, signed, *private_key, bits, private, room[0])
        to_open = (signed, opened, self._modulus.pointers, bits, public, room[1])
        return lambda: int(mb.mbx_rsa_private_crt_mb8(*to_sign)), lambda: int(mb.mbx_rsa_public_mb8(*to_open))

    def _measured(self) -> int:
        digests = [secrets.token_bytes(DIGEST_SIZE) for _ in range(LANES)]
        if self.sign(digests) != [self._one_by_one(digest) for digest in digests]:
            raise LibraryUnusable(f"{rsa_library.LIBRARY} does not give the signatures of OpenSSL")
        one = _shortest(lambda: self._one_by_one(digests[0]))
        least = int(_shortest(lambda: self.sign(digests)) / one) + 1
        if least > LANES:
            raise LibraryUnusable("eight signatures at once take longer than one after the other here")
        return least


class _Lanes:
    """Eight numbers of 2048 bits, big-endian, side by side."""

    def __init__(self) -> None:
        self._buffer = ctypes.create_string_buffer(LANES * SIZE)
        self._view = memoryview(self._buffer).cast("B")
        start = ctypes.addressof(self._buffer)
        self.pointers = (ctypes.c_void_p * LANES)(*[start + SIZE * lane for lane in range(LANES)])

    def write(self, data: bytes) -> None:
        self._view[:] = data

    def read(self) -> bytes:
        return self._view.tobytes()


class _Same:
    """One number for all lanes, little-endian."""

    def __init__(self, number: int, size: int) -> None:
        self._buffer = ctypes.create_string_buffer(number.to_bytes(size, "little"), size)
        self.pointers = (ctypes.c_void_p * LANES)(*[ctypes.addressof(self._buffer)] * LANES)


def _is_half(prime: int) -> bool:
    return prime.bit_length() == BITS // 2


def _signing(key: RSAPrivateKey) -> Callable[[bytes], bytes]:
    padding, digest = PKCS1v15(), Prehashed(SHA256())
    return lambda data: key.sign(data, padding, digest)


def _shortest(work: Callable[[], Any]) -> float:
    """Seconds of processor time of the quickest of some calls: other programs must not decide."""
    times = []
    for _ in range(TRIALS):
        began = time.thread_time()
        work()
        times.append(time.thread_time() - began)
    return min(times)
