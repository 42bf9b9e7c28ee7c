"""The DKIM keys of a sending domain: made, published, put to use, and replaced without a message that nobody verifies.

A domain has keys in use and, while they are replaced, the next ones beside them. The next ones sign nothing before
their records were seen in DNS, or a person says that they are there.
"""

from __future__ import annotations

import string
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import product
from typing import Any

from django.db import transaction

from campaigns import crypto
from delivery.domains import Known
from delivery.engine import dkim_keys
from delivery.engine.dkim import DkimSigner
from delivery.models import SendingDomain


class SigningImpossible(Exception):
    """The domain signs, and its key cannot be opened. Nothing is sent from it until that is cured."""


class SwitchRefused(Exception):
    """Signing cannot be switched on as things stand; the message says why and what to do. Show it to the person."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """The TXT record of one key. value: on one line. is_next: not yet in use."""

    selector: str
    name: str
    value: str
    is_next: bool

    @property
    def quoted(self) -> str:
        """The value in strings of 255 characters, as zone files want it."""
        return dkim_keys.quoted_strings(self.value)


# --- signing --------------------------------------------------------------------------------------------------------
def signer_of(known: Known | None) -> DkimSigner | None:
    """The signer of a domain; None where it does not sign. Raises SigningImpossible."""
    if known is None or not known.is_signing:
        return None
    return _signer(known)


@lru_cache(maxsize=64)
def _signer(known: Known) -> DkimSigner:
    """Loading a key costs as much as a hundred signatures: once for each process and key."""
    try:
        secrets = crypto.unseal(known.sealed_keys)
        selectors = {"rsa": known.dkim_selector, "ed25519": known.ed25519_selector}
        keys = [dkim_keys.load_key(selectors[kind], secrets[kind]) for kind in selectors if secrets.get(kind)]
    except (crypto.SecretUnreadable, dkim_keys.KeyUnusable) as error:
        raise SigningImpossible(f"The DKIM key of {known.domain} cannot be opened: {error}") from error
    if not keys:
        raise SigningImpossible(f"{known.domain} signs, but has no key. Generate one, or switch signing off.")
    return DkimSigner(known.domain, keys)


# --- keys -----------------------------------------------------------------------------------------------------------
@transaction.atomic
def generate(*, domain_id: int, today: date, with_ed25519: bool = False) -> list[KeyRecord]:
    """Make new keys; the records to publish.

    They replace the keys of a domain that does not sign; where it signs, they wait beside those in use (`promote`).
    Raises SendingDomain.DoesNotExist, crypto.SecretUnreadable where keys in use cannot be kept.
    """
    domain = SendingDomain.objects.select_for_update().get(pk=domain_id)
    secrets: dict[str, Any] = domain.keys if domain.is_signing else {}
    made = _new_keys(_selectors_of(domain), today, with_ed25519)
    if domain.is_signing:
        secrets["next"] = made
        domain.keys = secrets
    else:
        _put_to_use(domain, made)
    domain.save()
    return [record for record in records(domain) if record.is_next == domain.is_signing]


@transaction.atomic
def promote(*, domain_id: int, confirmed: Collection[str] | None = None) -> bool:
    """Sign with the next keys from now on; False where none wait. The old record must stay in DNS for a week.

    confirmed: selectors whose records were found; with it, nothing happens before all of the next keys are among them.
    Raises SendingDomain.DoesNotExist, crypto.SecretUnreadable.
    """
    domain = SendingDomain.objects.select_for_update().get(pk=domain_id)
    waiting = domain.keys.get("next")
    selectors = {value for name, value in (waiting or {}).items() if name.endswith("_selector")}
    if not waiting or (confirmed is not None and not selectors <= set(confirmed)):
        return False
    _put_to_use(domain, waiting)
    domain.save()
    return True


def records(domain: SendingDomain) -> list[KeyRecord]:
    """The records of the keys in use, then of the next ones. Raises crypto.SecretUnreadable, dkim_keys.KeyUnusable."""
    secrets = domain.keys
    in_use = {**secrets, "rsa_selector": domain.dkim_selector, "ed25519_selector": domain.ed25519_selector}
    return [*_records(domain, in_use, False), *_records(domain, secrets.get("next", {}), True)]


def unconfirmed(domain: SendingDomain) -> list[str]:
    """Selectors in use whose record the last DNS check did not find as it must be."""
    confirmed = domain.dns_report.get("confirmed", [])
    in_use = [name for name in (domain.dkim_selector, domain.ed25519_selector) if name]
    return [name for name in in_use if name not in confirmed]


@transaction.atomic
def switch_signing(*, domain_id: int, on: bool, is_sure: bool = False) -> None:
    """Sign, or stop signing, from now on; running workers follow within seconds.

    is_sure: a person says that the records are published, though no check has seen them.
    Raises SendingDomain.DoesNotExist, SwitchRefused.
    """
    domain = SendingDomain.objects.select_for_update().get(pk=domain_id)
    reason = why_not_sign(domain, is_sure=is_sure) if on else ""
    if reason:
        raise SwitchRefused(reason)
    domain.is_signing = on
    domain.save(update_fields=["is_signing", "updated_at"])


def why_not_sign(domain: SendingDomain, *, is_sure: bool) -> str:
    """Why signing cannot be switched on now and what to do about it, "" when it can; `is_sure` as above."""
    if not domain.dkim_selector:
        return "There is no key yet: generate one first."
    if not _can_sign(domain):
        return "The key cannot be opened: put the old key back into ENCRYPTION_KEYS, or generate a new one."
    missing = unconfirmed(domain)
    if not missing or is_sure:
        return ""
    return (
        f"The record of {' and of '.join(missing)} was not found in DNS yet. Publish it, then check DNS. If this "
        "machine cannot ask DNS and you are certain that the record is there, say so."
    )


def _can_sign(domain: SendingDomain) -> bool:
    try:
        return bool(records(domain))
    except (crypto.SecretUnreadable, dkim_keys.KeyUnusable):
        return False


def _put_to_use(domain: SendingDomain, made: dict[str, str]) -> None:
    domain.dkim_selector, domain.ed25519_selector = made["rsa_selector"], made.get("ed25519_selector", "")
    domain.keys = {kind: made[kind] for kind in ("rsa", "ed25519") if kind in made}


def _new_keys(taken: Iterable[str], today: date, with_ed25519: bool) -> dict[str, str]:
    selector = _new_selector(taken, today)
    made = {"rsa": dkim_keys.new_rsa_key(), "rsa_selector": selector}
    if with_ed25519:
        made |= {"ed25519": dkim_keys.new_ed25519_key(), "ed25519_selector": f"{selector}-ed25519"}
    return made


def _selectors_of(domain: SendingDomain) -> list[str]:
    try:
        waiting = domain.keys.get("next", {})
    except crypto.SecretUnreadable:
        waiting = {}
    return [domain.dkim_selector, waiting.get("rsa_selector", "")]


def _new_selector(taken: Iterable[str], today: date) -> str:
    """ "mm202611a", then "mm202611b": never one that an older key of the month had, whose record caches may hold."""
    month = f"mm{today:%Y%m}"
    used = [name.removeprefix(month) for name in taken if name.startswith(month)]
    latest = max(used, key=lambda end: (len(end), end), default="")
    return month + next(end for end in _endings() if (len(end), end) > (len(latest), latest))


def _endings() -> Iterator[str]:
    """ "a" to "z", then "aa" to "zz"."""
    for length in (1, 2):
        yield from ("".join(letters) for letters in product(string.ascii_lowercase, repeat=length))


def _records(domain: SendingDomain, keys: dict[str, Any], is_next: bool) -> list[KeyRecord]:
    kinds = [kind for kind in ("rsa", "ed25519") if keys.get(kind)]
    return [
        KeyRecord(
            selector=keys[f"{kind}_selector"],
            name=dkim_keys.record_name(keys[f"{kind}_selector"], domain.domain),
            value=dkim_keys.record_value(keys[kind]),
            is_next=is_next,
        )
        for kind in kinds
    ]
