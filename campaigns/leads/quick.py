"""Checking addresses at import speed: a domain that was seen before is not looked at again."""

from __future__ import annotations

from campaigns import addresses

# a file with a new domain on every line must not fill the memory
MAX_DOMAINS_REMEMBERED = 50_000


class AddressReader:
    """Normalises addresses as `addresses.normalise` does, to the letter, and names their mailbox group."""

    def __init__(self) -> None:
        self._domains: dict[str, tuple[str, str]] = {}

    def read(self, text: str) -> tuple[str, str]:
        """The address as it is stored, and its mailbox group. Raises addresses.AddressInvalid with the reason."""
        text = text.strip()
        local, at, domain = text.rpartition("@")
        known = self._domains.get(domain) or self._learn(domain)
        is_short = len(text) <= addresses.MAX_ADDRESS_CHARACTERS
        if at and known and is_short and addresses.PLAIN_LOCAL_PART.fullmatch(local):
            return f"{local.lower()}@{known[0]}", known[1]
        email = addresses.normalise(text)
        return email, addresses.mailbox_group(email)

    def _learn(self, domain: str) -> tuple[str, str] | None:
        if not addresses.is_plain_domain(domain):
            return None
        if len(self._domains) >= MAX_DOMAINS_REMEMBERED:
            self._domains.clear()
        lowered = domain.lower()
        known = self._domains[domain] = (lowered, addresses.GROUP_BY_DOMAIN.get(lowered, addresses.OTHER))
        return known
