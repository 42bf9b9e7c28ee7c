"""Normalising addresses, and the mailbox group of a domain: one rule for imports, forms and send time."""

from __future__ import annotations

import hashlib
import re

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

OTHER = "other"
# who runs the mailboxes behind a domain; for domains that do not stand here their MX records are asked
MAILBOX_DOMAINS: dict[str, tuple[str, ...]] = {
    "gmail": ("gmail.com", "googlemail.com"),
    "yahoo": (
        "yahoo.com", "yahoo.co.uk", "yahoo.fr", "yahoo.de", "yahoo.it", "yahoo.es", "yahoo.ca", "yahoo.com.br",
        "yahoo.co.in", "yahoo.co.jp", "ymail.com", "rocketmail.com", "aol.com", "aol.co.uk", "verizon.net",
    ),
    "microsoft": (
        "outlook.com", "outlook.fr", "outlook.de", "hotmail.com", "hotmail.co.uk", "hotmail.fr", "hotmail.de",
        "hotmail.it", "hotmail.es", "live.com", "live.co.uk", "live.fr", "live.nl", "msn.com",
    ),
    "apple": ("icloud.com", "me.com", "mac.com"),
    "gmx": ("gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.com", "web.de", "mail.com"),
    "comcast": ("comcast.net",),
    "orange": ("orange.fr", "wanadoo.fr"),
    "mailru": ("mail.ru", "bk.ru", "inbox.ru", "list.ru"),
    "yandex": ("yandex.ru", "yandex.com", "ya.ru"),
}  # fmt: skip
GROUP_BY_DOMAIN = {domain: group for group, domains in MAILBOX_DOMAINS.items() for domain in domains}
# those that only MX records tell of: mailboxes, and filters in front of them, under companies' own domains
HOSTING_GROUPS = (
    "ionos", "zoho", "fastmail", "proton", "ovh", "godaddy", "rackspace", "mimecast", "proofpoint", "barracuda",
    "cisco", "symantec",
)  # fmt: skip
MAILBOX_GROUPS = (*MAILBOX_DOMAINS, *HOSTING_GROUPS, OTHER)


MAX_ADDRESS_CHARACTERS = 254
# possessive: what was read as an atom is not looked at again
_ATOM = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]++"
PLAIN_LOCAL_PART = re.compile(rf"{_ATOM}(?:\.{_ATOM})*+")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_UNSURE_TOP_LEVELS = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)


class AddressInvalid(ValueError):
    """The text is not an e-mail address that can be sent to. The message says why; show it to the person."""


def normalise(text: str) -> str:
    """The address as it is stored and compared: trimmed, domain in ASCII lower case, local part in lower case.

    Raises AddressInvalid with the reason. No DNS is asked. example.com and friends are allowed: they are what
    people try things with.
    """
    text = text.strip()
    local, at, domain = text.rpartition("@")
    # the library takes 40 µs to find out that it has nothing to say of nearly every address
    if at and len(text) <= MAX_ADDRESS_CHARACTERS and PLAIN_LOCAL_PART.fullmatch(local) and is_plain_domain(domain):
        return f"{local.lower()}@{domain.lower()}"
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise AddressInvalid(str(error)) from error
    return f"{found.local_part.lower()}@{found.ascii_domain}"


def is_plain_domain(domain: str) -> bool:
    """True only for ASCII domains that need no thought: no Punycode, no reserved name, a top level of letters."""
    if not domain.isascii() or "--" in domain:
        return False
    lowered = domain.lower()
    top_level = lowered.rpartition(".")[2]
    return top_level[-1:].isalpha() and top_level not in _UNSURE_TOP_LEVELS and bool(_DOMAIN.fullmatch(lowered))


def domain_of(address: str) -> str:
    return address.rpartition("@")[2]


def mailbox_group(address: str) -> str:
    """The mailbox provider's group ("gmail", "yahoo", …, "other") from the static domain table."""
    return GROUP_BY_DOMAIN.get(domain_of(address), OTHER)


def digest(value: str) -> bytes:
    """SHA-256 (32 bytes) of a normalised address or domain: the key of suppressions, same as PostgreSQL's sha256()."""
    return hashlib.sha256(value.encode()).digest()


def address_hash(address: str) -> bytes:
    """The first 8 bytes of `digest`: enough for the ledger to recognise an address that it does not store."""
    return digest(address)[:8]
