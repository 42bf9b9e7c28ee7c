"""The Celery application. A message is a wake-up hint that may be lost or doubled; PostgreSQL holds the truth."""

from __future__ import annotations

import os
import signal
import sys
from functools import cached_property
from typing import Any

from billiard import pool
from celery import Celery
from celery.signals import celeryd_init, task_postrun, task_prerun, worker_process_init
from kombu import Exchange, Queue

from massmailer.processes.give_way import give_way

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")

# A child that leaves waits for the main process to count its last result, which a main process that is leaving may
# never do: one stop in thirty took half a minute. Nothing is lost with a result here; 2 s are enough.
pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 20


class MassMailer(Celery):
    """Celery with our beat."""

    @cached_property
    def Beat(self) -> type:
        from massmailer.beat import GentleBeat  # the one process that needs it

        return self.subclass_with_self(GentleBeat, name="Beat")


# each queue has a worker of its own; what may take long has no place beside the sweeper, on control
TASKS = {
    "transactional": ("delivery.send_messages",),
    "bulk": ("delivery.send_batch",),
    "default": (
        "delivery.forget_messages",
        "delivery.launch_campaign",
        "delivery.run_dead_decision",
        "campaigns.import_leads",
        "campaigns.import_suppressions",
        "campaigns.prune_idempotency",
        "campaigns.resolve_mail_domains",
        "tracking.visit_mailboxes",
        "tracking.forget_unconfirmed",
        "tracking.deliver_webhooks",
        "tracking.prune_webhooks",
        "tracking.apply_retention",
        "tracking.finish_removals",
        "tracking.reclassify",
    ),
    "control": (
        "delivery.sweep",
        "delivery.collect_retries",
        "delivery.refresh_counters",
        "delivery.ensure_partitions",
        "delivery.advance_warm_ups",
        "delivery.deliver_alerts",
        "delivery.check_dead_letters",
        "campaigns.requeue_imports",
        "tracking.drain",
        "tracking.ensure_partitions",
        "tracking.prune_strays",
        "tracking.roll_up",
        "tracking.resume_reclassifications",
    ),
}
QUEUES = tuple(TASKS)
QUEUE_OF = {task: queue for queue, tasks in TASKS.items() for task in tasks}

app = MassMailer("massmailer")


@celeryd_init.connect
def let_others_first(options: dict[str, Any], **_: object) -> None:
    """A campaign fills every core it gets: whoever waits for an answer or a password reset comes before it."""
    if list(options.get("queues") or ()) == ["bulk"]:
        from django.conf import settings

        give_way(settings.BULK_NICENESS)


@worker_process_init.connect
def ignore_group_signals(**_: object) -> None:
    """A process manager signals the whole group: a pool child leaves when its main process says so, not before."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@task_prerun.connect
@task_postrun.connect
def keep_connections(sender: Any, **_: object) -> None:
    """Drop what is broken or older than CONN_MAX_AGE, as a web process does between requests.

    Celery by itself hangs up around every task: each batch then cost PostgreSQL a new backend with empty caches.
    """
    from django.db import close_old_connections

    if not sender.request.is_eager:
        close_old_connections()


def transport_options() -> dict[str, object]:
    return {
        "queue_order_strategy": "priority",
        "visibility_timeout": 3600,
        # a hung broker must not hang a worker for long, nor a web request at all
        "socket_timeout": 1 if os.environ.get("MASSMAILER_PROCESS") == "web" else 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "max_retries": 1,
    }


def configure() -> None:
    from django.conf import settings

    app.conf.update(
        broker_url=settings.CELERY_BROKER_URL,
        # no result backend: what happened to a lead stands in PostgreSQL
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_serializer="json",
        accept_content=["json"],
        # late acknowledgement only adds doubles here: the sweeper brings back what is lost
        task_acks_late=False,
        task_reject_on_worker_lost=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        task_create_missing_queues=False,
        # each with an exchange of its own: on RabbitMQ a shared one would hand every message to all of them
        task_queues=[Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
        task_default_queue="default",
        task_routes={task: {"queue": queue} for task, queue in QUEUE_OF.items()},
        broker_connection_retry_on_startup=True,
        broker_channel_error_retry=True,
        broker_connection_max_retries=None,
        broker_transport_options=transport_options(),
        # tasks between two hang-ups by Celery: `keep_connections` sees to the age of connections instead
        CELERY_DB_REUSE_MAX=sys.maxsize,
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.2},
        beat_scheduler="massmailer.scheduler:CalmScheduler",
        beat_max_loop_interval=1,
        beat_schedule=beat_schedule(settings.SWEEP_SECONDS),
        timezone="UTC",
    )


def beat_schedule(sweep_seconds: float) -> dict[str, dict[str, object]]:
    """All recurring work, each line with its reason. Late jobs expire instead of piling up."""

    def every(seconds: float, task: str) -> dict[str, object]:
        options = {"expires": max(5.0, seconds * 2), "queue": QUEUE_OF[task]}
        return {"task": task, "schedule": seconds, "options": options}

    return {
        # publishes due batches and messages, due campaigns and stranded launches: the only source of progress
        "sweep": every(sweep_seconds, "delivery.sweep"),
        # turns due deferred rows into retry batches
        "collect-retries": every(max(sweep_seconds, 5), "delivery.collect_retries"),
        # copies the batch sums to the campaign row: per window it would cost more than the claims
        "refresh-counters": every(1, "delivery.refresh_counters"),
        # opens and clicks from the stream into PostgreSQL
        "drain-events": every(1, "tracking.drain"),
        # finished batches and changed rows of the ledger into the breakdowns of reports
        "roll-up": every(5, "tracking.roll_up"),
        # imports whose worker died; old files of imports go at the same time
        "requeue-imports": every(30, "campaigns.requeue_imports"),
        # answers to repeated requests of the API are kept for a day
        "prune-idempotency": every(600, "campaigns.prune_idempotency"),
        # mailbox groups of domains that came in with leads; it waits for DNS
        "resolve-mail-domains": every(60, "campaigns.resolve_mail_domains"),
        # a new day's ceilings of warm-up plans, and trouble that holds them; old events of providers go as well
        "advance-warm-ups": every(600, "delivery.advance_warm_ups"),
        # the webhook of alerts: those that are new, and those whose last post failed
        "deliver-alerts": every(5, "delivery.deliver_alerts"),
        # dead letters that wait for somebody; decisions about them whose worker died go on
        "check-dead-letters": every(60, "delivery.check_dead_letters"),
        # webhooks of other programs
        "deliver-webhooks": every(2, "tracking.deliver_webhooks"),
        "prune-webhooks": every(3600, "tracking.prune_webhooks"),
        # stored opens and clicks that are judged anew, where the worker died
        "resume-reclassifications": every(60, "tracking.resume_reclassifications"),
        # who never confirmed a subscription; it erases leads one by one
        "forget-unconfirmed": every(3600, "tracking.forget_unconfirmed"),
        # copies of messages whose days are over, contents that no message needs
        "forget-messages": every(600, "delivery.forget_messages"),
        # bounces that arrive in mailboxes; servers may be slow
        "visit-mailboxes": every(60, "tracking.visit_mailboxes"),
        # what came back about no e-mail of ours is kept for a month
        "prune-strays": every(600, "tracking.prune_strays"),
        # details older than the retention settings allow; an export may take its time
        "apply-retention": every(6 * 3600, "tracking.apply_retention"),
        # an old draft cannot be launched while a removal of its block stands still half way
        "finish-removals": every(60, "tracking.finish_removals"),
        # partitions stand ready before anything needs them
        "ensure-email-partitions": every(3600, "delivery.ensure_partitions"),
        "ensure-event-partitions": every(3600, "tracking.ensure_partitions"),
    }


configure()
app.autodiscover_tasks()
