"""Posting what is due: many endpoints side by side, no more than a few posts to each, the failing ones one by one."""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from campaigns import crypto, failpoints
from campaigns.alone import alone
from delivery import outgoing
from delivery.stop import is_stopping
from delivery.storable import storable
from tracking.hooks import sql
from tracking.hooks.endpoints import disable
from tracking.hooks.schedule import wait_after
from tracking.models import WebhookEndpoint

log = logging.getLogger(__name__)

POSTS_AT_ONCE = 16
POSTS_AN_ENDPOINT = 4
# how long a run looks for more before it gives its worker back
RUN_SECONDS = 20.0
# longer than a post can take; a run that died is followed by another after this
LEASE_SECONDS = 60
# an endpoint that fails is asked again after 1 s, 2 s, 4 s … 5 min; its deliveries wait meanwhile and lose no try
FIRST_HOLD_SECONDS = 1
LONGEST_HOLD_SECONDS = 300
DISABLE_AFTER_HOURS = 72
GONE = 410
Post = Callable[..., outgoing.Delivery]


class Claim(NamedTuple):
    """One delivery that this run posts; the columns of sql.CLAIM."""

    delivery_id: int
    endpoint_id: int
    tried: int
    event_id: str
    body: str
    give_up_at: datetime


@dataclass
class Run:
    """What one run has in hand. posted: how many arrived."""

    post: Post
    rng: random.Random
    pool: ThreadPoolExecutor
    under_way: dict[Future[outgoing.Delivery], Claim]
    posted: int = 0

    def places(self) -> int:
        return POSTS_AT_ONCE - len(self.under_way)

    def busy(self) -> list[int]:
        """Endpoints that have as many posts under way as they may."""
        counts = Counter(claim.endpoint_id for claim in self.under_way.values())
        return [endpoint_id for endpoint_id, count in counts.items() if count >= POSTS_AN_ENDPOINT]


def deliver_due(*, seconds: float = RUN_SECONDS, post: Post = outgoing.post, rng: random.Random | None = None) -> int:
    """Post what is due until nothing is left or the time is over; how many arrived. One run at a time.

    At least once: a worker that dies after a post and before its outcome is committed leaves it to be posted again,
    with the same id.
    """
    # two runs would double what an endpoint gets at once
    with alone(sql.RUN_LOCK) as is_alone, ThreadPoolExecutor(POSTS_AT_ONCE, "webhooks") as pool:
        if not is_alone:
            return 0
        run = Run(post, rng or random.Random(), pool, {})  # noqa: S311 - jitter, not a secret
        until = time.monotonic() + seconds
        while True:
            is_over = time.monotonic() >= until or is_stopping()
            if not is_over and run.places():
                _begin(run)
            if not run.under_way:
                return run.posted
            _finish(run)


def _begin(run: Run) -> None:
    """Claim what is due and start its posts."""
    asked: dict[str, Any] = {
        "each": POSTS_AN_ENDPOINT,
        "busy": run.busy(),
        "limit": run.places(),
        "lease": LEASE_SECONDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.CLAIM, asked)
        claims = [Claim(*row) for row in cursor.fetchall()]
    endpoints = WebhookEndpoint.objects.in_bulk({claim.endpoint_id for claim in claims}) if claims else {}
    for claim in claims:
        endpoint = endpoints.get(claim.endpoint_id)
        if endpoint is not None:
            run.under_way[_submit(run, endpoint, claim)] = claim


def _submit(run: Run, endpoint: WebhookEndpoint, claim: Claim) -> Future[outgoing.Delivery]:
    try:
        secrets = endpoint.signing_secrets(timezone.now())
    except crypto.SecretUnreadable:
        secrets = []
    if not secrets:
        done: Future[outgoing.Delivery] = Future()
        done.set_result(outgoing.Delivery(None, 0, "The secret cannot be opened. Make a new one."))
        return done
    return run.pool.submit(run.post, endpoint.url, claim.body.encode(), secrets, message_id=claim.event_id)


def _finish(run: Run) -> None:
    """Write down the posts that are over. Threads touch no database: their outcomes are written here."""
    over, _ = wait(run.under_way, timeout=1.0, return_when=FIRST_COMPLETED)
    failpoints.hit("webhook_after_post")
    for future in over:
        claim = run.under_way.pop(future)
        delivery = future.result()
        with transaction.atomic():
            run.posted += _settle(claim, delivery, run.rng)


def _settle(claim: Claim, delivery: outgoing.Delivery, rng: random.Random) -> bool:
    """What became of one post; True when it arrived."""
    wait_seconds = None
    if delivery.error and not delivery.is_refused:
        left = claim.give_up_at - timezone.now()
        pause = wait_after(claim.tried, max(left, timedelta()), rng)
        wait_seconds = pause.total_seconds() if pause else None
    state = "delivered" if not delivery.error else "waiting" if wait_seconds is not None else "failed"
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SETTLE,
            {
                "id": claim.delivery_id,
                "tried": claim.tried,
                "state": state,
                "wait": wait_seconds,
                "status": delivery.status,
                "answer": storable(delivery.response_excerpt)[:500],
                "error": delivery.error[:500],
                "seconds": delivery.seconds,
            },
        )
        if not delivery.error:
            cursor.execute(sql.ARRIVED, {"id": claim.endpoint_id})
            return True
        cursor.execute(
            sql.NOT_ARRIVED,
            {"id": claim.endpoint_id, "first": FIRST_HOLD_SECONDS, "most": LONGEST_HOLD_SECONDS},
        )
        row = cursor.fetchone()
    if row is not None and (delivery.status == GONE or row[0] >= DISABLE_AFTER_HOURS):
        because = "It answers 410: gone." if delivery.status == GONE else f"Nothing arrived for {row[0]:.0f} hours."
        disable(claim.endpoint_id, f"{because} The last error: {delivery.error}")
    return False
