"""Measure DKIM signing: the bare RSA signature, all that we do for a message, and what dkimpy takes for the same.

python -m bench.dkim [--sizes 2000 50000] [--count 300] [--rounds 20]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime

import dkim

from delivery.engine import dkim_keys
from delivery.engine.dkim import DkimSigner, seal
from delivery.engine.message import Mailbox, MessageHead, MessageTemplate

DOMAIN = "news.example"
# as many as a channel signs at once
TOGETHER = 16
HEADERS = [
    ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ("List-Id", "<list-1.news.example>"),
    ("Feedback-ID", "c1:list-1:bulk:massmailer"),
    ("Reply-To", "help@news.example"),
]
UNSUBSCRIBE = ("List-Unsubscribe", f"<https://t.news.example/u/{'k' * 40}>, <mailto:unsubscribe@b.news.example>")
SIGNED = [name.encode() for name, _ in [*HEADERS, UNSUBSCRIBE]]
SIGNED += [b"From", b"To", b"Subject", b"Date", b"Message-ID", b"MIME-Version", b"Content-Type"]


class Name:
    """The one value that differs, near the beginning: hardly anything of the body can be hashed ahead."""

    def render(self, _context: object) -> str:
        return "Ada Lovelace"


def template(size_bytes: int, signer: DkimSigner | None) -> MessageTemplate:
    """A message of about this size."""
    filler = "<p>Words of a letter, as many as it takes.</p>\n" * max(1, (size_bytes - 800) // 47)
    return MessageTemplate(
        ("News for ", Name()), (Name(), filler), (Name(),), Mailbox("news@news.example", "News"), HEADERS, signer=signer
    )


def microseconds(works: list[Callable[[], object]], count: int, rounds: int) -> list[float]:
    """CPU time of one call of each: the best of the rounds, in which they take turns to share the noise."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for number, work in enumerate(works):
            began = time.process_time()
            for _ in range(count):
                work()
            best[number] = min(best[number], (time.process_time() - began) / count * 1e6)
    return best


def measure(size_bytes: int, count: int, rounds: int, keys: list[dkim_keys.DkimKey], pem: str) -> str:
    """One line of the table: the bare signatures, what a render takes longer with a signer, the same where a part of a
    window is signed together and with keys that cost nothing, and dkimpy."""
    head = MessageHead("ada@example.com", "Ada", "m1@news.example", datetime.now(UTC), (UNSUBSCRIBE,))
    idle = [dkim_keys.DkimKey(key.selector, key.algorithm, lambda _: bytes(256)) for key in keys]
    plain, signed, unsigned = [template(size_bytes, one and DkimSigner(DOMAIN, one)) for one in (None, keys, idle)]
    message = plain.render({}, head).data
    args = (message, b"mm1", DOMAIN.encode(), pem.encode())
    options = {"canonicalize": (b"relaxed", b"simple"), "include_headers": SIGNED}
    bare, without, ours, together, rest = microseconds(
        [
            lambda: [key.sign(message[:1500]) for key in keys],
            lambda: plain.render({}, head),
            lambda: signed.render({}, head),
            lambda: seal([signed.compose({}, head).drafts for _ in range(TOGETHER)]),
            lambda: unsigned.render({}, head),
        ],
        count,
        rounds,
    )
    (theirs,) = microseconds([lambda: dkim.sign(*args, **options)], max(1, count // 20), rounds)
    costs = (bare, ours - without, together / TOGETHER - without, rest - without, theirs)
    return f"| {len(message):,} | " + " | ".join([f"{cost:,.0f}" for cost in costs]) + " |"


def main() -> None:
    """Print the table, in microseconds of CPU time a message: by RSA, then by RSA and Ed25519."""
    parser = argparse.ArgumentParser(prog="bench.dkim", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 50000])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    pem = dkim_keys.new_rsa_key()
    rsa, ed25519 = dkim_keys.load_key("mm1", pem), dkim_keys.load_key("mm1e", dkim_keys.new_ed25519_key())
    print("| keys | bytes | bare signatures | one by one | sixteen together | all but the keys | dkimpy, RSA |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for title, keys in (("RSA-2048", [rsa]), ("RSA-2048 and Ed25519", [rsa, ed25519])):
        for size_bytes in given.sizes:
            print(f"| {title} {measure(size_bytes, given.count, given.rounds, keys, pem)}", flush=True)


if __name__ == "__main__":
    main()
