"""Reading an address that a person typed in. Strict: what two programs could read in two ways is refused. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL = 2_000
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# "2130706433" and "0x7f.1" are 127.0.0.1 to some programs: a last part like this must be a plain IPv4 address
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")


class UrlRefused(ValueError):
    """This address is not called. The message says why; show it to the person."""


@dataclass(frozen=True, slots=True)
class Target:
    """host: a name in ASCII lower case, or an IP address without brackets. path: with the query, begins with "/"."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == DEFAULT_PORTS[self.scheme] else f"{name}:{self.port}"


def parse(url: str) -> Target:
    """The parts of an http or https URL. Raises UrlRefused with the reason."""
    if len(url) > MAX_URL:
        raise UrlRefused(f"The address is longer than {MAX_URL:,} characters.")
    if _UNSAFE.search(url):
        raise UrlRefused("The address has spaces, backslashes or control characters in it.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlRefused("This is not an address that can be read.") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise UrlRefused("The address must begin with https:// or http://.")
    if "@" in parts.netloc:
        raise UrlRefused("The address may not hold a user name or a password.")
    if port == 0:
        raise UrlRefused("There is no port 0.")
    if "[" in parts.netloc and ":" not in (parts.hostname or ""):
        raise UrlRefused("Only an IPv6 address stands in brackets.")
    host = _host(parts.hostname or "")
    return Target(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], _path(parts))


def _path(parts: SplitResult) -> str:
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=-._~")
    return f"{path}?{quote(parts.query, safe='/%:@!$&()*+,;=-._~?')}" if parts.query else path


def _host(text: str) -> str:
    """The host in one spelling. Raises UrlRefused."""
    if ":" in text:
        return _ipv6(text)
    host = _ascii(text).removesuffix(".")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError as error:
            raise UrlRefused("Write an IPv4 address as four plain numbers, such as 203.0.113.7.") from error
    if not host or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise UrlRefused("The name of the server cannot be read.")
    return host


def _ipv6(text: str) -> str:
    if "%" in text:
        raise UrlRefused("An address with a zone is this machine's own.")
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError as error:
        raise UrlRefused("The IPv6 address cannot be read.") from error


def _ascii(text: str) -> str:
    if text.isascii():
        return text.lower()
    try:
        return text.encode("idna").decode().lower()
    except UnicodeError as error:
        raise UrlRefused("The name of the server cannot be written in ASCII.") from error


@dataclass(frozen=True, slots=True)
class Policy:
    """ports: that may be called anywhere. private_hosts: "host" or "host:port" that may be private."""

    ports: Collection[int]
    private_hosts: Collection[str] = ()

    def is_trusted(self, target: Target) -> bool:
        """Whether an operator has listed this host; "host" for the usual ports, "host:port" for that one alone."""
        listed = {entry.strip().lower() for entry in self.private_hosts}
        name = f"[{target.host}]" if ":" in target.host else target.host
        if f"{name}:{target.port}" in listed:
            return True
        return target.port in self.ports and bool({name, target.host} & listed)

    def demand_port(self, target: Target) -> None:
        """Raises UrlRefused for a port that is not on the list."""
        if target.port not in self.ports and not self.is_trusted(target):
            usual = ", ".join(map(str, sorted(self.ports)))
            raise UrlRefused(f"Port {target.port} is not called; these are: {usual}.")
