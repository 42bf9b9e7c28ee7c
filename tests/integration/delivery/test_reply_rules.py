"""An operator's rules for replies: read by workers, by the command, and judged in the ledger's pages."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection as django_connection
from django.db.models.functions import Now
from django.urls import reverse

from campaigns.models import Campaign
from delivery import reply_rules
from delivery.database import connect
from delivery.engine.classify import BUILT_IN, Classifier
from delivery.models import Email, Provider, ReplyRule
from delivery.reply_effect import effect_of
from tests.integration.delivery.ledger_house import sent_campaign
from tests.people import boss

pytestmark = pytest.mark.django_db
ODD = "550 5.7.1 odd words here"


def a_rule(name: str = "odd", **fields: Any) -> ReplyRule:
    values = {"outcome": "soft", "reason": "Odd.", "phrases": "odd words", **fields}
    return ReplyRule.objects.create(name=name, **values)


def a_provider(**fields: Any) -> Provider:
    return Provider.objects.create(**{"name": "Relay", "host": "smtp.example.com", "port": 587, **fields})


def rule_for(reply: str = ODD, **scope: Any) -> str:
    provider_id = scope.pop("provider_id", None)
    classifier = reply_rules.load_classifier_sync().for_provider(provider_id)
    return classifier.classify(int(reply[:3]), reply[4:9], reply[10:], **scope).rule


def judged(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("classify", *arguments, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


# --- reading them


def test_without_rules_everybody_uses_the_built_in_table_itself() -> None:
    assert reply_rules.load_classifier_sync() is BUILT_IN


def test_rules_are_read_in_the_order_of_their_position() -> None:
    a_rule("second", position=20, outcome="content")
    a_rule("first", position=10)
    assert rule_for() == "first"
    ReplyRule.objects.get(name="first").delete()
    assert rule_for() == "second"


def test_a_rule_that_is_switched_off_does_not_count() -> None:
    a_rule(is_active=False)
    assert rule_for() == "undetermined"


def test_limits_by_group_and_provider_hold() -> None:
    relay = a_provider()
    a_rule("for-gmail", mailbox_group="gmail", position=1)
    a_rule("for-relay", provider=relay, position=2)
    assert rule_for(group="gmail") == "for-gmail"
    assert rule_for(group="yahoo", provider_id=relay.pk) == "for-relay"
    assert rule_for(group="yahoo", provider_id=relay.pk + 1) == "undetermined"
    assert rule_for() == "undetermined"


def test_a_pause_and_an_alert_come_with_the_verdict() -> None:
    a_rule(outcome="block", pause_minutes=30)
    verdict = reply_rules.load_classifier_sync().verdict_of("odd")
    assert verdict is not None
    assert (verdict.pause_seconds, verdict.alert) == (1800, True)


def test_a_rule_that_cannot_be_read_is_left_out_and_the_others_stay(caplog: pytest.LogCaptureFixture) -> None:
    a_rule("broken", phrases="*", position=1)
    a_rule("whole", position=2)
    assert rule_for() == "whole"
    assert "broken" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_worker_hears_of_each_change_and_of_nothing_else() -> None:
    async def load(known: Classifier) -> Classifier:
        connection = await connect(application_name="test")
        try:
            return await reply_rules.load_classifier(connection, known)
        finally:
            await connection.close()

    def reload(known: Classifier) -> Classifier:
        return asyncio.run(load(known))

    assert reload(BUILT_IN) is BUILT_IN
    row = a_rule()
    added = reload(BUILT_IN)
    assert added.classify(550, "5.7.1", "odd words").rule == "odd"
    assert reload(added) is added
    assert reply_rules.load_classifier_sync(added) is added
    row.phrases = "other words"
    row.save()
    changed = reload(added)
    assert changed.classify(550, "5.7.1", "odd words").rule == "undetermined"
    row.delete()
    assert reload(changed).own == ()


# --- the command


def test_the_command_says_class_rule_and_what_follows(capsys: pytest.CaptureFixture[str]) -> None:
    call_command(
        "classify", "host mx.example said: 550-5.1.1 no such user\n550 5.1.1 here (in reply to RCPT TO command)"
    )
    said = capsys.readouterr().out
    assert "Hard bounce (hard)" in said
    assert "no-such-user (built in)" in said
    assert "The address is suppressed" in said


def test_the_command_gives_one_object() -> None:
    found = judged("451 4.7.1 Greylisted")
    assert (found["class"], found["rule"], found["suppresses"]) == ("transient", "greylisted", False)
    assert "10 min, 1 h, 6 h" in found["follows"][0]


def test_the_command_knows_an_operators_rules_and_whom_they_are_for() -> None:
    a_rule("for-relay", provider=a_provider(), mailbox_group="gmail", outcome="block", pause_minutes=15)
    assert judged(ODD)["rule"] == "undetermined"
    found = judged(ODD, "--provider", "Relay", "--group", "gmail")
    assert (found["rule"], found["own_rule"], found["built_in_rule"]) == ("for-relay", True, "undetermined")
    assert (found["pause_seconds"], found["alert"]) == (900, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["250 2.0.0 OK"], "no refusal"),
        (["hello"], "no refusal"),
        (["550 no", "--provider", "Nobody"], "no provider"),
        (["550 no", "--group", "nobodies"], "no mailbox group"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: Sequence[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("classify", *arguments)


@pytest.mark.parametrize(("reply", "code", "words"), [("good morning", 1, "no refusal in"), ("550 no", 0, "is away")])
def test_the_command_answers_without_a_database_and_ends_with_1_on_what_is_no_reply(
    reply: str, code: int, words: str
) -> None:
    ended = subprocess.run(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "classify", reply],
        env={**os.environ, "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, words in ended.stderr) == (code, True)
    assert ("undetermined" in ended.stdout) is (code == 0)


# --- in the ledger's pages


def refused(*replies: str) -> Campaign:
    campaign = sent_campaign(["failed"] * len(replies))
    rows = Email.objects.filter(campaign_id=campaign.pk).order_by("lead_id")
    Campaign.objects.filter(pk=campaign.pk).update(launched_at=Now())
    for row, reply in zip(rows, replies, strict=True):
        Email.objects.filter(campaign_id=campaign.pk, lead_id=row.lead_id).update(code=int(reply[:3]), reply=reply[4:])
    return campaign


def page_of(campaign: Campaign) -> str:
    return boss().get(reverse("delivery_campaign_emails", args=[campaign.pk])).content.decode()


def test_the_ledger_says_what_a_reply_means_by_todays_rules() -> None:
    campaign = refused("550 No such user here", "550 odd words")
    before = page_of(campaign)
    assert (
        "today&#x27;s rules: The address does not exist." in before or "today's rules: The address does not" in before
    )
    assert "undetermined" in before

    a_rule(reason="A very odd server.")
    after = page_of(campaign)
    assert "A very odd server." in after
    assert "undetermined" not in after


def test_what_an_esp_said_is_explained_by_its_words() -> None:
    campaign = refused("406 HTTP 406: found inactive addresses: a@b.example. Inactive recipients are ones")
    esp = a_provider(name="Postmark", kind="postmark", host="")
    Email.objects.filter(campaign_id=campaign.pk).update(provider_id=esp.pk)
    assert "esp-suppressed" in page_of(campaign)


def test_a_messages_page_says_what_its_reply_means() -> None:
    with django_connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_message (to_address, sender, content, status, code, enhanced, reply)"
            " VALUES ('ada@example.com', 'a@b.example', '', 'failed', 552, '5.2.2', '5.2.2 over quota') RETURNING id"
        )
        (message_id,) = cursor.fetchone()
    page = boss().get(reverse("delivery_message", args=[message_id])).content.decode()
    assert "The mailbox is full." in page
    assert "Rule quota" in page


# --- what a rule would change


def test_the_effect_of_a_rule_is_counted_on_the_ledger() -> None:
    refused("550 odd words", "550 odd words", "550 no such user", "450 odd words")
    row = ReplyRule(name="tried", outcome="hard", reason="T.", codes="5*", phrases="odd words\nno such user")
    effect = effect_of(reply_rules.rule_of(row), BUILT_IN)
    assert (effect.looked_at, effect.decided, effect.newly_hard) == (4, 3, 2)
    assert effect.example == "550 odd words"
    assert effect.is_alarming
