"""The schedule of Celery's beat, from the database, with a database that has other things to do."""

from __future__ import annotations

import time

from django_celery_beat.schedulers import DatabaseScheduler

# what somebody changed in the admin waits no longer than this
LOOK_SECONDS = 1.0


class CalmScheduler(DatabaseScheduler):
    """Looks for changes once a second; the library's own asks at each turn of its loop, 32 times a second."""

    _next_look = 0.0

    def schedule_changed(self) -> bool:
        """Whether somebody changed the schedule; False between two looks."""
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + LOOK_SECONDS
        return bool(super().schedule_changed())
