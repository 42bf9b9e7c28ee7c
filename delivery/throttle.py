"""Token buckets in Redis: one Lua script on the server's clock. A throttle grants and tells a wait; it never sleeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis.asyncio import Redis

# A missing bucket starts empty: after a restart of Redis nobody gets a burst for free.
_TAKE = """
local now = redis.call('TIME')
local at = tonumber(now[1]) + tonumber(now[2]) / 1000000
local rate, burst, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(state[1]) or 0
local last = tonumber(state[2]) or at
tokens = math.min(burst, tokens + math.max(0, at - last) * rate)
local grant = math.max(0, math.min(want, math.floor(tokens)))
tokens = tokens - grant
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(at))
redis.call('EXPIRE', KEYS[1], math.ceil(burst / rate) + 60)
local wait = 0
if grant < want then wait = (1 - (tokens - math.floor(tokens))) / rate end
return {grant, tostring(wait)}
"""
_GIVE_BACK = """
local state = redis.call('HGET', KEYS[1], 'tokens')
if state then
  redis.call('HSET', KEYS[1], 'tokens', tostring(math.min(tonumber(ARGV[2]), tonumber(state) + tonumber(ARGV[1]))))
end
return 1
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """tokens: how many may be sent now. wait_seconds: until the next one, 0 when all that was wanted is granted."""

    tokens: int
    wait_seconds: float


class TokenBucket:
    """One limit, shared by all workers.

    key: name in Redis. rate: tokens a second (may be below 1). The burst is one second's worth, at least one token.
    """

    def __init__(self, redis: Redis, key: str, rate: float) -> None:
        self._key = f"bucket:{key}"
        self._rate = rate
        self._burst = max(1.0, rate)
        self._take: Any = redis.register_script(_TAKE)
        self._give_back: Any = redis.register_script(_GIVE_BACK)

    async def take(self, want: int) -> Grant:
        """Up to `want` tokens, at once. Raises redis.RedisError when Redis is away: the caller claims nothing."""
        granted, wait = await self._take(keys=[self._key], args=[self._rate, self._burst, want])
        return Grant(int(granted), float(wait))

    async def give_back(self, tokens: int) -> None:
        """Return what was granted and not used."""
        if tokens > 0:
            await self._give_back(keys=[self._key], args=[tokens, self._burst])
