"""The one policy by which tasks are run again when an engine is away, for the tasks of all apps.

Only tasks that may run twice take it, and only for faults of the infrastructure: everything else is a mistake of ours
and must be seen. Who does not take it, and why:

* `delivery.send_batch` and `delivery.send_messages`: they keep their outcomes while PostgreSQL is away, claim nothing,
  and leave every other attempt to the sweeper.
* what beat starts every second (`delivery.sweep`, `delivery.refresh_counters`, `tracking.drain`): the next run comes
  sooner than a retry would, and retries of each would pile up behind it.

What beat starts less often does take it: its message expires when the next one is due, and so do its retries.
"""

from __future__ import annotations

from typing import Any

from django.db.utils import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerAway
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import TimeoutError as RedisSlow

AWAY: tuple[type[Exception], ...] = (OperationalError, InterfaceError, RedisAway, RedisSlow, BrokerAway)

# waits of about 2, 4, 8, 16, 32 and 60 s, each shortened by chance: half a minute's restart is bridged, and hundreds of
# tasks do not come back in the same second
RETRIED: dict[str, Any] = {
    "autoretry_for": AWAY,
    "retry_backoff": 2,
    "retry_backoff_max": 60,
    "retry_jitter": True,
    "max_retries": 6,
    # a worker that dies in the middle gives the task back
    "acks_late": True,
}
