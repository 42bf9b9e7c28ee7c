"""From the bytes of a message that came back to what it says."""

from __future__ import annotations

from delivery.engine.classify import BUILT_IN, Classifier
from delivery.engine.reply_text import read_reply
from tracking.inbound import autoreply, complaint, dsn, notice
from tracking.inbound.fields import Fields, address_of, addresses_in, blocks_of
from tracking.inbound.message import Inbound, read_message
from tracking.inbound.original import split_original
from tracking.inbound.refusal import but_stopped, judge, second_look
from tracking.inbound.report import MessageKind, Recipient, Report
from tracking.inbound.signs import ANSWER, ARRIVED, DAEMON, DELAYED, FAILURE
from tracking.inbound.words import about, refused_addresses, room_for, subject_of_server

# what is sent to many has them, what is sent back has not
_OF_LISTS = ("list-id", "list-unsubscribe", "list-post")


def parse(raw: bytes, rules: Classifier = BUILT_IN) -> Report:
    """Say what a message is and which addresses it reports on; never raises, whatever the bytes are.

    What can be proven comes first: complaints and delivery status in their own parts, then notices as JSON, then
    automatic replies, and words at last. Everything else is kind other, without recipients.
    """
    inbound = read_message(raw)
    text, copied = split_original(inbound.text)
    inbound.original = inbound.original or copied
    return (
        complaint.report_of(inbound)
        or dsn.report_of(inbound.status, text, _fallback(inbound, text), rules)
        or notice.report_of(inbound.text, rules)
        or autoreply.report_of(inbound)
        or _from_words(inbound, text, rules)
        or Report()
    )


def _from_words(inbound: Inbound, text: str, rules: Classifier) -> Report | None:
    if not _is_bounce(inbound, text):
        return None
    fields = [block for block in blocks_of(text) if "final-recipient" in block and "action" in block]
    if fields:
        return dsn.report_of(fields, text, _fallback(inbound, text), rules)
    addresses = _addresses(inbound, text)
    if not addresses and not _is_from_server(inbound):
        return None
    if _has_arrived(inbound, text):
        return Report(MessageKind.DELIVERED, tuple(Recipient(one, rule="delivered") for one in addresses))
    delayed = DELAYED.search(f"{inbound.header('subject')}\n{text}") is not None
    subject = subject_of_server(inbound.header("subject"), inbound.original.get("subject", ""))
    said = f"{text}\n{subject}"
    room = room_for(len(addresses))
    refusals = [
        second_look(
            judge(address, about(address, text, room) or said, delayed=delayed, rules=rules),
            said, room=room, delayed=delayed, rules=rules,
        )
        for address in addresses[: dsn.MAX_RECIPIENTS] or [""]
    ]  # fmt: skip
    return Report(MessageKind.BOUNCE, tuple(but_stopped(refusals, text, rules)))


def _is_bounce(inbound: Inbound, text: str) -> bool:
    """Two of: a server sent it, the subject says so, the text says so, it quotes a reply with a code."""
    if "x-failed-recipients" in inbound.headers or _is_status_report(inbound):
        return True
    subject = inbound.header("subject").strip()
    unquoted = "\n".join(line for line in text.split("\n") if not line.startswith("> "))
    reply = read_reply(unquoted)
    from_server = _is_from_server(inbound)
    if not from_server and any(name in inbound.headers for name in _OF_LISTS):
        return False
    signs = (
        from_server,
        (FAILURE.search(subject) is not None and not subject.lower().startswith(ANSWER))
        or (from_server and ARRIVED.search(subject) is not None),
        FAILURE.search(unquoted) is not None or DELAYED.search(unquoted) is not None,
        reply is not None and reply.has_code,
    )
    return sum(signs) >= 2 and any(signs[:2])


def _is_status_report(inbound: Inbound) -> bool:
    kind = inbound.header("content-type").lower()
    return kind.startswith("multipart/report") and "delivery-status" in kind


def _has_arrived(inbound: Inbound, text: str) -> bool:
    reply = read_reply(text)
    return (reply is None or not reply.has_code) and (
        ARRIVED.search(inbound.header("subject")) is not None or ARRIVED.search(text[:2_000]) is not None
    )


def _is_from_server(inbound: Inbound) -> bool:
    sender = inbound.header("from")
    return (
        _is_status_report(inbound)
        or DAEMON.search(sender) is not None
        or "<>" in (sender, inbound.header("return-path"))
    )


def _addresses(inbound: Inbound, text: str) -> list[str]:
    """The refused addresses: as a header names them, else as the words do, else the original's only recipient."""
    named = addresses_in(inbound.header("x-failed-recipients"))
    return named or refused_addresses(text, _own(inbound)) or _only(_recipients(inbound.original))


def _fallback(inbound: Inbound, text: str) -> str:
    return next(iter(_addresses(inbound, text)), "")


def _own(inbound: Inbound) -> frozenset[str]:
    """The reporting server's address and those that the bounce was sent to, unless the original went there too."""
    sender = address_of(inbound.header("from"))
    ours = {address.lower() for address in (*addresses_in(inbound.header("to")), sender) if address}
    return frozenset(ours - {one.lower() for one in _recipients(inbound.original)})


def _recipients(original: Fields) -> list[str]:
    return addresses_in(" ".join(original.get(name, "") for name in ("x-original-to", "envelope-to", "to")))


def _only(addresses: list[str]) -> list[str]:
    return addresses if len(addresses) == 1 else []
