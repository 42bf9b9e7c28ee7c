"""What a worker met that operators must know: gathered on its event loop, told to them when the batch is over.

The loop may not wait for the database, and a hundred windows meet the same trouble: one alarm a key is kept.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.utils import InterfaceError, OperationalError
from django.urls import reverse

from delivery import domains
from delivery.alerts import raise_alert

logger = logging.getLogger(__name__)

# the same trouble is looked up again after this time; raise_alert itself decides whether it is told again
QUIET_SECONDS = 60.0
DOMAIN_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Alarm:
    """key: as alerts have it. provider_id: whose page to show. pause_sender: the From address whose domain is to pause,
    because receivers refuse its authentication; "" for none.
    """

    key: str
    subject: str
    text: str
    provider_id: int = 0
    pause_sender: str = ""


class Alarms:
    """Those of one worker process that were not told yet."""

    def __init__(self) -> None:
        self._waiting: dict[str, Alarm] = {}
        self._told_at: dict[str, float] = {}

    def add(self, alarm: Alarm) -> None:
        """Keep it, unless the same trouble was told a moment ago."""
        if time.monotonic() - self._told_at.get(alarm.key, -QUIET_SECONDS) >= QUIET_SECONDS:
            self._waiting.setdefault(alarm.key, alarm)

    def tell(self) -> int:
        """Pause what must be paused and tell the operators; how many. Not on an event loop: it asks the database.

        While the database is away they are kept for the next time.
        """
        told = 0
        for key, alarm in list(self._waiting.items()):
            try:
                _tell(alarm)
            except (OperationalError, InterfaceError) as error:
                logger.warning("an alarm waits for the database: %s: %s", alarm.subject, error)
                break
            del self._waiting[key]
            self._told_at[key] = time.monotonic()
            told += 1
        return told


def _tell(alarm: Alarm) -> None:
    if alarm.pause_sender:
        domains.pause(alarm.pause_sender, datetime.now(UTC) + DOMAIN_PAUSE, alarm.text)
    link = reverse("admin:delivery_provider_change", args=[alarm.provider_id]) if alarm.provider_id else ""
    raise_alert(key=alarm.key, subject=alarm.subject, text=alarm.text, link=link)
