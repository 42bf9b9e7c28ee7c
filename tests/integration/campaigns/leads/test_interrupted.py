"""Imports that die, are cancelled, are run twice at once, or are forgotten."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from campaigns import enqueue, tasks
from campaigns.alone import TRY_LOCK, UNLOCK, key_of
from campaigns.leads import imports, sql, uploads
from campaigns.leads.staging import Progress
from campaigns.models import Lead, LeadImport, ListMembership, MailingList
from massmailer.embedded import postgres
from tests.integration.campaigns.leads.conftest import manage

pytestmark = pytest.mark.django_db(transaction=True)

State = LeadImport.State


def people(count: int) -> str:
    return "email,first_name\n" + "".join(f"p{number}@example.com,Person {number}\n" for number in range(count))


@pytest.fixture
def queued(monkeypatch) -> list[int]:
    """Ids of the imports that would have been published."""
    published: list[int] = []
    monkeypatch.setattr(enqueue, "_send", lambda task, *args: published.extend(args))
    return published


@pytest.mark.parametrize("place", ["import_staging", "import_merge"])
def test_a_killed_import_leaves_nothing_and_is_finished_by_the_next(write, tmp_path, place, queued) -> None:
    Lead.objects.create(email="p1@example.com", first_name="Old")
    path = write(people(2500) + "bad\n")
    killed = manage("import_leads", str(path), "--list", "News", failpoint=f"{place}:{tmp_path / 'died'}")
    assert killed.returncode == -9, killed.stderr
    row = LeadImport.objects.get()
    assert row.state == (State.STAGING if place == "import_staging" else State.MERGING)
    assert Lead.objects.count() == 1
    assert not ListMembership.objects.exists()
    LeadImport.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=61))
    assert imports.requeue_stranded() == 1
    assert queued == [row.pk]
    tasks.import_leads(row.pk)
    row.refresh_from_db()
    assert (row.state, row.error) == (State.DONE, "")
    assert (row.lines, row.created_count, row.updated_count, row.rejected_count) == (2501, 2499, 1, 1)
    assert Lead.objects.count() == 2500
    assert MailingList.objects.get().memberships.count() == 2500
    assert Lead.objects.get(email="p1@example.com").first_name == "Person 1"


@pytest.mark.parametrize("phase", ["staging", "merging"])
def test_a_cancelled_import_changes_nothing(write, phase) -> None:
    row = imports.register_import(path=write(people(1000)), name="leads.csv")

    def cancel(progress: Progress) -> None:
        if progress.phase == phase:
            assert imports.cancel_import(row.pk)

    row = imports.run_import(row.pk, on_progress=cancel)
    assert row.state == State.CANCELLED
    assert row.finished_at is not None
    assert not Lead.objects.exists()
    assert not imports.cancel_import(row.pk)


def test_a_cancel_during_the_merge_takes_it_back(write, monkeypatch) -> None:
    row = imports.register_import(path=write(people(100)), name="leads.csv")
    merge = imports.merge

    def merge_and_cancel(*args, **options):
        merged = merge(*args, **options)
        canceller = threading.Thread(target=lambda: (imports.cancel_import(row.pk), connection.close()))
        canceller.start()
        canceller.join(timeout=30)
        return merged

    monkeypatch.setattr(imports, "merge", merge_and_cancel)
    assert imports.run_import(row.pk).state == State.CANCELLED
    assert not Lead.objects.exists()


def test_an_import_that_is_cancelled_before_it_runs_never_runs(write) -> None:
    with write(people(10)).open("rb") as file:
        row = imports.create_import(file=file, name="leads.csv")
    assert imports.cancel_import(row.pk)
    tasks.import_leads(row.pk)
    assert not Lead.objects.exists()
    assert not Path(row.file_path).exists()


def test_a_finished_import_cannot_be_cancelled(import_file) -> None:
    row = import_file(people(3))
    assert not imports.cancel_import(row.pk)
    assert LeadImport.objects.get().state == State.DONE


def test_a_second_runner_goes_away_at_once(write) -> None:
    row = imports.register_import(path=write(people(10)), name="leads.csv")
    lock = key_of(sql.IMPORT_LOCK, row.pk)
    with psycopg.connect(postgres.url(f"test_{postgres.DATABASE}"), autocommit=True) as other:
        other.execute(TRY_LOCK, [lock])
        assert imports.run_import(row.pk).state == State.WAITING
        assert not Lead.objects.exists()
        other.execute(UNLOCK, [lock])
    assert imports.run_import(row.pk).state == State.DONE


def test_two_runners_at_once_do_the_work_once(write) -> None:
    row = imports.register_import(path=write(people(3000)), name="leads.csv")

    def run() -> None:
        try:
            imports.run_import(row.pk)
        finally:
            connection.close()

    runners = [threading.Thread(target=run) for _ in range(3)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(timeout=60)
    row.refresh_from_db()
    assert (row.state, row.created_count, row.updated_count) == (State.DONE, 3000, 0)
    assert Lead.objects.count() == 3000


def test_two_files_with_the_same_people_at_once_neither_double_nor_deadlock(write) -> None:
    forward, backward = people(2000).splitlines()[1:], people(2000).splitlines()[1:][::-1]
    rows = [
        imports.register_import(path=write("email,first_name\n" + "\n".join(lines), f"{index}.csv"), name="leads.csv")
        for index, lines in enumerate([forward, backward, forward])
    ]

    def run(row: LeadImport) -> None:
        try:
            imports.run_import(row.pk)
        finally:
            connection.close()

    runners = [threading.Thread(target=run, args=[row]) for row in rows]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(timeout=60)
    done = LeadImport.objects.all()
    assert {row.state for row in done} == {State.DONE}
    assert sum(row.created_count for row in done) == Lead.objects.count() == 2000


def test_a_lost_connection_leaves_the_import_to_be_picked_up(write) -> None:
    row = imports.register_import(path=write(people(1000)), name="leads.csv")

    def lose(progress: Progress) -> None:
        if progress.phase == "merging":
            with psycopg.connect(postgres.url(f"test_{postgres.DATABASE}"), autocommit=True) as other:
                pid = connection.connection.info.backend_pid
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    with pytest.raises(OperationalError):
        imports.run_import(row.pk, on_progress=lose)
    connection.close()
    row.refresh_from_db()
    assert row.state == State.STAGING
    assert imports.run_import(row.pk).created_count == 1000


def test_only_imports_that_stand_still_are_queued_again(write, queued) -> None:
    path = write(people(3))
    long_ago = timezone.now() - timedelta(seconds=90)
    rows = {
        name: imports.register_import(path=path, name=name)
        for name in ("fresh", "forgotten", "running", "stranded", "done")
    }
    set_to = LeadImport.objects.filter
    set_to(pk=rows["forgotten"].pk).update(created_at=long_ago)
    set_to(pk=rows["running"].pk).update(state=State.MERGING, created_at=long_ago, heartbeat_at=timezone.now())
    set_to(pk=rows["stranded"].pk).update(state=State.STAGING, created_at=long_ago, heartbeat_at=long_ago)
    set_to(pk=rows["done"].pk).update(state=State.DONE, created_at=long_ago, heartbeat_at=long_ago)
    assert imports.requeue_stranded() == 2
    assert sorted(queued) == sorted([rows["forgotten"].pk, rows["stranded"].pk])
    # asked for once, not on every round
    assert imports.requeue_stranded() == 0


def test_an_import_that_never_ends_is_given_up_after_a_day(write, queued) -> None:
    row = imports.register_import(path=write(people(3)), name="leads.csv")
    yesterday = timezone.now() - timedelta(hours=25)
    LeadImport.objects.update(state=State.STAGING, started_at=yesterday, heartbeat_at=yesterday)
    assert imports.requeue_stranded() == 0
    row.refresh_from_db()
    assert row.state == State.FAILED
    assert "Split the file" in row.error


def test_an_upload_is_queued_when_its_transaction_commits(write, queued, django_capture_on_commit_callbacks) -> None:
    with write(people(3)).open("rb") as file:
        row = imports.create_import(file=file, name="leads.csv")
    assert queued == [row.pk]


def test_a_broker_that_is_away_costs_no_upload(write, monkeypatch, caplog) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("refused")

    monkeypatch.setattr(enqueue.current_app, "send_task", refuse)
    with write(people(3)).open("rb") as file:
        row = imports.create_import(file=file, name="leads.csv")
    assert row.state == State.WAITING
    assert "not published" in caplog.text


def test_old_files_are_forgotten_and_young_ones_are_not(import_file, monkeypatch) -> None:
    row = import_file("email\na@example.com\nbad\n")
    tasks.requeue_imports()
    assert Path(row.rejects_path).exists()
    monkeypatch.setattr(uploads, "KEEP_DAYS", -1)
    tasks.requeue_imports()
    assert not Path(row.rejects_path).exists()
