"""Following a campaign from the terminal."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from campaigns.models import Campaign
from delivery.numbers import Numbers, campaign_numbers, refresh_counters

END_STATES = (Campaign.State.SENT, Campaign.State.CANCELLED, Campaign.State.DRAFT)
POLL_SECONDS = 0.25


def watch(campaign_id: int, *, timeout_seconds: float | None, show: bool) -> Numbers | None:
    """Wait until the first pass is over (or the campaign is cancelled or a draft again); None when time ran out.

    show: draw a progress bar on standard error.
    """
    until = time.monotonic() + timeout_seconds if timeout_seconds else None
    with _progress(show) as progress:
        bar = progress.add_task(f"campaign {campaign_id}", total=None)
        while True:
            numbers = campaign_numbers(campaign_id)
            settled = numbers.audience - numbers.pending
            progress.update(bar, total=numbers.audience or None, completed=settled, description=numbers.state)
            if numbers.state == Campaign.State.SENDING and numbers.pending == 0:
                # the control worker does the same each second
                refresh_counters(campaign_ids=[campaign_id])
                continue
            if numbers.state in END_STATES and numbers.pending == 0:
                return numbers
            if until is not None and time.monotonic() > until:
                return None
            time.sleep(POLL_SECONDS)


def _progress(show: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not show,
        transient=True,
    )
