"""How many requests a key may make: a token bucket and a daily quota in Redis, and a bucket here while it is away."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns.api.errors import ApiError
from campaigns.models import ApiKey

logger = logging.getLogger(__name__)
SCRIPT = Path(__file__).parent.parent / "lua" / "take_request.lua"
# requests wait this long for Redis, and then do without it for a while
PATIENCE_SECONDS = 0.25
AWAY_SECONDS = 5.0
BURST = 2
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Taken:
    """What is left after a request. used_today: None while Redis, which counts it, is away."""

    is_allowed: bool
    left: float
    wait_seconds: float
    used_today: int | None


class _LocalBuckets:
    """The same rate by this process alone: several processes together let through more, and nothing is refused that
    Redis would allow."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._buckets: dict[int, tuple[float, float]] = {}

    def take(self, key: ApiKey) -> Taken:
        rate = key.rate_per_second
        if not rate:
            return Taken(True, 0, 0, None)
        now = time.monotonic()
        with self._lock:
            tokens, at = self._buckets.get(key.pk, (float(rate * BURST), now))
            tokens = min(rate * BURST, tokens + (now - at) * rate)
            is_allowed = tokens >= 1
            self._buckets[key.pk] = (tokens - is_allowed, now)
        return Taken(is_allowed, max(0.0, tokens - 1), 0 if is_allowed else (1 - tokens) / rate, None)


_local = _LocalBuckets()
_away_until = 0.0


def take(key: ApiKey) -> dict[str, str]:
    """Take one request from the key's limits; the headers that tell what is left. Raises ApiError 429."""
    if not key.rate_per_second and not key.per_day:
        return {}
    taken = _take(key)
    headers = _headers(key, taken)
    if taken.is_allowed:
        return headers
    wait = max(1, math.ceil(taken.wait_seconds))
    spent_day = key.per_day is not None and taken.used_today is not None and taken.used_today >= key.per_day
    detail = (
        f"This key has made its {key.per_day:,} requests of today; a new day begins at 0:00 UTC."
        if spent_day
        else f"This key may make {key.rate_per_second} requests a second. Wait {wait} s, then go on more slowly."
    )
    raise ApiError(429, detail, "quota-used-up" if spent_day else "", headers={**headers, "Retry-After": str(wait)})


def _take(key: ApiKey) -> Taken:
    global _away_until
    if time.monotonic() < _away_until:
        return _local.take(key)
    rate = key.rate_per_second or 0
    try:
        allowed, left, wait, used = _script()(
            keys=[f"api:rate:{key.pk}", f"api:day:{key.pk}"], args=[rate, rate * BURST, key.per_day or 0]
        )
    except redis.RedisError as error:
        _away_until = time.monotonic() + AWAY_SECONDS
        logger.warning("Redis is away, so API keys are limited by each process alone: %s", error)
        return _local.take(key)
    return Taken(bool(allowed), float(left), float(wait), int(used))


@cache
def _script() -> Any:
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )  # fmt: skip
    return client.register_script(SCRIPT.read_text())


def _headers(key: ApiKey, taken: Taken) -> dict[str, str]:
    """RateLimit and RateLimit-Policy, as draft-ietf-httpapi-ratelimit-headers has them."""
    policies, states = [], []
    if key.rate_per_second:
        policies.append(f'"burst";q={key.rate_per_second * BURST};w={BURST}')
        states.append(f'"burst";r={int(taken.left)};t={max(1, math.ceil(taken.wait_seconds))}')
    if key.per_day and taken.used_today is not None:
        policies.append(f'"day";q={key.per_day};w={DAY_SECONDS}')
        states.append(
            f'"day";r={max(0, key.per_day - taken.used_today)};t={DAY_SECONDS - int(time.time()) % DAY_SECONDS}'
        )
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(states)} if policies else {}
