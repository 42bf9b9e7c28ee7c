"""Each line of the rule table has a reply that meets it, and every reply gets a class."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.engine.classify import classify, reason_for
from delivery.engine.outcome import Kind
from delivery.engine.rules import RULES

# rule, kind, code, enhanced, words
TABLE = [
    (
        "gmail-mailbox-rate",
        "transient",
        450,
        "4.2.1",
        "The user you are trying to contact is receiving mail too quickly.",
    ),
    ("gmail-mailbox-rate", "transient", 550, "5.2.1", "The user is receiving mail at a rate that prevents delivery."),
    ("gmail-disabled", "hard", 550, "5.2.1", "The email account that you tried to reach is inactive."),
    ("gmail-disabled", "hard", 550, "5.2.1", "The email account that you tried to reach is disabled."),
    ("unusual-rate", "throttle", 421, "4.7.28", "Our system has detected an unusual rate of unsolicited mail."),
    ("unusual-rate", "throttle", 550, "5.7.28", "unusual rate of mail from your IP"),
    ("our-authentication", "block", 421, "5.7.32", "Your email has been rate limited, From: header not aligned."),
    ("our-authentication", "block", 550, "5.7.26", "This mail has been blocked because the sender is unauthenticated."),
    ("our-authentication", "block", 550, "5.7.25", "The IP address does not have a PTR record."),
    ("our-authentication", "block", 421, "4.7.29", "This message was not sent over TLS."),
    ("our-authentication", "block", 550, "5.7.40", "DMARC record missing."),
    ("yahoo-throttle", "throttle", 421, "4.7.0", "[TSS04] Messages from 192.0.2.1 temporarily deferred"),
    ("yahoo-throttle", "throttle", 421, "4.7.1", "[TS03] All messages from 192.0.2.1 will be permanently deferred"),
    ("yahoo-block", "block", 553, "5.7.1", "[BL21] Connections will not be accepted from 192.0.2.1"),
    ("yahoo-block", "block", 554, "5.7.9", "[PH01] Message not accepted for policy reasons."),
    ("yahoo-block", "block", 421, "4.7.0", "[GL01] Message temporarily deferred"),
    ("outlook-throttle", "throttle", 421, None, "RP-001 The mail server IP has exceeded the rate limit allowed."),
    ("outlook-throttle", "throttle", 451, "4.7.500", "Server busy. Please try again later (AS761)"),
    ("outlook-throttle", "throttle", 451, "4.7.652", "The mail server has exceeded the maximum number of connections."),
    ("outlook-throttle", "throttle", 451, "4.7.650", "The mail server has been temporarily rate limited (S775)."),
    ("outlook-throttle", "throttle", 550, None, "Server busy"),
    ("outlook-block", "block", 550, "5.7.1", "Unfortunately, messages from [192.0.2.1] weren't sent (S3150)."),
    ("outlook-block", "block", 550, None, "SC-001 Mail rejected by Outlook.com"),
    ("outlook-block", "block", 550, None, "DY-002 dynamic address"),
    ("outlook-block", "block", 550, "5.7.515", "Access denied, sending domain does not meet the required level."),
    ("outlook-block", "block", 550, "5.7.606", "Access denied, banned sending IP"),
    ("outlook-block", "block", 550, "5.7.705", "Tenant has exceeded its threshold"),
    ("outlook-unavailable", "hard", 550, "5.5.0", "Requested action not taken: mailbox unavailable"),
    ("microsoft-365-unknown", "hard", 550, "5.4.1", "Recipient address rejected: Access denied. [X.prod.outlook.com]"),
    ("icloud-block", "block", 554, "5.7.1", "[CS01] Message rejected due to local policy."),
    ("greylisted", "transient", 451, "4.7.1", "Greylisting in action, please come back later"),
    ("greylisted", "transient", 450, "4.2.0", "Recipient address rejected: Greylisted, see http://postgrey.example"),
    ("greylisted", "transient", 451, None, "You have been graylisted"),
    ("sending-quota", "throttle", 454, None, "Throttling failure: Daily message quota exceeded."),
    ("sending-quota", "throttle", 454, None, "Throttling failure: Maximum sending rate exceeded."),
    ("quota", "soft", 452, "4.2.2", "The recipient's inbox is out of storage space."),
    ("quota", "soft", 552, "5.2.2", "The account is over its limit"),
    ("quota", "soft", 552, None, "Mailbox is full"),
    ("quota", "soft", 550, "5.7.1", "user is over quota"),
    ("too-large", "content", 552, "5.3.4", "Message size exceeds fixed limit"),
    ("too-large", "content", 552, "5.2.3", "no"),
    ("too-large", "content", 554, None, "message is too large for this server"),
    ("policy", "block", 554, "5.7.1", "Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"),
    ("policy", "block", 550, None, "This message was classified as SPAM and may not be delivered"),
    ("policy", "block", 550, "5.7.1", "Relaying denied"),
    ("policy", "block", 550, None, "SPF check failed"),
    ("policy", "block", 550, "5.7.0", "Message rejected for policy reasons"),
    ("policy", "block", 450, "4.7.1", "Client host rejected: cannot find your reverse hostname"),
    ("no-such-user", "hard", 550, None, "No such user here"),
    (
        "no-such-user",
        "hard",
        550,
        "5.1.1",
        "<a@b.example>: Recipient address rejected: User unknown in virtual mailbox table",
    ),
    ("no-such-user", "hard", 554, None, "The email account that you tried to reach does not exist"),
    ("no-such-user", "hard", 550, None, "mailbox not found"),
    ("no-such-domain", "hard", 550, None, "Unrouteable domain"),
    ("no-such-domain", "hard", 550, None, "Host unknown"),
    ("permanent-address", "hard", 550, "5.1.1", "no"),
    ("permanent-address", "hard", 550, "5.1.0", "no"),
    ("permanent-address", "hard", 550, "5.1.10", "no"),
    ("permanent-address", "hard", 550, "5.2.1", "no"),
    ("permanent-address", "hard", 550, "5.4.4", "no"),
    ("permanent-address", "hard", 550, "5.7.17", "no"),
    ("no-mail-here", "hard", 521, None, "go away"),
    ("no-mail-here", "hard", 556, None, "go away"),
    ("our-sender", "sender", 550, "5.1.8", "<x@y.example>: Sender address rejected: Domain not found"),
    ("our-sender", "sender", 451, "4.1.8", "Sender address cannot be verified"),
    ("our-sender", "sender", 553, "5.1.7", "no"),
    ("too-many-recipients", "transient", 452, "4.5.3", "Too many recipients"),
    ("throttled-service", "throttle", 421, None, "Closing transmission channel"),
    ("throttled-service", "throttle", 421, "4.3.2", "Service shutting down"),
    ("throttled-policy", "throttle", 451, "4.7.1", "Please slow down"),
    ("temporary", "transient", 451, "4.3.0", "Temporary lookup failure"),
    ("temporary", "transient", 452, "4.3.1", "Insufficient system storage"),
    ("undetermined", "undetermined", 550, None, "No"),
    ("undetermined", "undetermined", 550, "5.7.1", "Refused"),
    ("undetermined", "undetermined", 554, "5.0.0", "Transaction failed"),
]


@pytest.mark.parametrize(("rule", "kind", "code", "enhanced", "words"), TABLE)
def test_a_reply_meets_its_rule(rule: str, kind: str, code: int, enhanced: str | None, words: str) -> None:
    assert classify(code, enhanced, words) == (Kind(kind), rule)


def test_every_rule_has_a_reply_in_the_table() -> None:
    assert {rule.name for rule in RULES} == {line[0] for line in TABLE}


def test_every_rule_has_its_own_name_and_a_reason_for_people() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert all(reason_for(name).endswith(".") for name in names)


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
    ],
)
def test_no_address_is_suppressed_on_one_digit_or_for_our_own_fault(code: int, enhanced: str, words: str) -> None:
    assert classify(code, enhanced, words)[0] is not Kind.HARD


@given(
    st.integers(400, 599),
    st.none() | st.from_regex(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True),
    st.text(max_size=1500),
)
def test_every_refusal_gets_a_class_and_no_4xx_suppresses(code: int, enhanced: str | None, text: str) -> None:
    kind, rule = classify(code, enhanced, text)
    assert rule
    assert kind not in (Kind.ACCEPTED, Kind.UNKNOWN)
    assert not (kind is Kind.HARD and code < 500)


@pytest.mark.parametrize("code", [199, 250, 354, 600])
def test_what_is_not_a_refusal_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match="not a refusal"):
        classify(code, None, "OK")


def test_a_long_reply_is_classified_in_a_moment() -> None:
    assert classify(550, None, "a user " * 20_000)[0] is Kind.UNDETERMINED
