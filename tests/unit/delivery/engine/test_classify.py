"""Each rule has replies that meet it, every reply gets a class, and an operator's rules come first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.engine.classify import BUILT_IN, Classifier
from delivery.engine.outcome import Answered, Kind
from delivery.engine.phrases import BadPhrase
from delivery.engine.reply_text import read_reply
from delivery.engine.rule import BadPattern, Rule
from delivery.engine.rules import ESP_RULES, RULES
from tests.unit.delivery.engine.known_replies import ESP_TEXTS, REPLIES
from tests.unit.delivery.engine.replies_by_kind import BY_KIND, NEVER_HARD

LINES = [(rule, kind, reply) for rule, (kind, replies) in REPLIES.items() for reply in replies]
ESP_LINES = [(rule, kind, text) for rule, (kind, texts) in ESP_TEXTS.items() for text in texts]
VIP = Rule("vip", Kind.HARD, "Ours.", codes="5*", phrases=("very important",))


@pytest.mark.parametrize(("rule", "kind", "reply"), LINES)
def test_a_reply_meets_its_rule(rule: str, kind: str, reply: str) -> None:
    read = read_reply(reply)
    assert read is not None
    verdict = BUILT_IN.classify(read.code, read.enhanced, read.words)
    assert (verdict.kind, verdict.rule) == (Kind(kind), rule)


@pytest.mark.parametrize(("kind", "reply"), [(kind, reply) for kind, all_of in BY_KIND.items() for reply in all_of])
def test_a_reply_gets_its_class_whichever_rule_says_so(kind: str, reply: str) -> None:
    read = read_reply(reply)
    assert read is not None
    found = BUILT_IN.classify(read.code, read.enhanced, read.words).kind
    # for an address it is the same whether our sender or our server is refused
    assert found == kind or (found, kind) == (Kind.SENDER, "block")


@pytest.mark.parametrize("reply", NEVER_HARD)
def test_what_is_not_about_the_address_suppresses_nobody(reply: str) -> None:
    read = read_reply(reply)
    assert read is not None
    assert BUILT_IN.classify(read.code, read.enhanced, read.words).kind is not Kind.HARD


@pytest.mark.parametrize(("rule", "kind", "text"), ESP_LINES)
def test_what_an_esp_says_meets_its_rule(rule: str, kind: str, text: str) -> None:
    verdict = BUILT_IN.classify_text(text)
    assert (verdict.kind, verdict.rule) == (Kind(kind), rule)


@pytest.mark.parametrize(
    "text",
    [
        "Message rejected as spam",
        "Your message looks like spam",
        "Your email is blocked because of its content",
        "Invalid 'From' address: 'a@b'.",
        "The sender's address is invalid",
        "Invalid API key",
        "Soft bounce: mailbox full",
        "Invalid email content",
        "The unsubscribe link is missing",
        "Sandbox domains may send to authorized recipients only",
    ],
)
def test_an_esp_that_speaks_of_us_or_of_the_message_suppresses_nobody(text: str) -> None:
    assert BUILT_IN.classify_text(text).kind is not Kind.HARD


def test_every_rule_has_a_reply() -> None:
    assert {rule.name for rule in RULES} == set(REPLIES)
    assert {rule.name for rule in ESP_RULES} == set(ESP_TEXTS)


def test_every_rule_has_its_own_name_and_a_reason_for_people() -> None:
    rules = (*RULES, *ESP_RULES)
    assert len({rule.name for rule in rules}) == len(rules)
    assert all(rule.reason.endswith(".") for rule in rules)


def test_what_our_operators_must_see_raises_an_alert() -> None:
    loud = {rule.name for rule in RULES if rule.alert}
    assert {"our-authentication", "outlook-network-block", "yahoo-deferred-for-good", "our-sender", "spam"} <= loud
    assert not any(rule.alert for rule in RULES if rule.kind in (Kind.HARD, Kind.SOFT, Kind.TRANSIENT, Kind.CONTENT))


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        ("421 4.7.28 unusual rate", 600),
        ("421 4.7.0 [TS03] All messages will be permanently deferred", 4 * 3600),
        ("421 Too many spams from your IP (192.0.2.1)", 600),
        ("450 4.2.1 receiving mail too quickly", 0),
    ],
)
def test_a_receiver_that_says_stop_is_left_alone(reply: str, seconds: int) -> None:
    read = read_reply(reply)
    assert read is not None
    assert BUILT_IN.classify(read.code, read.enhanced, read.words).pause_seconds >= seconds


@pytest.mark.parametrize(
    ("code", "enhanced", "words"),
    [
        (450, "4.1.1", "User unknown in local recipient table"),
        (451, "5.1.1", "user unknown"),
        (421, "5.2.1", "mailbox disabled"),
        (550, "5.1.8", "Sender address rejected: Domain not found"),
        (550, "5.7.1", "Sender address does not exist"),
        (552, "5.2.2", "no such storage, user unknown, quota exceeded"),
        (550, "5.7.26", "User unknown, and your mail is unauthenticated"),
        (550, None, "Domain of sender address a@b.example does not exist"),
        (550, None, "Your account has been disabled"),
        (550, "5.1.0", "- Unknown address error 550-'relaying denied'"),
        (550, None, "Verification failed for <a@b.example>: return path does not exist"),
        (550, None, "Mailbox temporarily disabled"),
        (501, "5.1.7", "Invalid address"),
        (501, "5.5.4", "Invalid domain name"),
        (550, None, "Too many invalid recipients"),
        (550, None, "Connection rejected: hostname not found"),
        (550, "5.7.1", "Sorry, your domain does not exist"),
        (550, "5.1.1", "Reverse DNS does not exist for your host"),
        (550, None, "This message violates our policy, account not found"),
        (550, None, "Unrouteable address. Sender verify failed"),
        (550, None, "Invalid host name in HELO"),
        (550, None, "Your host smtp.example not found in DNS"),
        (550, None, "Requested action not taken: mailbox unavailable. invalid DNS MX or A/AAAA resource record"),
        (553, "5.7.1", "sorry, your envelope sender is in my badmailfrom list"),
        (550, "5.1.2", "Bad destination host ('DNS Soft Error looking up b.example (MX)')"),
        (550, "5.1.0", "Sender denied"),
        (550, "5.2.1", "Sending IP is rate limited"),
        (550, "5.7.1", "Recipient not authorized, your IP has been found on a block list"),
        (535, None, "Authentication failed: user not found"),
        (550, "5.7.1", "Recipient address rejected: Mail from your domain is not accepted here"),
        (550, None, "5.1.1 is not what this is about: spam"),
    ],
)
def test_no_address_is_suppressed_on_one_digit_or_for_our_own_fault(
    code: int, enhanced: str | None, words: str
) -> None:
    assert BUILT_IN.classify(code, enhanced, words).kind is not Kind.HARD


def test_an_answer_to_mail_is_never_about_the_recipient() -> None:
    assert BUILT_IN.classify(550, "5.1.1", "no such user").kind is Kind.HARD
    assert BUILT_IN.classify(550, "5.1.1", "no such user", answered=Answered.SENDER).kind is not Kind.HARD


@pytest.mark.parametrize(
    ("enhanced", "words", "kind"),
    [
        (None, "User unknown", Kind.UNDETERMINED),
        ("5.0.0", "no such domain", Kind.UNDETERMINED),
        ("5.7.1", "This user doesn't have an account", Kind.UNDETERMINED),
        ("5.1.1", "User unknown", Kind.HARD),
        ("5.2.1", "The account is disabled", Kind.HARD),
        (None, "Mailbox full", Kind.SOFT),
        ("5.7.1", "spam", Kind.BLOCK),
    ],
)
def test_of_what_is_refused_with_its_message_only_codes_prove_an_address(
    enhanced: str | None, words: str, kind: Kind
) -> None:
    assert BUILT_IN.classify(550, enhanced, words, answered=Answered.MESSAGE).kind is kind


def test_an_operators_rule_counts_for_messages_too() -> None:
    ours = Classifier(own=(VIP,))
    assert ours.classify(550, None, "very important", answered=Answered.MESSAGE).kind is Kind.HARD
    assert ours.classify(550, None, "very important", answered=Answered.SENDER).kind is not Kind.HARD


@given(
    st.integers(400, 599),
    st.none() | st.from_regex(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True),
    st.text(max_size=1500),
)
def test_every_refusal_gets_a_class_and_no_4xx_suppresses(code: int, enhanced: str | None, text: str) -> None:
    verdict = BUILT_IN.classify(code, enhanced, text)
    kind, rule = verdict.kind, verdict.rule
    assert rule
    assert kind not in (Kind.ACCEPTED, Kind.UNKNOWN)
    assert not (kind is Kind.HARD and code < 500)


@pytest.mark.parametrize("code", [199, 250, 354, 600])
def test_what_is_not_a_refusal_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match="not a refusal"):
        BUILT_IN.classify(code, None, "OK")


# --- an operator's rules


def test_an_operators_rule_comes_before_the_table_in_its_order() -> None:
    first = Rule("first", Kind.CONTENT, "First.", enhanced="5.1.*")
    ours = Classifier(own=(first, VIP), stamp="2")
    assert ours.classify(550, "5.1.1", "very important: no such user").rule == "first"
    assert ours.classify(550, "5.7.1", "very important").rule == "vip"
    assert ours.classify(550, "5.2.2", "full").rule == "quota"
    assert ours.classify_text("a very important text").rule == "vip"
    assert ours.verdict_of("vip") is not None
    assert BUILT_IN.verdict_of("vip") is None


def test_a_rule_holds_for_its_group_and_provider_only() -> None:
    gmail = Rule("for-gmail", Kind.THROTTLE, "Gmail.", codes="550", group="gmail")
    seventh = Rule("for-seven", Kind.BLOCK, "Seven.", codes="550", provider_id=7)
    ours = Classifier(own=(gmail, seventh))
    assert ours.classify(550, None, "No", group="gmail").rule == "for-gmail"
    assert ours.classify(550, None, "No", group="yahoo").rule == "undetermined"
    assert ours.for_provider(7).classify(550, None, "No").rule == "for-seven"
    assert ours.for_provider(8).classify(550, None, "No").rule == "undetermined"
    assert ours.classify(550, None, "No").rule == "undetermined"


def test_unless_forbids_a_rule() -> None:
    ours = Classifier(own=(Rule("r", Kind.SOFT, "R.", phrases=("over there",), unless=("not really",)),))
    assert ours.classify(550, None, "over there").rule == "r"
    assert ours.classify(550, None, "over there, not really").rule == "undetermined"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"codes": "250"}, BadPattern),
        ({"codes": "5.1.1"}, BadPattern),
        ({"codes": "(5+)+$"}, BadPattern),
        ({"enhanced": "550"}, BadPattern),
        ({"enhanced": "5.7.30-20"}, BadPattern),
        ({"phrases": ("*",)}, BadPhrase),
        ({"phrases": ("a",)}, BadPhrase),
        ({"phrases": ("x" * 400,)}, BadPhrase),
        ({"phrases": ("a*b*c*d",)}, BadPhrase),
        ({"phrases": ("no such | user",)}, BadPhrase),
        ({"phrases": ("one * two * three * four * five",)}, BadPhrase),
        ({"phrases": (" ".join(["word"] * 20),)}, BadPhrase),
        ({"unless": ("",)}, BadPhrase),
    ],
)
def test_a_bad_pattern_is_named(changes: dict[str, object], error: type[ValueError]) -> None:
    fields: dict[str, object] = {"name": "r", "kind": Kind.SOFT, "reason": "R.", **changes}
    with pytest.raises(error):
        Classifier(own=(Rule(**fields),))  # type: ignore[arg-type]  # the fields of Rule, one of them wrong


def test_a_table_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="ends with rules"):
        Classifier(rules=(VIP,))
