"""What has arrived in the sandbox mailbox, message by message."""

from __future__ import annotations

import email
import email.policy
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from massmailer.demo.errors import DemoFailed
from massmailer.sandbox import maildir

HEAD_BYTES = 16 * 1024
# delivery's own: campaign and lead in hexadecimal digits, then the attempt
MESSAGE_ID = re.compile(rb"^Message-ID:\s*<([0-9a-f]+)\.([0-9a-f]+)\.\d+@", re.IGNORECASE | re.MULTILINE)
PIXEL = re.compile(r'src="(http[^"]+/o/[^"]+\.gif)"')
LINK = re.compile(r'href="(http[^"]+/c/[^"]+/\d+)"')
ONE_CLICK = re.compile(r"<(http[^>]+/u/[^>]+)>")


@dataclass(frozen=True)
class Arrived:
    """One message of a campaign as it lies in the mailbox. at: seconds since 1970."""

    id: str
    at: float
    recipient: str
    lead_id: int


@dataclass(frozen=True)
class Doors:
    """The addresses that a message carries for its reader."""

    pixel: str
    links: tuple[str, ...]
    unsubscribe: str


def of_campaign(root: Path, campaign_id: int, since: float) -> list[Arrived]:
    """Messages of this campaign that came after `since` (seconds since 1970), oldest first."""
    return [
        Arrived(entry.id, entry.at, recipient, lead_id)
        for entry, campaign, lead_id in _sent_by_campaigns(root, since)
        if campaign == campaign_id
        for recipient in entry.recipients
    ]


def find(root: Path, recipient: str, subject: str, since: float) -> bool:
    """Whether a message with this subject has come for this recipient."""
    return any(
        entry.at >= since and entry.subject == subject and recipient in entry.recipients
        for entry in maildir.read_index(root)
    )


def doors(root: Path, message_id: str) -> Doors:
    """Pixel, links and one-click address of one message. Raises DemoFailed where one is missing."""
    parsed = email.message_from_bytes(maildir.message_file(root, message_id).read_bytes(), policy=email.policy.default)
    body = parsed.get_body(("html",))
    html = str(body.get_content()) if body else ""
    pixel, unsubscribe = PIXEL.search(html), ONE_CLICK.search(str(parsed.get("List-Unsubscribe", "")))
    links = tuple(dict.fromkeys(map(unescape, LINK.findall(html))))
    if not (pixel and unsubscribe and links):
        raise DemoFailed(f"message {message_id} in the mailbox lacks its pixel, its links or List-Unsubscribe.")
    return Doors(unescape(pixel[1]), links, unsubscribe[1])


def compare(arrived: list[Arrived], sent: set[str], unknown: set[str]) -> list[str]:
    """What does not match between mailbox and ledger, as sentences; empty: each address has it exactly once.

    sent, unknown: addresses by their status in the ledger. An unknown one may have arrived or not.
    """
    count = Counter(message.recipient for message in arrived)
    problems = []
    twice = [address for address, number in count.items() if number > 1]
    missing = sorted(sent - count.keys())
    strange = sorted(count.keys() - sent - unknown)
    if twice:
        problems.append(f"{len(twice)} addresses got the campaign more than once, {twice[0]} for example")
    if missing:
        problems.append(f"{len(missing)} sent e-mails are not in the mailbox, that to {missing[0]} for example")
    if strange:
        problems.append(f"{len(strange)} e-mails arrived that the ledger does not call sent, {strange[0]} for example")
    return problems


def _sent_by_campaigns(root: Path, since: float) -> Iterator[tuple[maildir.Entry, int, int]]:
    for entry in maildir.read_index(root):
        if entry.at < since:
            continue
        with maildir.message_file(root, entry.id).open("rb") as message:
            found = MESSAGE_ID.search(message.read(HEAD_BYTES))
        if found:
            yield entry, int(found[1], 16), int(found[2], 16)
