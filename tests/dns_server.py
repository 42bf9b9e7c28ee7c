"""A little DNS server on loopback that knows a few domains and can misbehave."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

POLL_SECONDS = 0.05


@dataclass
class DnsServer:
    """zone: MX records by domain as "10 mail.example." texts, in an order of their own; an empty list: the domain is
    there, without MX. silent: domains that get no answer. broken: domains that get SERVFAIL. asked: names and types.
    knows_root: whether it answers for the root, as every resolver that is connected does.
    """

    zone: Mapping[str, list[str]]
    silent: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    knows_root: bool = True
    port: int = 0
    asked: Counter[str] = field(default_factory=Counter)

    def answer(self, query: dns.message.Message) -> dns.message.Message | None:
        """The reply to a query; None for no reply at all."""
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        self.asked[f"{name} {dns.rdatatype.to_text(question.rdtype)}"] += 1
        if name in self.silent:
            return None
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if question.name == dns.name.root:
            if not self.knows_root:
                reply.set_rcode(dns.rcode.SERVFAIL)
            else:
                reply.answer.append(dns.rrset.from_text(".", 300, "IN", "NS", "a.root-servers.net."))
        elif name in self.broken:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.zone:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif self.zone[name]:
            reply.answer.append(dns.rrset.from_text(question.name, 300, "IN", "MX", *self.zone[name]))
        return reply


@contextlib.contextmanager
def dns_server(zone: Mapping[str, list[str]]) -> Iterator[DnsServer]:
    """Serve `zone` over UDP until the block ends."""
    server, stop = DnsServer(zone), threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(POLL_SECONDS)
        server.port = listener.getsockname()[1]
        thread = threading.Thread(target=_serve, args=(server, listener, stop), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            stop.set()
            thread.join()


def _serve(server: DnsServer, listener: socket.socket, stop: threading.Event) -> None:
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            packet, sender = listener.recvfrom(4096)
            reply = server.answer(dns.message.from_wire(packet))
            if reply is not None:
                listener.sendto(reply.to_wire(), sender)
