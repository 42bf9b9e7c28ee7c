"""What a check compares DNS with: the domain as it is set up here."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from delivery.engine.dns.ask import Dns

# relays of which it is known what a domain includes in its SPF record for them
KNOWN_INCLUDES = {
    "amazonaws.com": "amazonses.com",
    "sendgrid.net": "sendgrid.net",
    "mailgun.org": "mailgun.org",
    "postmarkapp.com": "spf.mtasv.net",
    "brevo.com": "spf.brevo.com",
    "sendinblue.com": "spf.brevo.com",
    "mailjet.com": "spf.mailjet.com",
    "smtp.resend.com": "amazonses.com",
    "google.com": "_spf.google.com",
    "gmail.com": "_spf.google.com",
    "office365.com": "spf.protection.outlook.com",
    "sparkpostmail.com": "sparkpostmail.com",
}


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A key that we sign with, or shall: where its record must stand and what must stand there."""

    selector: str
    name: str
    value: str
    is_next: bool


@dataclass(frozen=True, slots=True)
class SmtpSender:
    """A relay that mail of the domain leaves by. address: of this machine, where the provider names one."""

    name: str
    host: str
    address: str = ""

    @property
    def include(self) -> str:
        """What SPF records include for this relay; "" where that is not known."""
        parts = self.host.lower().split(".")
        suffixes = [".".join(parts[start:]) for start in range(len(parts))]
        return next((KNOWN_INCLUDES[suffix] for suffix in suffixes if suffix in KNOWN_INCLUDES), "")

    async def public_addresses(self, dns: Dns) -> list[str]:
        """Addresses that receivers may see, as far as this can be told from here. Raises Unasked."""
        named = self.address or self.host
        try:
            found = [str(ipaddress.ip_address(named))]
        except ValueError:
            found = await dns.addresses(named)
        return [one for one in found if ipaddress.ip_address(one).is_global]


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """bounce_domain: of the return path, "" where it is the sender's own. tracking_host: of the links."""

    domain: str
    bounce_domain: str
    is_signing: bool
    keys: tuple[PublishedKey, ...]
    senders: tuple[SmtpSender, ...]
    tracking_host: str

    @property
    def envelope_domain(self) -> str:
        """The domain whose SPF record counts."""
        return self.bounce_domain or self.domain
