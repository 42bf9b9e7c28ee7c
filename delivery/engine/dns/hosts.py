"""The hosts around a domain: where bounces arrive, where mail comes from, where links lead."""

from __future__ import annotations

import ipaddress

from delivery.engine.dns.ask import Dns
from delivery.engine.dns.facts import DomainFacts, SmtpSender
from delivery.engine.dns.line import Line, Paste, State


async def bounce_line(dns: Dns, facts: DomainFacts) -> Line:
    """Whether late bounces can arrive at the return path."""
    domain = facts.bounce_domain
    if not domain:
        return Line("Bounces", "warning", "No bounce domain is set: late bounces go to the From address, uncounted.")
    paste = Paste("MX", domain, f"10 {facts.tracking_host or 'mail.' + facts.domain}")
    hosts = await dns.mail_hosts(domain)
    if hosts == [""]:
        return Line("Bounces", "error", f"{domain} says that it accepts no mail (a null MX).", paste)
    if not hosts and await dns.addresses(domain):
        return Line("Bounces", "warning", f"{domain} has no MX record; servers fall back to its address.", paste)
    if not hosts:
        return Line("Bounces", "error", f"{domain} has no MX record: bounces cannot arrive.", paste)
    if not [host for host in hosts if host and await dns.addresses(host)]:
        return Line("Bounces", "error", f"The mail hosts of {domain} have no address: {', '.join(hosts)}.")
    return Line("Bounces", "ok", f"{domain} is received by {', '.join(hosts)}.")


async def sender_line(dns: Dns, sender: SmtpSender) -> Line:
    """Names of the addresses that mail leaves from: large receivers refuse those without one (PTR)."""
    name = sender_name(sender)
    addresses = await sender.public_addresses(dns)
    if not addresses:
        return Line(name, "unknown", f"{sender.host or sender.address} has no public address to look at from here.")
    nameless = [address for address in addresses if not await _is_named(dns, address)]
    if not nameless:
        return Line(name, "ok", f"{', '.join(addresses)}: name and address agree.")
    # a relay's own names are the relay's business; this machine's are ours
    state: State = "error" if sender.address else "warning"
    words = f"{', '.join(nameless)} has no name (PTR) that leads back to it. Its network's owner can set one."
    return Line(name, state, words, Paste("PTR", nameless[0], sender.host) if sender.address else None)


async def _is_named(dns: Dns, address: str) -> bool:
    """Whether a name of the address leads back to it."""
    for name in await dns.names_of(address):
        if ipaddress.ip_address(address) in [ipaddress.ip_address(one) for one in await dns.addresses(name)]:
            return True
    return False


def sender_name(sender: SmtpSender) -> str:
    """The name of a relay's line."""
    return f"Sending address of {sender.name}"


async def tracking_line(dns: Dns, facts: DomainFacts) -> Line:
    """Whether recipients can reach the links."""
    host = facts.tracking_host
    try:
        is_public = ipaddress.ip_address(host).is_global
    except ValueError:
        is_public = "." in host and not host.endswith(".localhost")
    if not is_public:
        return Line("Tracking", "warning", f"Links lead to {host or 'nowhere'}, which only this machine reaches.")
    addresses = [host] if host.replace(".", "").isdigit() or ":" in host else await dns.addresses(host)
    if not addresses:
        return Line("Tracking", "error", f"{host} has no address: links lead nowhere.", Paste("A", host, "…"))
    return Line("Tracking", "ok", f"{host} leads to {', '.join(addresses)}.")
