"""Retention by its command and its page, on real partitions with rows in them."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pyarrow.parquet
import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.urls import reverse

from campaigns.models import Campaign, FeedEntry, Lead, ListMembership, MailingList
from delivery import partitions
from delivery import tasks as delivery_tasks
from delivery.models import Alert, Batch, Email, LeadTouch
from delivery.models.email import CAMPAIGNS_A_PARTITION
from delivery.numbers import campaign_numbers
from tests.people import boss
from tracking import retention, tasks
from tracking.models import (
    AsideEvent,
    CampaignEngagement,
    LeadEngagement,
    LinkClick,
    MinuteRollup,
    RetentionDrop,
    RetentionPolicy,
)
from tracking.occurrence import happened
from tracking.record import record
from tracking.retention import drop
from tracking.roll import count_anew

NOW = dt.datetime.now(dt.UTC)
OLD = NOW - dt.timedelta(days=200)
OLD_MONTH = f"tracking_event_{OLD:%Y_%m}"
# far from what other tests use, so that what is dropped here is missed by nobody
BLOCK = 4000


@pytest.fixture
def clean(transactional_db: None) -> Iterator[None]:
    """A detach cannot stand in a transaction, so these tests commit: afterwards nothing of theirs stands."""
    yield
    connections.close_all()
    with connection.cursor() as cursor:
        for parent, child in (("delivery_email", f"delivery_email_b{BLOCK}"), ("tracking_event", OLD_MONTH)):
            cursor.execute("SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass(%s)", [child])
            if cursor.fetchone():
                cursor.execute(f"ALTER TABLE {parent} DETACH PARTITION {child}")
            cursor.execute(f"DROP TABLE IF EXISTS {child}")


@pytest.fixture
def old(clean: None) -> Campaign:
    return a_campaign_of_old()


def a_campaign_of_old() -> Campaign:
    """One that ended 200 days ago, with an e-mail, a click and its engagement."""
    campaign = Campaign.objects.create(
        pk=BLOCK * CAMPAIGNS_A_PARTITION + 5, name="Old", subject="s", from_email="a@b.example", body="", state="sent",
        launched_at=OLD, finished_at=OLD, counted_at=OLD, audience=1, sent=1,
    )  # fmt: skip
    Batch.objects.create(
        campaign=campaign, seq=1, lead_ids=[1], size=1, cursor=1, recorded=1, sent=1, state="done"
    )  # fmt: skip
    lead = Lead.objects.create(email="ada@example.com")
    with transaction.atomic():
        partitions.ensure_email_partition(campaign.pk)
        partitions.ensure_month("tracking_event", "at", OLD.date())
        Email.objects.create(
            campaign_id=campaign.pk,
            lead_id=lead.pk,
            attempt=1,
            tries=1,
            status="sent",
            variant=0,
            at=OLD - dt.timedelta(hours=1),
        )
        record([happened("click", at=OLD, campaign_id=campaign.pk, lead_id=lead.pk, link_number=1)])
    return campaign


def keep(**months: object) -> None:
    RetentionPolicy.objects.update_or_create(pk=1, defaults=months)


def stands(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [name])
        return bool(cursor.fetchone()[0])


def test_what_would_go_is_said_and_then_goes_and_reports_stay(
    old: Campaign, capsys: pytest.CaptureFixture[str], redis_client: object
) -> None:
    call_command("apply_retention")
    assert "Nothing is old enough to go." in capsys.readouterr().out, "by default everything is kept for ever"
    keep(event_months=3, email_months=3)
    call_command("apply_retention", "--dry-run")
    said = capsys.readouterr().out
    assert f"would remove events of {OLD:%B %Y}" in said
    assert f"would remove e-mails of the campaigns {old.pk - 5} to {old.pk + 250}" in said
    page = boss()
    assert f"events of {OLD:%B %Y}" in page.get(reverse("admin:tracking_retentionpolicy_change", args=[1])).text
    assert stands(OLD_MONTH)

    call_command("apply_retention")
    assert not stands(OLD_MONTH)
    assert not stands(f"delivery_email_b{BLOCK}")
    assert RetentionDrop.objects.exclude(dropped_at=None).count() == 2
    assert not CampaignEngagement.objects.exists()
    assert not LinkClick.objects.exists()

    assert MinuteRollup.objects.get().count == 1
    assert LeadEngagement.objects.get().clicked_at == OLD
    assert campaign_numbers(old.pk).sent == 1
    lead = Lead.objects.get()
    for name in ("admin:campaigns_campaign_change", "delivery_campaign_emails", "tracking_report"):
        assert page.get(reverse(name, args=[old.pk])).status_code == 200, name
    for name in ("admin:campaigns_lead_change", "delivery_lead_emails"):
        assert page.get(reverse(name, args=[lead.pk])).status_code == 200, name
    assert "Details were removed" in page.get(reverse("admin:campaigns_campaign_change", args=[old.pk])).text
    call_command("campaign_status", str(old.pk), "--json")
    count_anew([old.pk])
    assert MinuteRollup.objects.get().count == 1
    # a click a year later is an event like any other
    record([happened("click", campaign_id=old.pk, lead_id=lead.pk, link_number=1)], park=False)


@pytest.mark.django_db
def test_one_campaign_that_is_not_over_holds_its_whole_block() -> None:
    old = a_campaign_of_old()
    keep(email_months=3)
    over = {"state": "sent", "launched_at": OLD, "finished_at": OLD}
    about = {"subject": "s", "from_email": "a@b.example", "body": ""}
    other = Campaign.objects.create(pk=old.pk + 1, name="Other", **about, **over)
    for changes, goes in (
        ({}, True), ({"state": "draft", "launched_at": None}, True), ({"state": "paused"}, False),
        ({"state": "sending"}, False), ({"finished_at": NOW - dt.timedelta(days=20)}, False),
        ({"finished_at": None}, False),
    ):  # fmt: skip
        Campaign.objects.filter(pk=other.pk).update(**{**over, **changes})
        assert [piece.partition for piece in retention.preview()] == [f"delivery_email_b{BLOCK}"] * goes, changes
    Campaign.objects.filter(pk=other.pk).update(**over)
    retry = Batch.objects.create(campaign=old, seq=2, kind="retry", attempt=2, lead_ids=[1], size=1)
    assert retention.preview() == []
    # the second attempt was put off too: no batch is open, and a third is to come
    Batch.objects.filter(pk=retry.pk).update(state="done", cursor=1, recorded=1)
    assert len(retention.preview()) == 1
    Email.objects.filter(campaign_id=old.pk).update(status="deferred", due_at=NOW)
    assert retention.preview() == []


def test_nobody_who_writes_waits_for_a_removal_that_waits_for_a_reader(
    old: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(event_months=3)
    monkeypatch.setattr(drop, "DETACH_SECONDS", 1)
    other = connection.copy()
    with other.cursor() as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM tracking_event")
        found: list[retention.Applied] = []
        running = threading.Thread(target=lambda: (found.append(retention.apply()), connections.close_all()))
        running.start()
        # the removal is waiting for the reader all that time
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
            while running.is_alive():
                record([happened("open", campaign_id=old.pk, lead_id=Lead.objects.get().pk)], park=False)
            cursor.execute("RESET lock_timeout")
        running.join()
        assert found[0].removed == []
        assert "are being read" in found[0].trouble[0]
        assert Alert.objects.get().key == "retention"
        reader.execute("COMMIT")
    other.close()
    # the next run goes on with the half that is left
    assert retention.apply().removed == [f"events of {OLD:%B %Y}"]
    assert not stands(OLD_MONTH)


def test_a_removal_that_was_broken_off_never_takes_a_younger_table(old: Campaign) -> None:
    keep(email_months=3)
    (piece,) = retention.preview()
    RetentionDrop.objects.create(
        kind="emails", partition=piece.partition, oid=piece.oid + 1, words="x", low=piece.low, high=piece.high,
        size_bytes=1,
    )  # fmt: skip
    keep(email_months=0)
    retention.apply()
    assert stands(piece.partition)
    assert Email.objects.filter(campaign_id=old.pk).exists()


def test_what_cannot_be_exported_stays_and_what_can_is_there_to_read(
    old: Campaign, settings: pytest.FixtureRequest, tmp_path: Path
) -> None:
    keep(event_months=3, email_months=3, exports_first=True)
    settings.RETENTION_EXPORT_DIR = str(tmp_path / "file")
    (tmp_path / "file").write_text("not a folder")
    assert len(retention.apply().trouble) == 2
    assert stands(OLD_MONTH)
    assert stands(f"delivery_email_b{BLOCK}")

    settings.RETENTION_EXPORT_DIR = str(tmp_path / "exports")
    assert len(retention.apply().removed) == 2
    for name, table in ((OLD_MONTH, "events"), (f"delivery_email_b{BLOCK}", "ledger")):
        found = pyarrow.parquet.ParquetDataset(tmp_path / "exports" / name / table).read()
        assert found["campaign_id"].to_pylist() == [old.pk]
        assert RetentionDrop.objects.get(partition=name).exported_to == str(tmp_path / "exports" / name)


def test_a_draft_of_a_removed_block_keeps_its_feed_and_waits_for_a_removal_that_was_broken_off(old: Campaign) -> None:
    draft = Campaign.objects.create(pk=old.pk + 1, name="Draft", subject="s", from_email="a@b.example", body="")
    FeedEntry.objects.create(campaign=draft, lead=Lead.objects.get(), data={"car": "red"})
    child = f"delivery_email_b{BLOCK}"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE delivery_email DETACH PARTITION {child}")
    with pytest.raises(partitions.Detached), transaction.atomic():
        partitions.ensure_email_partition(draft.pk)
    with connection.cursor() as cursor:
        low, high = BLOCK * CAMPAIGNS_A_PARTITION, (BLOCK + 1) * CAMPAIGNS_A_PARTITION
        cursor.execute(f"ALTER TABLE delivery_email ATTACH PARTITION {child} FOR VALUES FROM ({low}) TO ({high})")
    keep(email_months=3)
    retention.apply()
    assert not stands(child)
    assert FeedEntry.objects.get().campaign_id == draft.pk


def a_draft_as_old(old: Campaign) -> Campaign:
    readers = MailingList.objects.create(name="Readers")
    ListMembership.objects.create(mailing_list=readers, lead=Lead.objects.get())
    return Campaign.objects.create(
        pk=old.pk + 1, name="Draft", subject="s", from_email="a@b.example", body_format="html",
        body='<a href="{{ unsubscribe_url }}">Unsubscribe</a>', mailing_list=readers, state="scheduled",
        scheduled_at=NOW,
    )  # fmt: skip


def test_a_block_is_not_removed_under_a_launch(old: Campaign) -> None:
    keep(email_months=3)
    with transaction.atomic():
        partitions.ensure_email_partition(old.pk + 1)
        with ThreadPoolExecutor() as pool:
            applied = pool.submit(lambda: (retention.apply(), connections.close_all())[0]).result()
        assert "is being launched" in applied.trouble[0]
    assert Email.objects.filter(campaign_id=old.pk).exists()


def test_a_draft_that_is_launched_during_a_removal_waits_and_then_is_sent(
    old: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(email_months=3)
    monkeypatch.setattr(drop, "DETACH_SECONDS", 1)
    draft = a_draft_as_old(old)
    Campaign.objects.filter(pk=draft.pk).update(state="draft")
    with closing(connection.copy()) as other, other.cursor() as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM delivery_email")
        with ThreadPoolExecutor() as pool:
            removal = pool.submit(lambda: (retention.apply(), connections.close_all())[0])
            until = time.monotonic() + 10
            while not RetentionDrop.objects.exists():
                assert time.monotonic() < until
            Campaign.objects.filter(pk=draft.pk).update(state="scheduled")
            assert not delivery_tasks.launch_campaign(draft.pk)
            assert "are being read" in removal.result().trouble[0]
        assert not delivery_tasks.launch_campaign(draft.pk)
        assert Campaign.objects.get(pk=draft.pk).state == "launching", "the sweeper tries again"
        reader.execute("COMMIT")
    tasks.finish_removals()
    assert delivery_tasks.launch_campaign(draft.pk)
    Email.objects.create(campaign_id=draft.pk, lead_id=1, attempt=1, tries=1, status="sent", variant=0, at=NOW)
    assert Email.objects.filter(campaign_id=old.pk).exists(), "what was needed again came back whole"
    assert retention.preview() == []


@pytest.fixture
def month_of_messages(clean: None) -> Iterator[None]:
    for parent, column in partitions.BY_MONTH.items():
        with transaction.atomic():
            partitions.ensure_month(parent, column, OLD.date())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_message (id, created_at, to_address, sender, status)"
            " VALUES (7, %s, 'a@b.example', 'd@e.example', 'queued')", [OLD],
        )  # fmt: skip
    yield
    with connection.cursor() as cursor:
        for parent in partitions.BY_MONTH:
            cursor.execute(f"DROP TABLE IF EXISTS {parent}_{OLD:%Y_%m}")


def test_messages_go_by_month_with_their_histories_and_one_that_waits_holds_its_month(month_of_messages: None) -> None:
    keep(message_months=3)
    call_command("apply_retention")
    assert stands(f"delivery_message_{OLD:%Y_%m}")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_message SET status = 'sent' WHERE id = 7")
    tasks.apply_retention()
    for parent in partitions.BY_MONTH:
        assert not stands(f"{parent}_{OLD:%Y_%m}")
        assert stands(f"{parent}_{NOW:%Y_%m}")
    assert sorted(RetentionDrop.objects.values_list("words", flat=True)) == [
        f"histories of messages of {OLD:%B %Y}", f"messages of {OLD:%B %Y}",
    ]  # fmt: skip


@pytest.mark.django_db
def test_small_things_are_pruned() -> None:
    for age in (400, 10):
        alert = Alert.objects.create(key=f"k{age}", subject="s", text="t")
        Alert.objects.filter(pk=alert.pk).update(created_at=NOW - dt.timedelta(days=age))
        aside = AsideEvent.objects.create(payload="x", reason="y")
        AsideEvent.objects.filter(pk=aside.pk).update(set_aside_at=NOW - dt.timedelta(days=age))
        LeadTouch.objects.create(
            lead_id=age, campaign_ids=[1, 2], times=[NOW - dt.timedelta(days=500), NOW - dt.timedelta(days=age)]
        )
    assert retention.apply().pruned == {"alerts": 1, "events set aside": 1, "touches of leads": 1}
    assert LeadTouch.objects.get().lead_id == 10
    assert Alert.objects.get().key == "k10"
