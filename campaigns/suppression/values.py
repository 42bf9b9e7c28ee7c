"""What a person or a file writes to name an address, a hash or a domain; and the words for reasons."""

from __future__ import annotations

import re

from campaigns import addresses
from campaigns.leads.headers import fold
from campaigns.leads.quick import AddressReader
from campaigns.models import Suppression
from campaigns.suppression.add import Entry

Kind = Suppression.Kind
Reason = Suppression.Reason
_IS_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})").fullmatch
_IS_OTHER_HASH = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{128}").fullmatch
_WORDS = {
    Reason.HARD_BOUNCE: "hard bounce, hard_bounce, hardbounce, bounce, bounced, cleaned, invalid, hard, bounces",
    Reason.SOFT_BOUNCES: "soft bounces, soft bounce, soft",
    Reason.COMPLAINT: "complaint, complained, spam complaint, spam report, abuse, marked as spam, spam, fbl",
    Reason.UNSUBSCRIBE: "unsubscribe, unsubscribed, opted out, opt out, optout, global unsubscribe",
    Reason.MANUAL: "manual, added by hand, blocked, blacklist, blocklist",
    Reason.IMPORTED: "imported, import",
}
_REASON_BY_WORD = {fold(word): reason for reason, words in _WORDS.items() for word in words.split(",")}


class ValueUnclear(ValueError):
    """Neither an address nor a hash nor a domain. The message says what is wrong and how it should be written."""


class ValueReader:
    """Reads values at import speed: domains that were seen before are not looked at again."""

    def __init__(self) -> None:
        self._addresses = AddressReader()

    def read(self, text: str, reason: str, *, hash_only: bool = False) -> Entry:
        """The entry that the text means. Raises ValueUnclear."""
        text = text.strip().strip("'\"<>").strip().lower()
        local, at, domain = text.rpartition("@")
        if local:
            return self._address(text, reason, hash_only)
        found = _IS_SHA256(text)
        if found:
            return Entry(Kind.HASH, bytes.fromhex(found[1]), "", reason)
        if _IS_OTHER_HASH(text):
            raise ValueUnclear("This hash is not SHA-256. Export the list as SHA-256 of the lower-case addresses.")
        return self._domain(domain if at else text, reason)

    def _address(self, text: str, reason: str, hash_only: bool) -> Entry:
        try:
            address, _ = self._addresses.read(text)
        except addresses.AddressInvalid as error:
            raise ValueUnclear(f"This is not an address: {error}") from error
        if hash_only:
            return Entry(Kind.HASH, addresses.digest(address), "", reason)
        return Entry(Kind.ADDRESS, addresses.digest(address), address, reason)

    def _domain(self, text: str, reason: str) -> Entry:
        if text.startswith("*."):
            raise ValueUnclear("A domain means itself alone. Write each subdomain that is used, without an asterisk.")
        if "." not in text:
            raise ValueUnclear("Write an address (somebody@example.com), its SHA-256 hash, or a domain (example.com).")
        domain = text if addresses.is_plain_domain(text) else self._odd_domain(text)
        return Entry(Kind.DOMAIN, addresses.digest(domain), domain, reason)

    def _odd_domain(self, text: str) -> str:
        try:
            return addresses.domain_of(addresses.normalise(f"somebody@{text}"))
        except addresses.AddressInvalid as error:
            raise ValueUnclear(
                "Write an address (somebody@example.com), its SHA-256 hash, or a domain (example.com)."
            ) from error


def reason_of(text: str) -> str:
    """The reason that a word of another system means; "" for a word that says nothing to us."""
    found = _REASON_BY_WORD.get(fold(text))
    return found.value if found else ""
