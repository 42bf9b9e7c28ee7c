"""Telling people from programs without asking anybody outside.

A stamp, signed by us, says when the page was made and what its question was. Whoever sends the form back proves to be
no program by an answer to that question or by a proof of work, which the page's script finds without being noticed.
The trap is a field that people do not see.
"""

from __future__ import annotations

import hashlib
import logging
import random
import secrets
import time
from dataclasses import dataclass
from enum import Enum

from django.core import signing
from django.core.cache import cache
from django.http import QueryDict
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

SALT = "tracking.forms"
# nobody reads a form and types an address faster; programs do
LEAST_SECONDS = 2.0
OLDEST_SECONDS = 24 * 3600
# zero bits that a proof must begin with: some 16,000 hashes, a second of a slow telephone
PROOF_BITS = 14
TRAP = "website"
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Verdict(Enum):
    """PERSON: go on. AGAIN: ask once more by a fresh page, without saying why. PROGRAM: answer kindly, do nothing."""

    PERSON = "person"
    AGAIN = "again"
    PROGRAM = "program"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a page carries: the stamp, the question in words, and how many bits a proof needs."""

    stamp: str
    question: str
    bits: int = PROOF_BITS


def challenge(slug: str) -> Challenge:
    """A new one, good for one form that is sent back within a day."""
    rng = random.SystemRandom()
    one, two = rng.randint(1, 5), rng.randint(1, 4)
    nonce = secrets.token_hex(8)
    stamp = signing.dumps([time.time(), slug, nonce, _mark(nonce, one + two)], salt=SALT)
    return Challenge(stamp, f"What is {NUMBERS[one]} plus {NUMBERS[two]}?")


def judge(slug: str, post: QueryDict) -> Verdict:
    """Who sent this form. A stamp counts once."""
    if post.get(TRAP, ""):
        return Verdict.PROGRAM
    stamp = post.get("stamp", "")
    try:
        made_at, named, nonce, mark = signing.loads(stamp, salt=SALT, max_age=OLDEST_SECONDS)
    except (signing.BadSignature, ValueError):
        return Verdict.AGAIN
    if time.time() - made_at < LEAST_SECONDS:
        return Verdict.AGAIN
    answered = _is_answer(nonce, mark, post.get("answer", "")) or is_proof(stamp, post.get("proof", ""))
    if named != slug or not answered or not _is_unused(nonce):
        return Verdict.AGAIN
    return Verdict.PERSON


def is_proof(stamp: str, proof: str) -> bool:
    """The hash of stamp and proof begins with PROOF_BITS zeros."""
    if not proof or len(proof) > 20:
        return False
    digest = hashlib.sha256(f"{stamp}:{proof}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> (32 - PROOF_BITS) == 0


def _is_answer(nonce: str, mark: str, answer: str) -> bool:
    text = answer.strip().lower()
    number = NUMBERS.index(text) if text in NUMBERS else int(text) if text in map(str, range(10)) else -1
    return _mark(nonce, number) == mark


def _mark(nonce: str, number: int) -> str:
    """What the stamp says of the right answer: readable by nobody without our key."""
    return signing.Signer(salt=f"{SALT}.answer").signature(f"{nonce}:{number}")[:12]


def _is_unused(nonce: str) -> bool:
    """The first time that it is seen. With Redis away a stamp may be used again within its day."""
    try:
        return bool(cache.add(f"form:{nonce}", 1, OLDEST_SECONDS))
    except (RedisError, OSError) as error:
        log.warning("Redis is away, stamps of forms are not remembered: %s", error)
        return True
