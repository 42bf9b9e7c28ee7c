"""Where the words of a bounce end and the copy of the message begins that came back."""

from __future__ import annotations

import re

from tracking.inbound.fields import Fields, blocks_of

_BEGINS = re.compile(
    r"^[ \t>|*-]{0,12}(?:"
    r"-{2,}[ \t]*(?:this is (?:a|the) (?:copy|headers)|(?:the )?original (?:message|mail)|the headers? of|header of"
    r"|below this line|returned (?:message|mail)"
    r"|unsent message|undelivered message|the body of|body of|message (?:header|text|body|follows)|forwarded"
    r"|mensaje original|original[- ]nachricht"
    r"|message original)"
    r"|original (?:message|mail)(?: (?:header|text|detail)s?)? follows|message headers? follows?|below is a copy"
    r"|a copy of (?:the|your) (?:original )?message"
    r"|(?:the )?original message headers|original headers|the (?:first|beginning of)[\w ]{0,40}your message"
    r"|your (?:original )?message (?:reads|was as follows|follows)"
    r"|here is the original|included is a copy|message text follows"
    r"|return-path:|received:[ \t]+(?:from|by|\()|dkim-signature:|mime-version:|x-originating-ip:|message-id:[ \t]*<"
    r")",
    re.IGNORECASE | re.MULTILINE,
)


def split_original(text: str) -> tuple[str, Fields]:
    """The words of a bounce without the copy of the original, and the copy's headers as far as they are found."""
    begin = _BEGINS.search(text, 1)
    if begin is None:
        return text, {}
    copied = text[begin.start() :]
    headers = next((block for block in blocks_of(copied[:20_000]) if "to" in block or "from" in block), {})
    return text[: begin.start()], headers
