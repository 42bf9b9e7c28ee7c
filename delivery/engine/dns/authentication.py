"""SPF, DKIM and DMARC: one line each, judged as receivers judge them."""

from __future__ import annotations

import re

from delivery.engine.dkim_keys import record_tags
from delivery.engine.dns import spf
from delivery.engine.dns.ask import Dns
from delivery.engine.dns.facts import DomainFacts, PublishedKey, SmtpSender
from delivery.engine.dns.line import Line, Paste

# second-level names under which anybody registers, as far as a rule of thumb goes
_is_public_suffix = re.compile(r"(?:ac|co|com|edu|gob|gov|go|gv|ltd|ne|net|or|org|plc)\.[a-z]{2}").fullmatch
POLICIES = ("none", "quarantine", "reject")


# --- SPF ------------------------------------------------------------------------------------------------------------
async def spf_line(dns: Dns, facts: DomainFacts) -> Line:
    """The record of the return path's domain: one, readable, within ten look-ups, and covering our relays."""
    domain = facts.envelope_domain
    found = await spf.records(dns, domain)
    if not found:
        wanted = await _additions(dns, facts.senders, None)
        paste = Paste("TXT", domain, " ".join(["v=spf1", *wanted, "~all"]))
        return Line("SPF", "error", f"{domain} has no SPF record.", paste)
    if len(found) > 1:
        return Line("SPF", "error", f"{domain} has {len(found)} SPF records; receivers accept one. Join them.")
    read = await spf.follow(dns, domain, found[0])
    missing = await _additions(dns, facts.senders, read)
    paste = Paste("TXT", domain, " ".join([found[0][:6], *missing, found[0][6:].strip()]).strip())
    return _judge_spf(found[0], read, missing, paste)


def _judge_spf(record: str, read: spf.Spf, missing: list[str], paste: Paste) -> Line:
    cost = f"{read.lookups} of {spf.MOST_LOOKUPS} look-ups"
    if read.problems:
        return Line("SPF", "error", f"{record} - {'; '.join(read.problems)}.")
    if read.lookups > spf.MOST_LOOKUPS:
        return Line("SPF", "error", f"{record} - it needs {cost}: receivers give up. Remove an include.")
    if read.is_open:
        return Line("SPF", "warning", f"{record} - it lets everybody send in your name. End it with ~all or -all.")
    if missing:
        unsure = "" if read.is_whole else ", as far as can be told from here"
        return Line("SPF", "warning", f"{record} - it does not name {', '.join(missing)}{unsure}.", paste)
    return Line("SPF", "ok", f"{record} - {cost}.")


async def _additions(dns: Dns, senders: tuple[SmtpSender, ...], read: spf.Spf | None) -> list[str]:
    """The terms that the record lacks for our relays."""
    wanted: list[str] = []
    for sender in senders:
        if sender.include:
            covered = read is not None and sender.include in read.includes
            wanted += [] if covered else [f"include:{sender.include}"]
            continue
        for address in await sender.public_addresses(dns):
            if read is None or not read.allows(address):
                wanted.append(f"ip{6 if ':' in address else 4}:{address}")
    return list(dict.fromkeys(wanted))


# --- DKIM -----------------------------------------------------------------------------------------------------------
async def dkim_line(dns: Dns, key: PublishedKey) -> Line:
    """The record of one key: ok only where exactly our public key stands there."""
    name = dkim_name(key.selector)
    paste = Paste("TXT", key.name, key.value)
    found = await dns.texts(key.name)
    if not found:
        return Line(name, "warning" if key.is_next else "error", f"{key.name} has no record.", paste)
    if len(found) > 1:
        return Line(name, "error", f"{key.name} has {len(found)} records; leave only the one for this key.", paste)
    theirs, ours = record_tags(found[0]), record_tags(key.value)
    if theirs.get("p") == "":
        return Line(name, "error", "The record says that the key was revoked.", paste)
    if theirs.get("v", "DKIM1") != "DKIM1" or theirs.get("k", "rsa") != ours["k"] or theirs.get("p") != ours["p"]:
        return Line(name, "error", "The record is not the one of this key: signatures fail.", paste)
    if "y" in theirs.get("t", "").split(":"):
        return Line(name, "warning", "The record matches, but t=y says that this is only a test. Remove it.", paste)
    return Line(name, "ok", f"{key.name} matches the key.")


def dkim_name(selector: str) -> str:
    """The name of a key's line."""
    return f"DKIM {selector}"


async def no_key_line() -> Line:
    """What stands in the place of the keys' lines where there are none."""
    return Line("DKIM", "warning", "There is no key yet: mail leaves unsigned. Generate one on this page.")


# --- DMARC ----------------------------------------------------------------------------------------------------------
async def dmarc_line(dns: Dns, facts: DomainFacts) -> Line:
    """The policy that receivers apply to the domain, its own or a parent's, and whether our mail is aligned with it."""
    name = f"_dmarc.{facts.domain}"
    wanted = Paste("TXT", name, f"v=DMARC1; p=none; rua=mailto:dmarc@{facts.domain}")
    for domain in _upwards(facts.domain):
        texts = await dns.texts(f"_dmarc.{domain}")
        found = [text for text in texts if re.match(r"v\s*=\s*DMARC1\s*(;|$)", text)]
        if len(found) > 1:
            return Line("DMARC", "error", f"_dmarc.{domain} has {len(found)} records: receivers ignore them all.")
        if found:
            return _judge_dmarc(facts, found[0], is_own=domain == facts.domain)
    return Line("DMARC", "error", f"{facts.domain} has no DMARC record, and no parent of it has one.", wanted)


def _judge_dmarc(facts: DomainFacts, record: str, *, is_own: bool) -> Line:
    tags = {name.lower(): value for name, value in record_tags(record).items()}
    policy = (tags.get("p", "") if is_own else tags.get("sp", tags.get("p", ""))).lower()
    if policy not in POLICIES:
        return Line("DMARC", "error", f"{record} - p={policy or '…'} is no policy; use none, quarantine or reject.")
    if not is_aligned(facts, tags):
        return Line("DMARC", "error", f"{record} - {_not_aligned(facts)}")
    if "rua" not in tags:
        words = "nobody gets the reports. Add rua=mailto:…"
        return Line("DMARC", "warning", f"{record} - {words}", _with_reports(facts, record) if is_own else None)
    return Line("DMARC", "ok", f"{record} - policy {policy}, aligned by {_aligned_by(facts, tags)}.")


def is_aligned(facts: DomainFacts, tags: dict[str, str]) -> bool:
    """Whether our mail can pass DMARC: signed by the From domain, or returned to one that is aligned with it."""
    return bool(_aligned_by(facts, tags))


def _aligned_by(facts: DomainFacts, tags: dict[str, str]) -> str:
    is_strict = tags.get("aspf", "r").lower() == "s"
    same = facts.envelope_domain == facts.domain
    by_spf = same or (not is_strict and _organisation(facts.envelope_domain) == _organisation(facts.domain))
    return " and ".join(name for name, holds in (("DKIM", facts.is_signing), ("SPF", by_spf)) if holds)


def _not_aligned(facts: DomainFacts) -> str:
    return (
        f"our mail fails it: it is not signed, and its return path is at {facts.envelope_domain}. Switch signing on, "
        f"or use a bounce domain below {facts.domain}."
    )


def _with_reports(facts: DomainFacts, record: str) -> Paste:
    return Paste("TXT", f"_dmarc.{facts.domain}", f"{record.rstrip('; ')}; rua=mailto:dmarc@{facts.domain}")


def _upwards(domain: str) -> list[str]:
    """The domain and its parents, down to two labels."""
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(max(1, len(labels) - 1))]


def _organisation(domain: str) -> str:
    """The registered domain, by a rule of thumb instead of the public suffix list."""
    labels = domain.split(".")
    count = 3 if _is_public_suffix(".".join(labels[-2:])) else 2
    return ".".join(labels[-count:])
