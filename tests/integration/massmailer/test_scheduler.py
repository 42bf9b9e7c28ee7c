"""The schedule of beat: changes in the admin are noticed, and PostgreSQL is not asked at each turn."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTasks

from massmailer.celery import app
from massmailer.scheduler import CalmScheduler

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_asks_once_a_second_and_then_sees_what_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert app.conf.beat_scheduler == "massmailer.scheduler:CalmScheduler"
    now = 100.0
    monkeypatch.setattr("massmailer.scheduler.time.monotonic", lambda: now)
    scheduler = CalmScheduler(app=app)
    assert not scheduler.schedule_changed()
    PeriodicTasks.update_changed()
    with CaptureQueriesContext(connection) as asked:
        now = 100.9
        assert not scheduler.schedule_changed()
    assert not asked.captured_queries
    now = 101.1
    assert scheduler.schedule_changed()
    now = 102.2
    assert not scheduler.schedule_changed(), "nothing was changed since"


def test_the_process_is_started_with_it() -> None:
    assert "--scheduler massmailer.scheduler:CalmScheduler " in (settings.BASE_DIR / "Procfile").read_text()
