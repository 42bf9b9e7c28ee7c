"""Finding addresses and what is said about them in words that a server wrote for people."""

# ruff: noqa: RUF001

from __future__ import annotations

import re

from tracking.inbound.fields import addresses_in

_MAX_LINES_ABOUT = 14
_MAX_ROOM = 6_000
_MIN_ROOM = 300
_ALL_ROOM = 100_000
_ADDRESS = r"[\"'<\[(]{0,3}[^\s<>\"'@]{1,64}@[^\s<>\"'@:;,)\]]{1,200}"
# a line of its own, or one that begins with the address
_LEADING = re.compile(
    rf"^[ \t|>*•-]{{0,12}}{_ADDRESS}[\"'>\]).]{{0,3}}(?=\s*(?:$|[:;(]|\.\.\.| on | -|,))", re.MULTILINE
)
_COMMAND = re.compile(rf"\bRCPT TO:? ?{_ADDRESS}", re.IGNORECASE)
_ANSWERED = re.compile(rf"^[ \t<]{{0,8}}[45]\d\d[ -](?:[#\d.]+ )?{_ADDRESS}", re.MULTILINE)
_REPLY = re.compile(r"[45]\d\d ")
_NAMED = re.compile(
    r"(?:recipient|delivered|deliver|undeliverable|message|mail|sent|send|failed|address|user|mailbox|account"
    r"|attempts?|gateway for|error"
    r"|size|full|quota|exist|unknown|para|destinataire|empfänger|destinatario|получател\w+|宛先|收件人)"
    rf"[^\n@<]{{0,60}}?(?:\bto\b|\bfor\b|:|\s)\s{{0,6}}{_ADDRESS}",
    re.IGNORECASE,
)
_QUOTED_HEADER = re.compile(
    r"^[ \t|>*-]{0,8}(?:from|sender|mail from|reply-to|to|cc|subject|sent|date|message-id|von|de|di|an|para)\s*:.*$",
    re.IGNORECASE | re.MULTILINE,
)
# our own words: what we wrote must not be taken for a reason
_OUR_SUBJECT = re.compile(
    r"^[ \t|>*-]{0,8}(?:subject|betreff|objet|asunto|oggetto|assunto|onderwerp|temat|тема|件名|主题|主旨)\s*[:：].*$",
    re.IGNORECASE | re.MULTILINE,
)
_NAMES_OUR_SUBJECT = re.compile(
    r"^\s*(?:undeliver\w*|undelivered mail|non remis|unzustellbar|no se puede entregar|não entregue|onbestelbaar"
    r"|non recapitabile|не удается доставить|недоставленное|配信不能|无法投递)\s*[:：]",
    re.IGNORECASE,
)
_FURNITURE = re.compile(
    r"^.*(?:hi\. this is the|i'm afraid i|this is a permanent error; i've|this (?:message|e-?mail|report) (?:was|is"
    r"|has been) (?:created|generated|an auto)"
    r"|a message that you (?:have )?sent|its recipients|recipients\. this is|if you do so|delete your own"
    r"|for further assistance|do not reply|please include"
    r"|i'm sorry|be delivered to (?:one|all)|the following address|please note that this|you do not need"
    r"|the message is kept|this is the (?:mail|postfix|program)"
    r"|giving up on|mail system at host|contact (?:your|the) (?:system|mail|postmaster)).*$",
    re.IGNORECASE | re.MULTILINE,
)


def refused_addresses(text: str, not_these: frozenset[str] = frozenset()) -> list[str]:
    """The addresses that a bounce's words report on, in order; where clear places name some, vague ones are not asked.

    not_these: addresses in small letters that are our own or the reporting server's.
    """
    without_headers = _QUOTED_HEADER.sub("", text)
    clear = [
        *_LEADING.finditer(without_headers),
        *_COMMAND.finditer(without_headers),
        *_ANSWERED.finditer(without_headers),
    ]
    for place in (sorted(clear, key=re.Match.start), _NAMED.finditer(without_headers)):
        spans = "\n".join(match[0] for match in place)
        found = [address for address in addresses_in(spans) if address.lower() not in not_these]
        if found:
            return found
    return [address for address in addresses_in(without_headers) if address.lower() not in not_these][:1]


def room_for(recipients: int) -> int:
    """Characters to be looked at for each of so many recipients: all of them together take no more than a few do."""
    return max(_MIN_ROOM, min(_MAX_ROOM, _ALL_ROOM // max(recipients, 1)))


def about(address: str, text: str, room: int = _MAX_ROOM) -> str:
    """What a text says of one address: the lines from each of its mentions to another address; else all of it.

    Courtesies of the server are left out: their words would be taken for a reason. room: the most characters.
    """
    if address:
        said = "\n".join(_lines_about(address.lower(), text.split("\n")))[:room]
        if len(" ".join(said.replace(address, "").split()).strip(" <>:*\"'.")) > 8 and addresses_in(said):
            return without_courtesies(said)
    return without_courtesies(text[:room])


def _lines_about(address: str, lines: list[str]) -> list[str]:
    said: list[str] = []
    left = 0
    ends: tuple[re.Pattern[str], ...] = (_LEADING, _ANSWERED)
    for line in lines:
        if address in line.lower():
            left = _MAX_LINES_ABOUT
            # in a transcript each recipient has a line, and the next reply is about somebody else
            ends = (_LEADING, _REPLY) if _ANSWERED.match(line) else (_LEADING, _ANSWERED)
        elif left > 0 and any(end.match(line) for end in ends):
            left = 0
        if left > 0:
            said.append(line)
            left -= 1
    return said


def without_courtesies(text: str) -> str:
    """A text without the sentences that every bounce of a server has, and without our subject."""
    return _FURNITURE.sub("", _OUR_SUBJECT.sub("", text))


def subject_of_server(subject: str, ours: str) -> str:
    """The words of a bounce's subject that are the server's. ours: the subject of the original, "" if unknown."""
    if _NAMES_OUR_SUBJECT.match(subject):
        return ""
    return subject.replace(ours, " ") if len(ours) > 3 else subject
