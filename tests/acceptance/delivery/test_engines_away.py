"""Engines that are really away under a real worker: its idempotent tasks are run again, and succeed once they are back.

No beat runs here, so nobody asks a second time: without the policy of campaigns/infrastructure.py each task would be
lost with its first failure.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psycopg
import pytest
from celery import current_app
from django.conf import settings
from django.db.models.functions import Now

from campaigns.leads import imports
from campaigns.models import Campaign, Lead, MailingList
from delivery import alerts, outgoing, partitions
from delivery.models import AlertSettings, Batch, DeadDecision, Email
from massmailer.embedded import paths, postgres, valkey
from tests.acceptance.delivery.conftest import wait_for
from tests.integration.delivery.ledger_house import sent_campaign
from tests.unit.delivery.outgoing.servers import Receiver, receiving

NAME = "away-test"
# a worker that says on its standard error what it runs again, and nothing else is different
WORKER = """
import os, sys
from celery.signals import task_retry
from massmailer.celery import app
@task_retry.connect(weak=False)
def say(sender, reason, **_):
    os.write(2, f"again: {sender.name} {type(reason.exc).__name__}\\n".encode())
app.worker_main(sys.argv[1:])
"""
QUEUES = "default,control"
AGAIN = re.compile(r"^again: (\S+) (\S+)$", re.MULTILINE)


class Database:
    """The way to this run's PostgreSQL for one worker: a folder with its socket, which can be taken away."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / ".s.PGSQL.5432"
        self.come_back()

    @property
    def url(self) -> str:
        database = f"test_{postgres.DATABASE}"
        return f"postgresql://{postgres.USER}@/{database}?host={self._folder}&application_name={NAME}"

    def go_away(self) -> None:
        """No new connection, and those that stand are cut by the server, as in a restart."""
        self._socket.unlink()
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [NAME]
            )

    def come_back(self) -> None:
        self._socket.symlink_to(paths.postgres_socket_dir() / ".s.PGSQL.5432")


class Worker:
    """One worker process with one child."""

    def __init__(self, log: IO[bytes], database_url: str) -> None:
        self._log = Path(log.name)
        environment = {**os.environ, "DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "massmailer.settings"}
        arguments = ["worker", "-Q", QUEUES, "-c", "1", "-n", "away@%h", "--without-gossip", "--without-mingle"]
        command = [sys.executable, "-c", WORKER, *arguments, "--loglevel", "INFO"]
        self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        wait_for(lambda: " ready." in self.text, 60, "the worker is ready")

    @property
    def text(self) -> str:
        return self._log.read_text()

    @property
    def run_again(self) -> dict[str, str]:
        """Names of tasks that were put off, with the reason."""
        return dict(AGAIN.findall(self.text))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def database(transactional_db: None, redis_client: object) -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="mm-") as folder:
        yield Database(Path(folder))


@pytest.fixture
def worker(database: Database) -> Iterator[Worker]:
    with tempfile.NamedTemporaryFile(prefix="mm-", suffix=".log") as log:
        running = Worker(log, database.url)
        yield running
        running.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    # the worker reads the list of private hosts from the environment when it starts
    with receiving() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASSMAILER_WEBHOOK_PRIVATE_HOSTS", f"127.0.0.1:{running.port}")
        yield running


def launching() -> Campaign:
    """A campaign whose launch was asked for; it has no leads, so it is sent at once."""
    empty = MailingList.objects.create(name="Nobody")
    content = {"name": "News", "subject": "News", "from_email": "news@sender.example", "body_format": "html"}
    body = '<html><body><p>News</p><a href="{{ unsubscribe_url }}">Unsubscribe</a></body></html>'
    state = Campaign.State.LAUNCHING
    return Campaign.objects.create(body=body, mailing_list=empty, state=state, **content)


def publish(task: str, *arguments: int, queue: str = "control") -> None:
    current_app.send_task(task, args=list(arguments), queue=queue)


def test_tasks_are_run_again_until_the_database_is_back(
    receiver: Receiver, database: Database, worker: Worker, tmp_path: Path
) -> None:
    dead = sent_campaign(["deferred", "dead", "dead"])
    Email.objects.filter(status="deferred").update(due_at=Now())
    told = AlertSettings(webhook_url=f"http://127.0.0.1:{receiver.port}/", dead_letter_threshold=1)
    told.webhook_secret = outgoing.new_secret()
    told.save()
    alerts.raise_alert(key="test:away", subject="Away", text="Away")
    campaign = launching()
    partitions.ensure_email_partition(campaign.pk)
    decision = DeadDecision.objects.create(action="discard", source="emails")
    file = tmp_path / "leads.csv"
    file.write_text("email\ngrace@example.com\n")
    imported = imports.register_import(path=file, name="leads.csv")

    database.go_away()
    publish("delivery.launch_campaign", campaign.pk, queue="default")
    publish("campaigns.import_leads", imported.pk, queue="default")
    publish("delivery.run_dead_decision", decision.pk, queue="default")
    publish("delivery.collect_retries")
    publish("delivery.deliver_alerts")
    publish("delivery.check_dead_letters")
    names = {
        "delivery.launch_campaign", "campaigns.import_leads", "delivery.run_dead_decision", "delivery.collect_retries",
        "delivery.deliver_alerts", "delivery.check_dead_letters",
    }  # fmt: skip
    wait_for(lambda: set(worker.run_again) == names, 60, "every task failed and was put off")
    assert set(worker.run_again.values()) == {"OperationalError"}
    assert Campaign.objects.get(pk=campaign.pk).state == "launching"

    database.come_back()
    wait_for(lambda: Campaign.objects.get(pk=campaign.pk).state == "sent", 60, "the campaign is launched")
    wait_for(lambda: Lead.objects.filter(email="grace@example.com").exists(), 60, "the leads are imported")
    wait_for(lambda: Batch.objects.filter(campaign=dead, kind="retry").exists(), 60, "the retry is collected")
    wait_for(lambda: len(receiver.seen) > 0, 60, "the alert is posted")
    wait_for(lambda: DeadDecision.objects.get().state == "done", 60, "the decision is carried out")
    assert Email.objects.filter(campaign_id=dead.pk, status="failed").count() == 2


def test_a_worker_finds_a_broker_that_was_stopped_and_came_back(worker: Worker) -> None:
    valkey.stop()
    try:
        wait_for(lambda: "Connection to broker lost" in worker.text or "Cannot connect to" in worker.text, 30, "lost")
    finally:
        valkey.start()
    campaign = launching()
    publish("delivery.launch_campaign", campaign.pk, queue="default")
    wait_for(lambda: Campaign.objects.get(pk=campaign.pk).state == "sent", 60, "the campaign is launched")


def test_broker_of_these_tests_is_this_runs_own() -> None:
    assert str(paths.valkey_socket()) in settings.CELERY_BROKER_URL
