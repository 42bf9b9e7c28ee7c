"""The numbers of a campaign as the progress bar shows them; from the campaign's own row, nothing is counted."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from campaigns.models import Campaign

STOP_POLLING = 286
# the rate is measured between polls that lie this far apart: shorter jumps about, longer lags behind
RATE_WINDOW_SECONDS = 10.0

State = Campaign.State
MOVING = (State.SCHEDULED, State.LAUNCHING, State.SENDING, State.PAUSED, State.CANCELLED)
STATE_VARIANTS: dict[str, str] = {
    State.DRAFT: "default",
    State.SCHEDULED: "info",
    State.LAUNCHING: "info",
    State.SENDING: "primary",
    State.PAUSED: "warning",
    State.SENT: "success",
    State.CANCELLED: "danger",
}
# (counter, label, what it means to a person), in the order of the bar
COUNTERS = (
    ("sent", "Sent", "Accepted by the receiving side."),
    ("deferred", "Deferred", "Refused for now; tried again by itself."),
    ("bounced", "Bounced", "The mailbox does not exist or is full."),
    ("failed", "Failed", "Could not be sent; the reason is in the e-mail list."),
    ("dead", "Dead letters", "Given up after all retries; a person decides."),
    ("skipped", "Skipped", "Not sent on purpose: suppressed, unsubscribed or cancelled."),
    ("unknown", "Unknown", "Handed over, but the answer was lost; never sent again by itself."),
    ("pending", "Pending", "Not tried yet."),
)


@dataclass(frozen=True, slots=True)
class Part:
    key: str
    label: str
    meaning: str
    value: int
    percent: float


@dataclass(frozen=True, slots=True)
class Progress:
    """rate_per_second and eta_seconds: None where there is nothing to measure yet."""

    campaign: Campaign
    parts: tuple[Part, ...]
    done_percent: float
    is_moving: bool
    rate_per_second: float | None = None
    eta_seconds: float | None = None
    next_poll: str = ""

    @property
    def variant(self) -> str:
        return STATE_VARIANTS[self.campaign.state]


def percent_of(value: int, whole: int) -> float:
    return round(100 * value / whole, 1) if whole else 0.0


def is_moving(campaign: Campaign) -> bool:
    """Whether its numbers can still change soon; a cancelled campaign drains until nothing is pending."""
    if campaign.state == State.CANCELLED:
        return campaign.pending > 0
    return campaign.state in MOVING


def progress_of(request: HttpRequest, campaign: Campaign) -> Progress:
    """The progress for one poll. The address of the next poll carries the reference point of the rate, so that the
    server keeps nothing between polls."""
    audience = campaign.audience
    parts = tuple(
        Part(key, label, meaning, getattr(campaign, key), 100 * getattr(campaign, key) / audience if audience else 0)
        for key, label, meaning in COUNTERS
    )
    done = audience - campaign.pending
    rate, since, base = measured_rate(request, done)
    moving = is_moving(campaign)
    left = campaign.pending if campaign.state == State.SENDING else 0
    poll = f"{reverse('admin:campaigns_campaign_progress', args=[campaign.pk])}?since={since:.1f}&done={base}"
    if rate is not None:
        poll += f"&rate={rate:.2f}"
    return Progress(
        campaign,
        parts,
        percent_of(done, audience),
        moving,
        rate if campaign.state == State.SENDING else None,
        left / rate if rate and left else None,
        f"{poll}&state={campaign.state}" if moving else "",
    )


def measured_rate(request: HttpRequest, done: int) -> tuple[float | None, float, int]:
    """E-mails a second since the reference point of the address, and the reference point of the next poll."""
    now = time.time()
    try:
        since, base = float(request.GET["since"]), int(request.GET["done"])
        known = float(request.GET["rate"]) if "rate" in request.GET else None
    except (KeyError, ValueError, OverflowError):
        return None, now, done
    elapsed = now - since
    if not 0 < elapsed < 60 or done < base:
        return None, now, done
    if elapsed < RATE_WINDOW_SECONDS:
        return (known if known is not None else (done - base) / elapsed), since, base
    return (done - base) / elapsed, now, done
