"""Reply rules in the admin: the form, trying a reply, and the built-in table."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from delivery.engine.rules import ESP_RULES, RULES
from delivery.models import ReplyRule
from tests.integration.delivery.test_reply_rules import a_provider, refused
from tests.people import boss, somebody

pytestmark = pytest.mark.django_db
LIST = "/admin/delivery/replyrule/"
ADD, TRY, BUILT_IN = f"{LIST}add/", f"{LIST}try/", f"{LIST}built-in/"


@pytest.fixture
def client() -> Client:
    return boss()


def typed(**changes: Any) -> dict[str, Any]:
    fields = {
        "name": "odd", "position": "100", "is_active": "on", "outcome": "soft", "reason": "Odd.", "codes": "",
        "enhanced": "", "phrases": "odd words", "unless": "", "mailbox_group": "", "provider": "", "pause_minutes": "",
    }  # fmt: skip
    return {**fields, **changes}


def text(response: Any) -> str:
    return str(response.content.decode().replace("&#x27;", "'").replace("&quot;", '"'))


def test_a_rule_goes_in_and_judges(client: Client) -> None:
    response = client.post(
        ADD, typed(phrases="  odd   words \r\n\r\nother * words", mailbox_group="gmail", codes=" 55* ")
    )
    assert response.status_code == 302
    rule = ReplyRule.objects.get()
    assert (rule.phrases, rule.codes, rule.mailbox_group) == ("odd   words\nother * words", "55*", "gmail")
    page = text(client.post(TRY, {"reply": "550 other funny words", "group": "gmail"}))
    assert "one of yours" in page
    assert "undetermined" in page
    assert "one of yours" not in text(client.post(TRY, {"reply": "550 other funny words", "group": "yahoo"}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"phrases": ""}, "A rule without a condition would match every reply"),
        ({"codes": "banana"}, "“banana” is no reply code"),
        ({"codes": "(5+)+"}, "is no reply code"),
        ({"enhanced": "5.1"}, "“5.1” is no enhanced code"),
        ({"phrases": "fine words\n*"}, "Line 2: “*” would match nearly everything"),
        ({"phrases": "a*b*c*d"}, "has more than 2 *"),
        ({"phrases": "x" * 400}, "is longer than"),
        ({"unless": "no such | user"}, "on each side of a |"),
        ({"phrases": "\n".join(f"word{n}" for n in range(200))}, "100 phrases are the most"),
        ({"name": "no-such-user"}, "A built-in rule is called no-such-user"),
        ({"outcome": "hard"}, "name codes that begin with 5"),
        ({"outcome": "hard", "codes": "550, 4*"}, "name codes that begin with 5"),
        ({"pause_minutes": "0"}, "A pause takes a minute at least"),
        ({"pause_minutes": "100000"}, "a day at most"),
        ({"mailbox_group": "nobodies"}, "Select a valid choice"),
    ],
)
def test_a_mistake_is_named_with_its_cure(client: Client, changes: dict[str, str], words: str) -> None:
    response = client.post(ADD, typed(**changes))
    assert response.status_code == 200
    assert words in text(response)
    assert not ReplyRule.objects.exists()


def test_a_rule_that_would_suppress_many_addresses_is_warned_of(client: Client) -> None:
    refused(*["550 odd words"] * 12, "550 other")
    response = client.post(ADD, typed(outcome="hard", codes="5*"), follow=True)
    assert "would have made 12 hard bounces that were none" in text(response)
    harmless = client.post(ADD, typed(name="other", phrases="other things"), follow=True)
    assert "Of the last 13 refusals this rule decides 0." in text(harmless)


def test_a_reply_is_tried_on_all_rules(client: Client) -> None:
    relay = a_provider()
    ReplyRule.objects.create(name="ours", outcome="block", reason="Ours.", phrases="no such user", provider=relay)
    page = text(client.post(TRY, {"reply": "mx.example said: 550-5.1.1 no such\n550 5.1.1 user"}))
    assert "The address does not exist." in page
    assert ">no-such-user</a>, built in" in page
    page = text(client.post(TRY, {"reply": "550 5.1.1 no such user", "provider": relay.pk}))
    assert ">ours</a>, one of yours" in page
    assert "would have decided: The address does not exist." in page


@pytest.mark.parametrize("reply", ["", "good morning", "250 OK", "x" * 30_000])
def test_what_is_no_reply_is_said_kindly(client: Client, reply: str) -> None:
    response = client.post(TRY, {"reply": reply})
    assert response.status_code == 200
    assert "Paste" in text(response)


def test_what_a_server_wrote_is_not_html(client: Client) -> None:
    assert "<script>x" not in text(client.post(TRY, {"reply": "550 <script>x</script>"}))


def test_the_whole_built_in_table_is_shown(client: Client) -> None:
    page = text(client.get(BUILT_IN))
    assert all(f'id="{rule.name}"' in page for rule in (*RULES, *ESP_RULES))
    assert "receiving mail|email too quickly|fast" in page


def test_the_list_shows_rules_in_their_order(client: Client) -> None:
    ReplyRule.objects.create(name="later", position=5, outcome="soft", reason="L.", codes="550", mailbox_group="gmail")
    ReplyRule.objects.create(name="sooner", position=1, outcome="soft", reason="S.", phrases="one\ntwo")
    page = text(client.get(LIST))
    assert page.index("sooner") < page.index("later")
    assert "“one” and 1 more" in page
    assert "Try a reply" in page


def test_operators_may_and_others_may_not() -> None:
    operator, marketer = somebody("Operators"), somebody("Marketers")
    assert operator.get(TRY).status_code == operator.get(BUILT_IN).status_code == operator.get(LIST).status_code == 200
    assert {marketer.get(page).status_code for page in (LIST, ADD, TRY, BUILT_IN)} == {403}
    assert marketer.post(TRY, {"reply": "550 no"}).status_code == 403
