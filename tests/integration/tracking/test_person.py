"""Everything about one person: exported whole, and erased from all apps."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from campaigns.addresses import digest
from campaigns.leads.erase import erase_person
from campaigns.leads.portrait import portrait
from campaigns.models import (
    Consent,
    FeedEntry,
    Lead,
    ListMembership,
    MailingList,
    Suppression,
    SuppressionRelease,
    Topic,
)  # fmt: skip
from delivery.messages.look import cancel
from delivery.models import Email, Message, MessageEvent, SoftBounce
from delivery.transactional import queue_message
from tests.integration.tracking.conftest import MakeSent, Sent
from tests.people import boss, somebody
from tracking.models import (
    AsideEvent,
    Event,
    ParkedEvent,
    StrayEvent,
    StrayMail,
    WebhookDelivery,
    WebhookEndpoint,
)
from tracking.occurrence import Occurrence, happened
from tracking.record import record

ADDRESS = "ada0@example.com"
AGENT = "Mozilla/5.0 (of Ada)"
NETWORK = "203.0.113.0/24"


@pytest.fixture
def known(make_sent: MakeSent) -> Sent:
    """A person whom every app knows something about, and another one."""
    sent = make_sent(2, to_list=True)
    ada, bob = sent.leads
    Email.objects.filter(lead_id=ada.pk).update(reply="250 ok for ada0@example.com", address_hash=digest(ADDRESS)[:8])
    topic = Topic.objects.create(name="Offers")
    Lead.objects.filter(pk=ada.pk).update(declined_topics=[topic.pk], attributes={"city": "Lyon"})
    FeedEntry.objects.create(campaign=sent.campaign, lead=ada, data={"shoes": "red"})
    Consent.objects.create(
        lead=ada, form_name="Website", wording="Yes", network=NETWORK, list_ids=[MailingList.objects.get().pk]
    )
    Suppression.objects.create(kind="address", digest=digest(ADDRESS), value=ADDRESS, reason="soft_bounces")
    SuppressionRelease.objects.create(
        kind="address", digest=digest(ADDRESS), value=ADDRESS, reason="manual", suppressed_at="2020-01-01T00:00Z",
        released_by="bob", why="a letter",
    )  # fmt: skip
    SoftBounce.objects.create(digest=digest(ADDRESS), source="campaign 1")
    message = a_message(ADDRESS)
    Message.objects.filter(id=message).update(status="sent", reply=f"250 ok {ADDRESS}")
    for to in (ADDRESS, "ada1@example.com"):
        a_message(to)
    record([opened(ADDRESS, campaign_id=sent.campaign.pk, lead_id=ada.pk), opened(ADDRESS, message_id=message)])
    record([opened("ada1@example.com", campaign_id=sent.campaign.pk, lead_id=bob.pk)])
    AsideEvent.objects.create(payload=f"To: {ADDRESS}", reason="unreadable")
    StrayEvent.objects.create(esp="ses", recipient=ADDRESS, reason="unknown message", payload="{}")
    for number, raw in enumerate((f"Final-Recipient: rfc822; {ADDRESS}", "another")):
        StrayMail.objects.create(digest=bytes([number]) * 32, reason="unknown", raw=raw.encode(), size_bytes=9)
    early = happened("click", campaign_id=99, lead_id=ada.pk, link_number=1, user_agent=AGENT)
    ParkedEvent.objects.create(id=early.id, payload=early.encode(), due_at="2099-01-01T00:00Z")
    return sent


def opened(claim: str, **about: int) -> Occurrence:
    data = {"method": "GET", "claim": claim}
    return happened("open", user_agent=AGENT, network=NETWORK, data=data, **about)


def a_message(to: str) -> int:
    return queue_message(
        to=to, subject="Order {{ data.number }}", html="<p>x</p>", sender="shop@sender.example", to_name="Ada",
        data={"number": 4711}, metadata={"customer": 7},
    )  # fmt: skip


def everything() -> dict[str, str]:
    """All text of our tables by their names, to look for what must not be there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE tablename ~ '^(campaigns|delivery|tracking)_'")
        tables = [name for (name,) in cursor.fetchall()]
        found = {}
        for table in tables:
            cursor.execute(f"SELECT string_agg(row_to_json(t)::text, ' ') FROM {table} t")
            found[table] = cursor.fetchone()[0] or ""
    return found


def test_everything_that_is_kept_is_exported(known: Sent, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("export_person", "Ada0@Example.com")
    text = capsys.readouterr().out
    found: dict[str, Any] = json.loads(text)
    assert found["address"] == ADDRESS
    filled = {section for section, rows in found.items() if rows}
    assert filled >= {
        "lead", "lists", "topics", "consents", "feed_entries", "suppressions", "suppression_releases", "emails",
        "messages", "events", "engagement", "soft_bounces", "set_aside",
        "strays",
    }  # fmt: skip
    assert found["lead"][0]["attributes"] == {"city": "Lyon"}
    assert found["consents"][0]["lists"] == ["Garden news"]
    assert found["emails"][0]["campaign"] == "Spring"
    assert len(found["messages"]) == 2
    assert len(found["events"]) == 2
    assert "ada1@example.com" not in text


def test_erasing_leaves_nothing_that_names_the_person_and_all_counts(known: Sent) -> None:
    queued = Message.objects.filter(to_address=ADDRESS, status="queued").get().id
    before = (Email.objects.count(), Event.objects.count(), Message.objects.count())
    assert erase_person(ADDRESS)
    left = everything()
    for trace in (ADDRESS, "Lyon", '"red"'):
        assert not [table for table, text in left.items() if trace in text]
    assert (Email.objects.count(), Event.objects.count(), Message.objects.count()) == before
    mine = Event.objects.exclude(lead_id=known.leads[1].pk)
    assert set(mine.values_list("user_agent", "network")) == {("", "")}
    assert {row.data["method"] for row in mine} == {"GET"}
    assert Message.objects.get(id=queued).status == "cancelled"
    assert not MessageEvent.objects.filter(message_id=queued, detail__contains="@").exists()
    assert not ParkedEvent.objects.exists()
    assert bytes(StrayMail.objects.get().raw) == b"another"
    # the hash stays, so that no import brings the person back
    row = Suppression.objects.get()
    assert (row.value, row.reason, bytes(row.digest)) == ("", "soft_bounces", digest(ADDRESS))
    # the other person is as before
    other = Event.objects.get(lead_id=known.leads[1].pk)
    assert (other.user_agent, other.network) == (AGENT, NETWORK)
    assert Message.objects.filter(to_address="ada1@example.com").exists()
    assert ListMembership.objects.count() == 1
    assert not erase_person(ADDRESS)


def test_who_is_no_lead_is_erased_too(known: Sent, capsys: pytest.CaptureFixture[str]) -> None:
    a_message("stranger@example.com")
    call_command("erase_person", "Stranger@example.com", "--yes")
    assert "no such lead" in capsys.readouterr().out
    assert not [table for table, text in everything().items() if "stranger@example.com" in text]
    with pytest.raises(CommandError, match="not an address"):
        call_command("erase_person", "nobody", "--yes")


@pytest.mark.parametrize("address", [ADDRESS, "stranger@example.com"])
def test_what_other_programs_were_told_is_shown_and_forgotten(known: Sent, address: str) -> None:
    WebhookEndpoint.objects.create(name="Shop", url="https://hooks.example.com/", kinds=["message.cancelled"])
    for to in (address, "ada1@example.com"):
        assert cancel(a_message(to), "called back")
    (told,) = portrait(address)["webhook_deliveries"]
    assert address in told["body"]
    erase_person(address)
    (left,) = WebhookDelivery.objects.all()
    assert "ada1@example.com" in left.body


def test_the_page_of_a_lead_gives_the_file_to_those_who_may_see_leads(known: Sent) -> None:
    address = reverse("admin:campaigns_lead_export_data", args=[known.leads[0].pk])
    answer = boss().get(address)
    assert json.loads(answer.content)["address"] == ADDRESS
    assert "no-store" in answer.headers["Cache-Control"]
    assert LogEntry.objects.filter(change_message__contains="Exported").exists()
    client: Client = somebody("Operators")
    assert client.get(address).status_code == 403


@pytest.mark.parametrize("may_read", [False, True])
def test_what_messages_said_is_for_those_who_may_read_copies(known: Sent, may_read: bool) -> None:
    more = ("delivery.view_messagecopy",) if may_read else ()
    client = somebody("", "campaigns.view_lead", *more)
    found = client.get(reverse("admin:campaigns_lead_export_data", args=[known.leads[0].pk])).json()
    assert len(found["messages"]) == 2
    assert {"copy" in row and "data" in row for row in found["messages"]} == {may_read}
    assert ("left_out" in found) is not may_read


def test_the_page_of_a_lead_shows_consents_and_wishes(known: Sent) -> None:
    Lead.objects.update(frequency_days=7, paused_until="2099-05-06T00:00Z")
    page = boss().get(reverse("admin:campaigns_lead_change", args=[known.leads[0].pk])).text
    for words in (
        "the form “Website”",
        NETWORK,
        "not confirmed",
        "topic “Offers”",
        "one campaign in 7 days",
        "06 May 2099",
    ):
        assert words in page
