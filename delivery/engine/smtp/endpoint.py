"""Where mail is handed over, and what is handed over: plain values without behaviour on the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, cast
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

Security = Literal["plain", "starttls", "tls"]

_SCHEMES: Mapping[str, Security] = {
    "smtp": "plain",
    "smtp+starttls": "starttls",
    "smtps": "tls",
    "smtp+tls": "tls",
}
_URL_SCHEME: Mapping[Security, str] = {"plain": "smtp", "starttls": "smtp+starttls", "tls": "smtps"}
_DEFAULT_PORT: Mapping[Security, int] = {"plain": 25, "starttls": 587, "tls": 465}
_FALSE = frozenset({"0", "no", "false", "off"})
_OPTIONS = frozenset({"verify", "ca_file", "helo", "local_address"})


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one step may take, in seconds.

    A message starts at most 30 s after its claim, so `data + dot` on top of that must stay below the lease of 45 s:
    a longer step would cost an `unknown` for a message whose fate was about to be known.
    """

    connect: float = 5.0
    greeting: float = 5.0
    ehlo: float = 4.0
    tls: float = 5.0
    auth: float = 5.0
    mail: float = 4.0
    rcpt: float = 4.0
    data: float = 4.0
    dot: float = 10.0
    quit: float = 2.0
    idle: float = 60.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"The time-out {name} must be more than 0 seconds.")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One SMTP server and the way in.

    security: "plain", "starttls" (refused if the server does not offer it) or "tls" (implicit, from the first byte).
    local_address: address to bind to before connecting, "" for the system's choice.
    helo: name given in EHLO, "" for the address literal of our side of the connection.
    verify: check the server's certificate and host name. ca_file: PEM file to check against, "" for the system's.
    chunking: several messages in one write, where the server offers CHUNKING (see `flight`).
    """

    host: str
    port: int
    security: Security = "plain"
    username: str = ""
    password: str = field(default="", repr=False)
    local_address: str = ""
    helo: str = ""
    verify: bool = True
    ca_file: str = ""
    chunking: bool = True
    timeouts: Timeouts = Timeouts()

    def __post_init__(self) -> None:
        if not self.host:
            raise ValueError("The SMTP host is missing: write smtp://host:port.")
        if not 0 < self.port < 65536:
            raise ValueError(f"The SMTP port {self.port} is not between 1 and 65535.")
        if any(character <= " " or character == "\x7f" for character in self.host):
            raise ValueError("The SMTP host contains a space or a control character.")
        for name in ("helo", "local_address"):
            if any(not "!" <= character <= "~" for character in getattr(self, name)):
                raise ValueError(f"The SMTP {name} may hold ASCII letters, digits and signs, no spaces.")

    @classmethod
    def from_url(cls, url: str) -> Endpoint:
        """Read `smtp://`, `smtp+starttls://` or `smtps://` with optional `user:password@` and port.

        Options after "?": verify=no, ca_file=PATH, helo=NAME, local_address=IP. User and password are percent-decoded.
        Raises ValueError with a sentence for the person who typed it; the sentence never repeats the password.
        """
        parts = urlsplit(url.strip())
        security = _SCHEMES.get(parts.scheme.lower())
        if security is None:
            raise ValueError("The SMTP address must begin with smtp://, smtp+starttls:// or smtps://.")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if unknown := sorted(set(options) - _OPTIONS):
            raise ValueError(
                f"Unknown option {unknown[0]!r} in the SMTP address; known are {', '.join(sorted(_OPTIONS))}."
            )
        return cls(
            host=parts.hostname or "",
            port=_port_of(parts.netloc, security),
            security=security,
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            local_address=options.get("local_address", ""),
            helo=options.get("helo", ""),
            verify=options.get("verify", "yes").lower() not in _FALSE,
            ca_file=options.get("ca_file", ""),
        )

    @property
    def url(self) -> str:
        """The address as `from_url` reads it, without the password: fit for logs and pages."""
        user = f"{quote(self.username, safe='')}@" if self.username else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        options = {name: cast(str, getattr(self, name)) for name in ("ca_file", "helo", "local_address")}
        shown = {name: value for name, value in options.items() if value} | ({} if self.verify else {"verify": "no"})
        query = f"?{urlencode(shown)}" if shown else ""
        return f"{_URL_SCHEME[self.security]}://{user}{host}:{self.port}{query}"

    def __str__(self) -> str:
        return self.url


def _port_of(netloc: str, security: Security) -> int:
    _, _, place = netloc.rpartition("@")
    _, colon, digits = place.rpartition(":")
    if not colon or place.endswith("]"):
        return _DEFAULT_PORT[security]
    if not digits.isascii() or not digits.isdigit():
        raise ValueError("The port in the SMTP address is not a number.")
    return int(digits)


class SmtpMessage(NamedTuple):
    """One message for one recipient.

    sender: envelope sender (VERP), "" for the null sender. recipient: one bare address.
    data: the whole message, dot-stuffed, lines ending in CRLF, ending in CRLF, without the final ".CRLF".
    deadline: CLOCK_BOOTTIME in seconds after which it must not be started, None for never.
    mailbox_group: of the recipient ("gmail"), for rules that hold for one group; "" where nobody knows it.
    more: pieces of ASCII that follow `data`, so that long text which many messages share need not be copied.
    checked_size: bytes of all pieces, from who made sure that both addresses are printable ASCII without spaces and
    brackets, and the content is ASCII, ends with a line end and has no line that begins with a dot, so that it is the
    same after DATA and in a BDAT; 0 where that is still to be looked at.
    """

    sender: str
    recipient: str
    data: bytes
    deadline: float | None = None
    mailbox_group: str = ""
    more: tuple[bytes, ...] = ()
    checked_size: int = 0
