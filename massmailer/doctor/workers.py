"""Are there workers behind every queue, and does beat give them their recurring work?"""

from __future__ import annotations

from campaigns.models import Campaign
from massmailer import pulse
from massmailer.celery import app
from massmailer.doctor.check import Check, fail, ok, warn
from massmailer.metrics import broker as numbers

ANSWER_SECONDS = 1.0
# beat publishes each second; the sweep itself may wait for another task of the one control slot
SILENT_SECONDS = 30.0
START = "Start the stack with bin/up, or the missing worker as the Procfile does."


def workers() -> Check:
    """Asks all workers by broadcast which queues they read."""
    answers = app.control.inspect(timeout=ANSWER_SECONDS).active_queues() or {}
    read = {queue["name"] for queues in answers.values() for queue in queues}
    missing = [queue for queue in numbers.QUEUES if queue not in read]
    if not answers and not _at_work():
        return warn("workers", "none runs; no campaign is at work", START)
    if missing:
        return fail("workers", f"nobody reads {', '.join(missing)}", START)
    return ok("workers", f"{len(answers)} answer: {', '.join(sorted(answers))}")


def beat() -> Check:
    with numbers.client() as session:
        return _judge("beat", pulse.seconds_since_published(session), "gives out the recurring work")


def sweeper() -> Check:
    with numbers.client() as session:
        return _judge("sweeper", pulse.seconds_since_done(session, "delivery.sweep"), "publishes what is due")


def _judge(name: str, age_seconds: float | None, duty: str) -> Check:
    if age_seconds is not None and age_seconds <= SILENT_SECONDS:
        return ok(name, f"{duty}, last {age_seconds:.0f} s ago")
    since = "for a day" if age_seconds is None else f"for {age_seconds:.0f} s"
    detail = f"{duty}: not {since}"
    cure = "Start beat and the control worker: bin/up does."
    return fail(name, detail, cure) if _at_work() else warn(name, f"{detail}; no campaign is at work", cure)


def _at_work() -> bool:
    return Campaign.objects.filter(state__in=["scheduled", "launching", "sending"]).exists()
