"""The list of dead letters: what it finds, who may decide, and that what was decided is really delivered."""

from __future__ import annotations

import csv
import datetime as dt
import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bench.sink import Rule, Sink
from campaigns.models import Campaign, Lead
from delivery import collect, launch, message_sender
from delivery.admin import dead_list
from delivery.dead import decisions, rows
from delivery.dead.filter import DeadFilter
from delivery.dead.rows import Key
from delivery.models import DeadDecision, Email, Message, ReplyRule
from delivery.providers import add_provider
from delivery.transactional import queue_message
from tests.integration.delivery.ledger_house import sent_campaign
from tests.integration.delivery.unknowns import checked, send_ready
from tests.people import boss, somebody

MakeCampaign = Callable[..., Campaign]
LIST = "delivery_dead"


def get(client: Client, **query: object) -> Any:
    return client.get(reverse(LIST), query)


def found(response: Any) -> list[tuple[int, int]]:
    return [(row["letter"].campaign_id, row["letter"].id) for row in response.context["rows"]]


def addresses(response: Any) -> list[str]:
    return [row["letter"].address for row in response.context["rows"]]


def describe(number: int, **values: object) -> None:
    """Change the row of reader<number>."""
    assert Email.objects.filter(lead_id=Lead.objects.get(email=f"reader{number}@example.com").pk).update(**values)


def a_message(
    status: str = "dead", address: str = "ada@gmail.com", reply: str = "450 4.2.0 later", code: int = 450
) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_message (to_address, sender, content, status, reply, code, tries, at) "
            "VALUES (%s, 'a@b.example', '', %s, %s, %s, 4, now()) RETURNING id",
            [address, status, reply, code],
        )
        return int(cursor.fetchone()[0])


@pytest.mark.django_db
class TestTheList:
    @pytest.fixture(autouse=True)
    def campaign(self) -> Campaign:
        """Readers 0 to 4 are dead letters, 5 was sent, 6 is deferred."""
        made = sent_campaign(["dead"] * 5 + ["sent", "deferred"])
        describe(0, reply="451 4.7.1 Greylisted, come back", code=451, enhanced="4.7.1", provider_id=7)
        describe(1, reply="452 4.5.3 Too many recipients", code=452, enhanced="4.5.3")
        describe(2, reply="550 5.7.1 Blocked by spamhaus", code=550, enhanced="5.7.1")
        describe(3, reply="connection refused", code=None, at=timezone.now() - dt.timedelta(days=9))
        Lead.objects.filter(email="reader4@example.com").update(mailbox_group="gmail", email="reader4@gmail.com")
        return made

    @pytest.mark.parametrize(
        ("query", "numbers"),
        [
            ({}, [0, 1, 2, 3, 4]),
            ({"reply": "GREYlisted"}, [0]),
            ({"reply": "100%"}, []),
            ({"reply": "\0greylisted"}, [0, 1, 2, 3, 4]),
            ({"reason": "transient"}, [0, 1]),
            ({"reason": "greylisted"}, [0]),
            ({"reason": "block"}, [2]),
            ({"reason": "unreached"}, [3, 4]),
            ({"reason": "nonsense"}, [0, 1, 2, 3, 4]),
            ({"group": "gmail"}, [4]),
            ({"group": "other"}, [0, 1, 2, 3]),
            ({"domain": "GMAIL.com "}, [4]),
            ({"domain": "@example.com", "reason": "transient"}, [0, 1]),
            ({"until": (timezone.now() - dt.timedelta(days=8)).date()}, [3]),
            ({"since": (timezone.now() - dt.timedelta(days=8)).date()}, [0, 1, 2, 4]),
            ({"since": "yesterday"}, [0, 1, 2, 3, 4]),
            ({"since": "0001-01-01", "until": "9999-12-31"}, [0, 1, 2, 3, 4]),
            ({"before": "x"}, [0, 1, 2, 3, 4]),
        ],
    )
    def test_filters(self, query: dict[str, object], numbers: list[int]) -> None:
        shown = addresses(get(boss(), **query))
        assert sorted(address.split("@")[0] for address in shown) == [f"reader{number}" for number in numbers]

    def test_filters_by_provider_and_campaign(self, campaign: Campaign) -> None:
        provider = add_provider(name="Relay", url="smtp://127.0.0.1:9")
        describe(1, provider_id=provider.pk)
        Campaign.objects.filter(pk=campaign.pk).update(dead=5)
        client = boss()
        assert addresses(get(client, provider_id=provider.pk)) == ["reader1@example.com"]
        assert len(found(get(client, campaign_id=campaign.pk))) == 5
        other = Campaign.objects.create(name="Other", subject="x", from_email="a@example.com")
        assert found(get(client, campaign_id=other.pk)) == []

    def test_pages_go_by_key_and_miss_no_letter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rows.page, "__defaults__", (rows.START, 2))
        client, seen = boss(), list[str]()
        response = get(client)
        for _ in range(4):
            seen += addresses(response)
            if not response.context["next_url"]:
                break
            response = client.get(reverse(LIST) + response.context["next_url"])
        assert len(seen) == len(set(seen)) == 5

    def test_a_filter_that_finds_nothing_breaks_off_and_looks_further(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rows, "LOOKED_A_PAGE", 2)
        monkeypatch.setattr(rows, "STRETCH", 2)
        client = boss()
        response = get(client, reply="greylisted")
        assert found(response) == []
        assert response.context["is_partial"]
        assert "Look further" in response.content.decode()
        for _ in range(3):
            if found(response):
                break
            response = client.get(reverse(LIST) + response.context["next_url"])
        assert addresses(response) == ["reader0@example.com"]

    def test_the_words_of_the_page(self) -> None:
        page = get(boss()).content.decode()
        assert "The server asks us to come again." in page
        assert "Not reached" in page
        assert "reader0@example.com" in page

    def test_an_operators_own_rule_judges_them_too(self) -> None:
        ReplyRule.objects.create(
            name="crowd", outcome="transient", reason="Their desk is crowded.", phrases="too many recipients"
        )
        client = boss()
        response = get(client, reason="crowd")
        assert addresses(response) == ["reader1@example.com"]
        assert "Their desk is crowded." in response.content.decode()

    def test_who_may_not_see_leads_sees_numbers(self) -> None:
        page = get(somebody("Operators")).content.decode()
        assert "reader0@" not in page
        assert "Try the chosen again" in page
        page = get(somebody("Viewers")).content.decode()
        assert "reader0@" in page
        assert "Try the chosen again" not in page

    def test_transactional_messages_stand_in_their_own_list(self) -> None:
        dead = a_message()
        a_message("sent")
        client = boss()
        response = get(client, source="messages")
        assert found(response) == [(0, dead)]
        assert found(get(client, source="messages", group="gmail", reason="transient")) == [(0, dead)]
        assert found(get(client, source="messages", group="yahoo")) == []
        assert found(get(client, source="messages", domain="gmail.com", reply="later")) == [(0, dead)]
        assert somebody("Viewers").get(reverse(LIST), {"source": "messages"}).status_code == 403

    def test_the_file_has_the_selection_and_no_formulas(self) -> None:
        response = boss().get(reverse("delivery_dead_csv"), {"reason": "unreached"})
        assert response.streaming
        lines = list(csv.DictReader(io.StringIO(b"".join(response).decode())))
        assert [line["email"] for line in lines] == ["reader4@gmail.com", "reader3@example.com"]
        assert lines[0]["reply"] == "'=lost()"
        assert lines[0]["reason"] == "Not reached"
        assert somebody("Operators").get(reverse("delivery_dead_csv")).status_code == 403

    def test_the_sidebar_counts_them(self, campaign: Campaign) -> None:
        dead_list.waiting.expire()
        assert '<span class="mm-tag ml-2">5</span>' in get(boss()).content.decode()
        Email.objects.filter(status="dead").delete()
        Campaign.objects.filter(pk=campaign.pk).update(dead=0)
        dead_list.waiting.expire()  # three seconds later
        page = get(boss()).content.decode()
        assert "nothing was given up" in page
        assert "dead_list.badge" not in page

    def test_the_campaigns_page_leads_to_its_letters(self, campaign: Campaign) -> None:
        page = boss().get(reverse("admin:campaigns_campaign_change", args=[campaign.pk])).content.decode()
        assert f"{reverse(LIST)}?campaign_id={campaign.pk}" in page


@pytest.mark.django_db
class TestDeciding:
    @pytest.fixture(autouse=True)
    def campaign(self) -> Campaign:
        made = sent_campaign(["dead"] * 5 + ["sent"])
        describe(0, reply="451 4.7.1 Greylisted", code=451)
        return made

    def keys(self, campaign: Campaign, *numbers: int) -> list[str]:
        ids = [Lead.objects.get(email=f"reader{number}@example.com").pk for number in numbers]
        return [f"{campaign.pk}:{lead_id}" for lead_id in ids]

    def test_chosen_letters_are_tried_again(self, campaign: Campaign) -> None:
        client, address = boss(), reverse("delivery_dead_requeue_chosen")
        chosen = self.keys(campaign, 0, 3)
        page = client.get(address, {"letter": chosen}).content.decode()
        assert "Try 2 dead letters again?" in page
        assert checked(campaign).dead == 5
        response = client.post(address, {"letter": chosen}, follow=True)
        assert "2 dead letters will be tried again." in response.content.decode()
        assert (checked(campaign).dead, checked(campaign).deferred) == (3, 2)
        assert LogEntry.objects.get(object_id=str(campaign.pk)).change_message == "2 dead letters will be tried again."
        made = DeadDecision.objects.get()
        assert (made.state, made.changed, made.keys) == ("done", 2, chosen)
        # what is not dead any more is left alone
        client.post(address, {"letter": chosen})
        assert (checked(campaign).dead, checked(campaign).deferred) == (3, 2)

    def test_all_of_a_filter_is_discarded(self, campaign: Campaign) -> None:
        client, address = boss(), reverse("delivery_dead_discard_chosen")
        query = {"all": "1", "reason": "greylisted"}
        assert "Discard 1 dead letter?" in client.get(address, query).content.decode()
        client.post(address, query)
        assert (checked(campaign).dead, checked(campaign).failed) == (4, 1)
        assert Email.objects.get(status="failed").reply == "discarded; before: 451 4.7.1 Greylisted"
        assert DeadDecision.objects.get().criteria == {"reason": "greylisted"}

    @pytest.mark.parametrize("name", ["delivery_dead_requeue_chosen", "delivery_dead_discard_chosen"])
    def test_a_decision_wants_a_token_a_post_and_the_permission(self, campaign: Campaign, name: str) -> None:
        values = {"all": "1"}
        assert boss(csrf=True).post(reverse(name), values).status_code == 403
        assert somebody("Viewers").post(reverse(name), values).status_code == 403
        assert somebody("", "campaigns.launch_campaign").post(reverse(name), values).status_code == 403
        assert Client().post(reverse(name), values).status_code == 302
        assert boss().get(reverse(name), values).status_code == 200
        assert checked(campaign).dead == 5
        assert not DeadDecision.objects.exists()

    def test_nothing_chosen_is_said(self) -> None:
        response = boss().post(reverse("delivery_dead_requeue_chosen"), {"letter": ["x", "1:2:3"]}, follow=True)
        assert "Choose some letters first." in response.content.decode()

    def test_nothing_of_a_cancelled_campaign_is_tried_again(self, campaign: Campaign) -> None:
        Campaign.objects.filter(pk=campaign.pk).update(state="cancelled")
        boss().post(reverse("delivery_dead_requeue_chosen"), {"all": "1"})
        assert checked(campaign).dead == 5
        boss().post(reverse("delivery_dead_discard_chosen"), {"all": "1"})
        assert checked(campaign).failed == 5

    def test_what_takes_long_goes_on_in_the_background(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(decisions, "AT_ONCE_SECONDS", 0.0)
        monkeypatch.setattr(decisions, "CHUNK", 2)
        client = boss()
        response = client.post(reverse("delivery_dead_requeue_chosen"), {"all": "1"}, follow=True)
        page = response.content.decode()
        assert "2 dead letters will be tried again. The others follow in the background." in page
        assert 'hx-trigger="every 2s"' in page
        made = DeadDecision.objects.get()
        assert (made.state, made.changed, checked(campaign).dead) == ("running", 2, 3)

        # a worker that died after a chunk, then two at once: every letter is changed once
        assert decisions.step(made.pk) is True
        assert decisions.run(made.pk) is True
        assert decisions.run(made.pk) is True
        made.refresh_from_db()
        assert (made.state, made.changed, made.looked, made.tally) == ("done", 5, 5, {str(campaign.pk): 5})
        assert (checked(campaign).dead, checked(campaign).deferred) == (0, 5)
        assert LogEntry.objects.get(object_id=str(campaign.pk)).change_message == "5 dead letters will be tried again."
        assert client.get(reverse("delivery_dead_progress")).status_code == 286

    def test_it_can_be_stopped(self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(decisions, "AT_ONCE_SECONDS", 0.0)
        monkeypatch.setattr(decisions, "CHUNK", 2)
        client = boss()
        client.post(reverse("delivery_dead_requeue_chosen"), {"all": "1"})
        made = DeadDecision.objects.get()
        assert client.get(reverse("delivery_dead_progress")).status_code == 200
        assert client.get(reverse("delivery_dead_stop", args=[made.pk])).status_code == 405
        assert somebody("Viewers").post(reverse("delivery_dead_stop", args=[made.pk])).status_code == 403
        assert "Stopped." in client.post(reverse("delivery_dead_stop", args=[made.pk]), follow=True).content.decode()
        assert decisions.run(made.pk) is True
        made.refresh_from_db()
        assert (made.state, made.changed, checked(campaign).dead) == ("stopped", 2, 3)
        assert LogEntry.objects.get(object_id=str(campaign.pk)).change_message == "2 dead letters will be tried again."
        assert decisions.stop(made.pk) is False

    def test_one_that_stands_still_is_queued_again_once_a_minute(
        self, monkeypatch: pytest.MonkeyPatch, campaign: Campaign
    ) -> None:
        queued: list[int] = []
        monkeypatch.setattr(decisions.enqueue, "run_dead_decision", queued.append)
        made = DeadDecision.objects.create(action="requeue", source="emails")
        assert decisions.resume_stranded() == 0
        DeadDecision.objects.update(heartbeat_at="2020-01-01T00:00:00Z")
        assert decisions.resume_stranded() == 1
        assert queued == [made.pk]

    def test_a_message_is_discarded_with_its_last_reply(self) -> None:
        dead, sent = a_message(), a_message("sent")
        boss().post(
            reverse("delivery_dead_discard_chosen"), {"source": "messages", "letter": [f"0:{dead}", f"0:{sent}"]}
        )
        row = Message.objects.get(id=dead)
        assert (row.status, row.reply) == ("failed", "discarded; before: 450 4.2.0 later")
        assert Message.objects.get(id=sent).status == "sent"
        assert DeadDecision.objects.get().changed == 1


def test_a_filter_is_kept_as_it_was_asked_for() -> None:
    where = DeadFilter(reply="x", provider_id=3, since=dt.date(2026, 1, 2), reason="block")
    assert DeadFilter.from_dict(where.as_dict()) == where
    with pytest.raises(TypeError, match="has no colour"):
        DeadFilter.from_dict({"colour": "red"})


@pytest.mark.parametrize("arguments", [{}, {"where": DeadFilter(), "keys": []}, {"keys": [Key(1, 1)] * 1001}])
def test_a_decision_is_about_one_thing(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"filter|At most"):
        decisions.decide(action="requeue", source="emails", by=None, **arguments)


def test_deciders_at_the_same_moment_share_the_letters(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two want to try them again, two want to close them: each letter is changed once, and the numbers say so."""
    monkeypatch.setattr(decisions, "CHUNK", 7)
    campaign = sent_campaign(["dead"] * 60)
    barrier = threading.Barrier(4)
    faults: list[BaseException] = []

    def decide(action: str) -> None:
        try:
            barrier.wait(20)
            decisions.decide(action=action, source="emails", by=None, where=DeadFilter())
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread of the test
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=(action,)) for action in ("requeue", "discard") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    made = list(DeadDecision.objects.all())
    assert {one.state for one in made} == {"done"}
    assert sum(one.changed for one in made) == 60
    after = checked(campaign)
    assert (after.dead, after.deferred + after.failed) == (0, 60)
    assert after.failed == sum(one.changed for one in made if one.action == "discard")


def test_letters_that_are_tried_again_arrive(make_campaign: MakeCampaign, sink: Sink) -> None:
    """A server that refuses everything for a while and recovers: through the real collector and the real sender."""
    sink.behave([Rule("RCPT", text="451 4.3.0 Out of Luck")])
    campaign = make_campaign(leads=8)
    launch.launch_campaign(campaign_id=campaign.pk)
    send_ready(campaign)
    Email.objects.filter(status="deferred").update(tries=3, due_at="2020-01-01T00:00:00Z")
    collect.collect_retries()
    send_ready(campaign)
    assert checked(campaign).dead == 8

    sink.behave([])
    client = boss()
    client.post(reverse("delivery_dead_requeue_chosen"), {"all": "1", "reply": "out of luck"})
    assert checked(campaign).deferred == 8
    assert collect.collect_retries() == 8
    send_ready(campaign)
    after = checked(campaign)
    assert (after.sent, after.dead, after.deferred) == (8, 0, 0)
    assert sorted(address for address, _ in sink.accepted()) == [f"lead{number}@example.com" for number in range(8)]
    assert found(get(client)) == []


def test_a_message_that_is_tried_again_arrives(worker: object, sink: Sink) -> None:
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}")
    sink.behave([Rule("RCPT", text="451 4.3.0 Out of Luck")])
    message_id = queue_message(to="ada@example.com", subject="Hello", html="<p>Hello</p>")
    for _ in range(4):
        Message.objects.filter(id=message_id).update(due_at="2020-01-01T00:00:00Z")
        message_sender.send_due()
    row = Message.objects.get(id=message_id)
    assert (row.status, row.tries) == ("dead", 4)

    sink.behave([])
    boss().post(reverse("delivery_dead_requeue_chosen"), {"source": "messages", "letter": [f"0:{message_id}"]})
    row.refresh_from_db()
    assert (row.status, row.tries) == ("deferred", 0)
    assert message_sender.send_due() == 1
    row.refresh_from_db()
    assert row.status == "sent"
    assert [address for address, _ in sink.accepted()] == ["ada@example.com"]
