"""Celery's beat with a stop that its database survives."""

from __future__ import annotations

import signal

from celery.apps.beat import Beat
from celery.beat import Service


class GentleBeat(Beat):
    """Leaves between two looks at the schedule.

    Celery's own handler saves the schedule from within the signal. That interrupts a query as often as not, and then
    waits for ever for the very connection that the query holds: one stop in thirty hung.
    """

    def install_sync_handler(self, service: Service) -> None:
        """Let SIGTERM and SIGINT end the loop; the schedule is saved behind it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: service.stop())
