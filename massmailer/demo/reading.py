"""What the sample readers do, and waiting until the campaign's counters know of it."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.db.models.functions import Now

from campaigns.models import Campaign, Lead
from delivery.models import Email
from delivery.transactional import queue_message
from massmailer.demo import mailbox
from massmailer.demo.errors import DemoFailed
from massmailer.demo.visitors import Visitor

POLL_SECONDS = 0.1
DEADLINE_SECONDS = 30.0
OPENS, CLICKS = 24, 9
# a click earlier than three seconds after the delivery is taken for a machine's
READING_TIME = dt.timedelta(seconds=3.2)
RECEIPT_TO = "customer@example.com"


@dataclass(frozen=True)
class Deeds:
    """What the readers did: how many e-mails were opened and clicked, and who unsubscribed."""

    opened: int
    clicked: int
    unsubscribed: str


def read_some(campaign_id: int, root: Path, arrived: list[mailbox.Arrived], visitor: Visitor) -> Deeds:
    """Open the first e-mails, click a link in some of them, and unsubscribe one of those who did neither."""
    if len(arrived) < OPENS + 1:
        raise DemoFailed(f"only {len(arrived)} e-mails arrived: too few to read some of them.")
    readers = arrived[:OPENS]
    for message in readers:
        visitor.open_pixel(mailbox.doors(root, message.id).pixel)
    wait(lambda: _have_been_read(campaign_id, readers[:CLICKS]), "the ledger's clock stands still")
    for number, message in enumerate(readers[:CLICKS]):
        links = mailbox.doors(root, message.id).links
        visitor.click(links[number % len(links)])
    leaver = arrived[-1]
    visitor.unsubscribe(mailbox.doors(root, leaver.id).unsubscribe)
    return Deeds(OPENS, CLICKS, leaver.recipient)


def _have_been_read(campaign_id: int, readers: list[mailbox.Arrived]) -> bool:
    """Whether all of them have had their e-mail long enough, by the ledger's clock."""
    rows = Email.objects.filter(campaign_id=campaign_id, lead_id__in=[reader.lead_id for reader in readers])
    return not rows.filter(at__gt=Now() - READING_TIME).exists()


def send_receipt(pool_id: int, root: Path) -> float:
    """Send one transactional message; seconds until it lay in the mailbox. Raises DemoFailed where it does not come."""
    since = time.time()
    # a subject of its own: earlier demos have left theirs in the mailbox
    subject = f"Your order {time.strftime('%H%M%S')} is on its way"
    queue_message(
        to=RECEIPT_TO,
        subject=subject,
        html="<p>Thank you, {{ data.name }}. You ordered {{ data.items | size }} things.</p>",
        sender="Tern & Thistle <orders@example.com>",
        data={"name": "Ada", "items": ["tea", "biscuits"]},
        pool_id=pool_id,
    )
    wait(lambda: mailbox.find(root, RECEIPT_TO, subject, since), "the transactional message did not arrive")
    return time.time() - since


def wait_for_counters(campaign_id: int, deeds: Deeds) -> Campaign:
    """The campaign once its counters know what the readers did. Raises DemoFailed after half a minute."""

    def known() -> bool:
        campaign = Campaign.objects.get(pk=campaign_id)
        return campaign.opened >= deeds.opened and campaign.clicked >= deeds.clicked and campaign.unsubscribed >= 1

    wait(known, "opens and clicks did not reach the campaign's counters: see var/log/worker-control.log")
    campaign = Campaign.objects.get(pk=campaign_id)
    if Lead.objects.get(email=deeds.unsubscribed).status != Lead.Status.UNSUBSCRIBED:
        raise DemoFailed(f"{deeds.unsubscribed} asked to be unsubscribed and still is not.")
    return campaign


def wait(condition: Callable[[], bool], complaint: str) -> None:
    """Return once the condition holds. Raises DemoFailed with the complaint after half a minute."""
    until = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > until:
            raise DemoFailed(complaint)
        time.sleep(POLL_SECONDS)
