"""Unknown e-mails: leave, mark as sent, send again. Whatever races with it, the numbers add up."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction

from bench.sink import Rule, Sink
from campaigns.models import Campaign, Lead
from delivery import batch_sender, collect, lease, record, runtime, send, unknown
from delivery.engine.outcome import Kind, Outcome
from delivery.models import Batch, Email, UnknownDecision
from delivery.provider_log import Proof
from delivery.window import Result
from tests.integration.delivery.test_retry import settle
from tests.integration.delivery.unknowns import (
    age,
    checked,
    leave_unknown,
    lose_worker,
    row_of,
    send_ready,
    unknown_ids,
)
from tracking import sql as tracking_sql

MakeCampaign = Callable[..., Campaign]


@pytest.fixture
def ann(transactional_db: None) -> User:
    return User.objects.create(username="ann")


def resend_all(campaign: Campaign, by: User, **changes: object) -> int:
    return unknown.resend(**{"campaign_id": campaign.pk, "lead_ids": None, "by": by, "confirm": True, **changes})


def prove(campaign: Campaign, lead_ids: list[int]) -> int:
    """What the drain of events does when somebody opens an e-mail that was unknown."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(tracking_sql.PROVE_EMAILS, {"campaign": campaign.pk, "leads": lead_ids})
        proved = cursor.rowcount
        cursor.execute(
            tracking_sql.ADJUST,
            {"campaign": campaign.pk, "sent": proved, "unknown": -proved, "bounced": 0, "soft_bounced": 0},
        )
    return proved


def at_the_same_time(*calls: Callable[[], object]) -> list[object]:
    """The results (or errors) of calls that begin together, each with a database connection of its own."""
    gate = threading.Barrier(len(calls))
    results: list[object] = [None] * len(calls)

    def run(place: int, call: Callable[[], object]) -> None:
        gate.wait(10)
        try:
            results[place] = call()
        except Exception as error:  # noqa: BLE001 - shown by the caller's assertion
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


# --- leave


def test_leaving_changes_nothing_but_is_written_down(make_campaign: MakeCampaign, ann: User) -> None:
    campaign = make_campaign(leads=8)
    ids = leave_unknown(campaign, 4)
    before = list(Email.objects.order_by("lead_id").values())
    sent = Email.objects.filter(status="sent").values_list("lead_id", flat=True)[0]

    assert unknown.leave(campaign_id=campaign.pk, lead_ids=[ids[0], ids[1], sent], by=ann, note="too old") == 2

    assert list(Email.objects.order_by("lead_id").values()) == before
    decision = UnknownDecision.objects.get()
    assert (decision.action, decision.lead_ids, decision.lead_count) == ("leave", ids[:2], 2)
    assert (decision.by, decision.by_name, decision.note) == (ann, "ann", "too old")
    assert unknown.leave(campaign_id=campaign.pk, lead_ids=None, by=ann) == 4


def test_a_decision_about_nothing_is_not_logged(make_campaign: MakeCampaign, ann: User) -> None:
    campaign = make_campaign(leads=3)
    leave_unknown(campaign, 0)
    assert unknown.leave(campaign_id=campaign.pk, lead_ids=None, by=ann) == 0
    assert resend_all(campaign, ann) == 0
    assert unknown.mark_sent(campaign_id=campaign.pk, rows=[Proof(1, 1)], by=ann) == 0
    assert not UnknownDecision.objects.exists()


# --- mark as sent


def test_marking_as_sent_moves_the_numbers_with_it(make_campaign: MakeCampaign, ann: User) -> None:
    campaign = make_campaign(leads=8)
    ids = leave_unknown(campaign, 4)

    marked = unknown.mark_sent(campaign_id=campaign.pk, rows=[Proof(ids[0], 1), Proof(ids[2], 1)], by=ann)

    assert marked == 2
    found = checked(campaign)
    assert (found.unknown, found.sent) == (2, 6)
    row = row_of(campaign, ids[0])
    assert (row.status, row.attempt, row.due_at) == ("sent", 1, None)
    assert row.reply.startswith("marked as sent by a person; before: the worker that claimed it was lost")
    campaign.refresh_from_db()
    assert (campaign.unknown, campaign.sent) == (2, 6)
    # the second time there is nothing left to do
    assert unknown.mark_sent(campaign_id=campaign.pk, rows=[Proof(ids[0], 1)], by=ann) == 0
    assert checked(campaign) == found


def test_a_proof_of_an_attempt_that_was_never_made_proves_nothing(make_campaign: MakeCampaign, ann: User) -> None:
    campaign = make_campaign(leads=3)
    ids = leave_unknown(campaign, 2)
    assert unknown.mark_sent(campaign_id=campaign.pk, rows=[Proof(ids[0], 2)], by=ann) == 0
    assert unknown_ids(campaign) == ids


def test_settled_rows_are_not_marked(make_campaign: MakeCampaign, ann: User, sink: Sink) -> None:
    sink.behave([Rule("RCPT", "lead7@*", text="451 4.3.0 later")])
    campaign = make_campaign(leads=8)
    leave_unknown(campaign, 2)
    others = [Proof(row.lead_id, row.attempt) for row in Email.objects.exclude(status="unknown")]
    assert unknown.mark_sent(campaign_id=campaign.pk, rows=others, by=ann) == 0
    assert (checked(campaign).deferred, checked(campaign).unknown) == (1, 2)


def test_a_late_outcome_after_a_person_marked_it_changes_nothing(
    make_campaign: MakeCampaign, ann: User, worker: runtime.Runtime
) -> None:
    campaign = make_campaign(leads=2)
    ids = leave_unknown(campaign, 2)
    unknown.mark_sent(campaign_id=campaign.pk, rows=[Proof(lead_id, 1) for lead_id in ids], by=ann)
    ref = record.BatchRef(Batch.objects.get().pk, campaign.pk, "first", 1, 0)
    settle(worker, ref, [Result(ids[0], Outcome(Kind.TRANSIENT, 451)), Result(ids[1], Outcome(Kind.HARD, 550))])
    assert checked(campaign).sent == 2


# --- resend


def test_a_resend_goes_out_as_a_batch_of_the_next_attempt(make_campaign: MakeCampaign, ann: User, sink: Sink) -> None:
    campaign = make_campaign(leads=8)
    ids = leave_unknown(campaign, 3)

    assert resend_all(campaign, ann, note="the relay's log is empty") == 3

    batch = Batch.objects.get(kind="resend")
    assert (batch.attempt, batch.lead_ids, batch.size, batch.mailbox_group) == (2, ids, 3, "other")
    # still unknown, at the batch's own attempt, until the resend has an answer
    assert {(row.status, row.attempt) for row in Email.objects.filter(lead_id__in=ids)} == {("unknown", 2)}
    assert checked(campaign).unknown == 3
    send_ready(campaign)
    found = checked(campaign)
    assert (found.unknown, found.sent, found.audience) == (0, 8, 8)
    assert len(sink.accepted()) == 8
    assert {identifier.split("@")[0].rpartition(".")[2] for address, identifier in sink.accepted()} == {"1", "2"}
    decision = UnknownDecision.objects.get()
    assert (decision.action, decision.lead_ids, decision.note) == ("resend", ids, "the relay's log is empty")


def test_a_resend_wants_to_be_confirmed(make_campaign: MakeCampaign, ann: User) -> None:
    campaign = make_campaign(leads=3)
    leave_unknown(campaign, 2)
    with pytest.raises(unknown.DecisionRefused, match="second copy"):
        resend_all(campaign, ann, confirm=False)
    assert not Batch.objects.filter(kind="resend").exists()


def test_what_is_younger_than_a_day_is_not_sent_again(make_campaign: MakeCampaign, ann: User) -> None:
    campaign = make_campaign(leads=3)
    leave_unknown(campaign, 2, hours_ago=23.9)
    assert unknown.count_unknown(campaign_id=campaign.pk) == (2, 0)
    assert resend_all(campaign, ann) == 0
    age(24.1)
    assert unknown.count_unknown(campaign_id=campaign.pk) == (2, 2)
    assert resend_all(campaign, ann) == 2


def test_only_the_chosen_ones_are_sent_again(make_campaign: MakeCampaign, ann: User) -> None:
    campaign = make_campaign(leads=6)
    ids = leave_unknown(campaign, 4)
    sent = Email.objects.filter(status="sent").values_list("lead_id", flat=True)[0]
    assert resend_all(campaign, ann, lead_ids=[ids[3], ids[1], sent, 999_999]) == 2
    assert Batch.objects.get(kind="resend").lead_ids == [ids[1], ids[3]]


@pytest.mark.parametrize("state", ["cancelled", "draft", "launching"])
def test_a_campaign_that_does_not_send_refuses_a_resend(make_campaign: MakeCampaign, ann: User, state: str) -> None:
    campaign = make_campaign(leads=3)
    leave_unknown(campaign, 2)
    Campaign.objects.filter(pk=campaign.pk).update(state=state)
    with pytest.raises(unknown.DecisionRefused):
        resend_all(campaign, ann)
    assert not Batch.objects.filter(kind="resend").exists()
    assert not UnknownDecision.objects.exists()


def test_unknowns_of_different_attempts_get_batches_of_their_own(
    make_campaign: MakeCampaign, ann: User, sink: Sink
) -> None:
    sink.behave([Rule("RCPT", "lead5@*", text="451 4.3.0 later")])
    campaign = make_campaign(leads=6)
    leave_unknown(campaign, 3)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_email SET due_at = now() WHERE status = 'deferred'")
    collect.collect_retries()
    retry = Batch.objects.get(kind="retry")
    lose_worker(retry, 1)
    send.send_batch(retry.pk)
    age(30)
    sink.behave([])

    assert resend_all(campaign, ann) == 4

    batches = {batch.attempt: batch.size for batch in Batch.objects.filter(kind="resend")}
    assert batches == {2: 3, 3: 1}
    send_ready(campaign)
    assert (checked(campaign).sent, checked(campaign).unknown) == (6, 0)


def test_two_resends_at_once_make_one_second_copy(make_campaign: MakeCampaign, ann: User, sink: Sink) -> None:
    campaign = make_campaign(leads=12)
    leave_unknown(campaign, 10)

    resent = at_the_same_time(*[lambda: resend_all(campaign, ann)] * 4)

    assert sorted(resent) == [0, 0, 0, 10]
    assert [batch.size for batch in Batch.objects.filter(kind="resend")] == [10]
    send_ready(campaign)
    assert (checked(campaign).sent, checked(campaign).unknown) == (12, 0)
    assert len(sink.accepted()) == 12


def test_a_resend_that_comes_while_another_is_made_finds_nothing(make_campaign: MakeCampaign, ann: User) -> None:
    campaign = make_campaign(leads=5)
    leave_unknown(campaign, 3)
    second: list[object] = []
    thread = threading.Thread(target=lambda: second.extend(at_the_same_time(lambda: resend_all(campaign, ann))))
    with transaction.atomic():
        assert resend_all(campaign, ann) == 3
        thread.start()
        wait_until_somebody_waits_for_a_lock()
    thread.join(30)
    assert second == [0]
    assert [batch.size for batch in Batch.objects.filter(kind="resend")] == [3]


def test_a_resend_that_is_still_under_way_is_not_doubled(make_campaign: MakeCampaign, ann: User, sink: Sink) -> None:
    campaign = make_campaign(leads=4)
    leave_unknown(campaign, 3)
    assert resend_all(campaign, ann) == 3
    # a paused campaign may keep the batch waiting for days
    age(100)
    assert resend_all(campaign, ann) == 0
    send_ready(campaign)
    assert checked(campaign).sent == 4
    assert len(sink.accepted()) == 4


def test_an_open_while_the_batch_is_made_wins(make_campaign: MakeCampaign, ann: User, sink: Sink) -> None:
    campaign = make_campaign(leads=5)
    ids = leave_unknown(campaign, 3)
    resent: list[object] = []
    # the drain holds the rows when the resend comes: it waits, and finds them settled
    with transaction.atomic():
        assert prove(campaign, ids[:2]) == 2
        thread = threading.Thread(target=lambda: resent.extend(at_the_same_time(lambda: resend_all(campaign, ann))))
        thread.start()
        wait_until_somebody_waits_for_a_lock()
    thread.join(30)
    assert resent == [1]
    assert Batch.objects.get(kind="resend").lead_ids == [ids[2]]
    send_ready(campaign)
    assert (checked(campaign).sent, checked(campaign).unknown) == (5, 0)
    assert len(sink.accepted()) == 3


def wait_until_somebody_waits_for_a_lock() -> None:
    deadline = time.monotonic() + 20
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.01)


def test_an_open_before_the_batch_leaves_keeps_the_second_copy_back(
    make_campaign: MakeCampaign, ann: User, sink: Sink
) -> None:
    campaign = make_campaign(leads=5)
    ids = leave_unknown(campaign, 3)
    resend_all(campaign, ann)
    assert prove(campaign, ids[:2]) == 2
    send_ready(campaign)
    found = checked(campaign)
    assert (found.sent, found.unknown) == (5, 0)
    # three leads were never handed over to the sink the first time: one resend, and the two others
    assert len(sink.accepted()) == 3


def test_an_open_in_mid_send_is_counted_once(
    make_campaign: MakeCampaign, ann: User, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(leads=4)
    ids = leave_unknown(campaign, 2)
    resend_all(campaign, ann)
    real = batch_sender.send_window

    async def opened_meanwhile(*arguments: object) -> list[Result]:
        results = await real(*arguments)  # type: ignore[arg-type]
        (proved,) = at_the_same_time(lambda: prove(campaign, ids))
        assert proved == 2
        return results

    monkeypatch.setattr(batch_sender, "send_window", opened_meanwhile)
    send_ready(campaign)
    found = checked(campaign)
    assert (found.sent, found.unknown) == (4, 0)
    assert row_of(campaign, ids[0]).reply.startswith("proved by an event")


def test_a_resend_that_is_taken_over_stays_unknown_and_is_counted_once(
    make_campaign: MakeCampaign, ann: User, sink: Sink
) -> None:
    campaign = make_campaign(leads=8)
    ids = leave_unknown(campaign, 5)
    resend_all(campaign, ann)
    batch = Batch.objects.get(kind="resend")
    lose_worker(batch, 3)
    send.send_batch(batch.pk)
    found = checked(campaign)
    assert (found.unknown, found.sent) == (3, 5)
    assert unknown_ids(campaign) == ids[:3]
    batch.refresh_from_db()
    assert (batch.state, batch.unknown, batch.sent) == ("done", -2, 2)


def test_a_late_outcome_of_a_lost_resend_settles_it(
    make_campaign: MakeCampaign, ann: User, worker: runtime.Runtime
) -> None:
    campaign = make_campaign(leads=4)
    ids = leave_unknown(campaign, 3)
    resend_all(campaign, ann)
    batch = Batch.objects.get(kind="resend")
    lose_worker(batch, 3)
    send.send_batch(batch.pk)
    ref = record.BatchRef(batch.pk, campaign.pk, "resend", 2, 0)
    late = [Result(ids[0], Outcome(Kind.ACCEPTED, 250)), Result(ids[1], Outcome(Kind.HARD, 550))]
    for _ in range(2):
        settle(worker, ref, late)
    found = checked(campaign)
    assert (found.unknown, found.sent, found.bounced) == (1, 2, 1)


def test_an_outcome_of_the_first_attempt_cannot_write_over_a_resend(
    make_campaign: MakeCampaign, ann: User, worker: runtime.Runtime
) -> None:
    campaign = make_campaign(leads=3)
    ids = leave_unknown(campaign, 2)
    resend_all(campaign, ann)
    first = record.BatchRef(Batch.objects.get(kind="first").pk, campaign.pk, "first", 1, 0)
    settle(worker, first, [Result(ids[0], Outcome(Kind.TRANSIENT, 451))])
    assert row_of(campaign, ids[0]).status == "unknown"
    assert checked(campaign).unknown == 2


@pytest.mark.parametrize(("kind", "status"), [("451 4.3.0 later", "deferred"), ("550 5.1.1 nobody", "bounced_hard")])
def test_a_resend_that_is_refused_takes_the_usual_road(
    make_campaign: MakeCampaign, ann: User, sink: Sink, kind: str, status: str
) -> None:
    campaign = make_campaign(leads=3)
    ids = leave_unknown(campaign, 2)
    sink.behave([Rule("RCPT", text=kind)])
    resend_all(campaign, ann)
    send_ready(campaign)
    assert {row_of(campaign, lead_id).status for lead_id in ids} == {status}
    assert row_of(campaign, ids[0]).tries == 2
    assert checked(campaign).unknown == 0


def test_a_resend_without_an_answer_is_unknown_again_and_young(
    make_campaign: MakeCampaign, ann: User, sink: Sink
) -> None:
    campaign = make_campaign(leads=3)
    leave_unknown(campaign, 2)
    sink.behave([Rule("DOT", action="close")])
    resend_all(campaign, ann)
    send_ready(campaign)
    assert checked(campaign).unknown == 2
    assert unknown.count_unknown(campaign_id=campaign.pk) == (2, 0)
    assert resend_all(campaign, ann) == 0


def unsubscribe(campaign: Campaign, lead_id: int) -> None:
    Lead.objects.filter(pk=lead_id).update(status=Lead.Status.UNSUBSCRIBED)


def erase(campaign: Campaign, lead_id: int) -> None:
    Lead.objects.filter(pk=lead_id).delete()


def cancel(campaign: Campaign, lead_id: int) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.CANCELLED)


@pytest.mark.parametrize(
    ("happens", "reason"), [(unsubscribe, "unsubscribed"), (erase, "erased"), (cancel, "cancelled")]
)
def test_a_resend_that_is_not_attempted_stays_unknown_and_says_why(
    make_campaign: MakeCampaign, ann: User, sink: Sink, happens: Callable[[Campaign, int], None], reason: str
) -> None:
    campaign = make_campaign(leads=3)
    ids = leave_unknown(campaign, 1)
    accepted = len(sink.accepted())
    resend_all(campaign, ann)
    happens(campaign, ids[0])
    send_ready(campaign)
    found = checked(campaign)
    assert (found.unknown, found.sent, found.skipped, found.deferred) == (1, 2, 0, 0)
    assert len(sink.accepted()) == accepted
    row = row_of(campaign, ids[0])
    assert (row.status, row.reply) == ("unknown", f"not sent again: {reason}")
    # another resend has to wait for another day
    assert unknown.count_unknown(campaign_id=campaign.pk).resendable == 0
    batch = Batch.objects.get(kind="resend")
    assert (batch.state, batch.unknown, batch.skipped, batch.sent) == ("done", 0, 0, 0)


def test_a_resend_that_reached_no_relay_stays_unknown(make_campaign: MakeCampaign, ann: User, sink: Sink) -> None:
    campaign = make_campaign(leads=3)
    ids = leave_unknown(campaign, 2)
    resend_all(campaign, ann)
    sink.behave([Rule("CONNECT", action="close")])
    # the connections that the first pass left open are gone
    runtime.shut_down()
    send_ready(campaign)
    found = checked(campaign)
    assert (found.unknown, found.deferred) == (2, 0)
    assert unknown_ids(campaign) == ids
    assert row_of(campaign, ids[0]).reply.startswith("not sent again: ")


def test_a_paused_campaign_resends_when_it_goes_on(make_campaign: MakeCampaign, ann: User, sink: Sink) -> None:
    campaign = make_campaign(leads=3)
    leave_unknown(campaign, 2)
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.PAUSED)
    assert resend_all(campaign, ann) == 2
    send_ready(campaign)
    assert checked(campaign).unknown == 2
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.SENT)
    send_ready(campaign)
    assert checked(campaign).unknown == 0


def test_marking_beats_a_resend_that_waits(make_campaign: MakeCampaign, ann: User, sink: Sink) -> None:
    campaign = make_campaign(leads=3)
    ids = leave_unknown(campaign, 2)
    accepted = len(sink.accepted())
    resend_all(campaign, ann)
    # the provider's log speaks of the first attempt: proof enough
    assert unknown.mark_sent(campaign_id=campaign.pk, rows=[Proof(ids[0], 1)], by=ann) == 1
    send_ready(campaign)
    assert (checked(campaign).sent, checked(campaign).unknown) == (3, 0)
    assert len(sink.accepted()) == accepted + 1


def test_resends_marks_and_opens_in_any_order_keep_the_numbers(
    make_campaign: MakeCampaign, ann: User, sink: Sink
) -> None:
    campaign = make_campaign(leads=40)
    ids = leave_unknown(campaign, 30)
    accepted = len(sink.accepted())
    results = at_the_same_time(
        lambda: resend_all(campaign, ann),
        lambda: unknown.mark_sent(campaign_id=campaign.pk, rows=[Proof(one, 1) for one in ids[::2]], by=ann),
        lambda: prove(campaign, ids[::3]),
        lambda: resend_all(campaign, ann, lead_ids=ids[5:25]),
    )
    assert not [result for result in results if not isinstance(result, int)]
    assert checked(campaign).audience == 40
    send_ready(campaign)
    found = checked(campaign)
    assert (found.sent, found.unknown) == (40, 0)
    addresses = [address for address, _ in sink.accepted()]
    assert len(addresses) == len(set(addresses)) <= accepted + 30


def test_the_lease_of_a_resend_is_one_like_any_other(
    make_campaign: MakeCampaign, ann: User, worker: runtime.Runtime
) -> None:
    campaign = make_campaign(leads=3)
    leave_unknown(campaign, 2)
    resend_all(campaign, ann)
    batch = Batch.objects.get(kind="resend")

    async def take() -> lease.Lease | None:
        return await lease.take(await worker.work_connection(), batch.pk, random.Random(1))

    taken = worker.run(take())
    assert taken is not None
    assert (taken.ref.kind, taken.ref.attempt) == ("resend", 2)
    assert worker.run(take()) is None
