"""A little DNS server on loopback UDP with a zone of any records, which a test changes as it goes."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterable
from types import TracebackType

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.reversename
import dns.rrset

from delivery.engine.dkim_keys import quoted_strings


class DnsServer:
    """Answers from `zone`. Names in `silent` get no answer, names in `broken` a SERVFAIL; "*" stands for all names.

    The root, ".", is there as behind every resolver that is connected. asked: how often, by "name TYPE".
    """

    def __init__(self) -> None:
        self.zone: dict[str, list[tuple[str, str]]] = {".": [("NS", "a.root-servers.net.")]}
        self.silent: set[str] = set()
        self.broken: set[str] = set()
        self.asked: Counter[str] = Counter()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> DnsServer:
        self._thread.start()
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()

    def txt(self, name: str, *values: str) -> None:
        """Replace the TXT records of a name."""
        self._put(name, "TXT", [quoted_strings(value) for value in values])

    def put(self, name: str, kind: str, *values: str) -> None:
        """Replace the records of a name and kind, in the text form of zone files; none leave the bare name."""
        self._put(name, kind, values)

    def pointer(self, address: str, name: str) -> None:
        """The name of an address."""
        self._put(dns.reversename.from_address(address).to_text(omit_final_dot=True), "PTR", [f"{name}."])

    def resolver(self) -> dns.asyncresolver.Resolver:
        """A resolver that asks this server only."""
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self.port
        return resolver

    def _put(self, name: str, kind: str, values: Iterable[str]) -> None:
        kept = [pair for pair in self.zone.get(name, []) if pair[0] != kind]
        self.zone[name] = kept + [(kind, value) for value in values]

    def _serve(self) -> None:
        while True:
            wire, client = self._socket.recvfrom(4096)
            if not wire:
                return
            answer = self._answer(dns.message.from_wire(wire))
            if answer is not None:
                self._socket.sendto(answer.to_wire(), client)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked[f"{name} {dns.rdatatype.to_text(question.rdtype)}"] += 1
        if {name, "*"} & self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if {name, "*"} & self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.zone:
            response.set_rcode(dns.rcode.NXDOMAIN)
        else:
            kind = dns.rdatatype.to_text(question.rdtype)
            values = [value for known, value in self.zone[name] if known == kind]
            if values:
                response.answer.append(dns.rrset.from_text(question.name, 300, "IN", kind, *values))
        return response
