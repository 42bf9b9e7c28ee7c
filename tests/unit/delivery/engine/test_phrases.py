"""What a phrase finds, and that no phrase and no text can make it slow."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.engine.classify import BUILT_IN, Classifier
from delivery.engine.outcome import Kind
from delivery.engine.phrases import BadPhrase, Words, parse_phrase
from delivery.engine.rule import Rule


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("mailbox full", "The MAILBOX-full.", True),
        ("mailbox full", "The mailbox is full", False),
        ("mailbox * full", "The mailbox is full", True),
        ("mailbox * full", "mailbox full", True),
        ("mailbox * full", "mailbox 1 2 3 4 5 6 7 8 full", True),
        ("mailbox * full", "mailbox 1 2 3 4 5 6 7 8 9 full", False),
        ("mailbox * full", "full mailbox", False),
        ("* mailbox *", "the mailbox", True),
        ("block*", "it was blocked", True),
        ("block*", "an unblocked one", False),
        ("*block*", "an unblocked one", True),
        ("spam*", "550 <a@spam.example>: at spam.example.com", False),
        ("*spamhaus*", "using zen.spamhaus.org", True),
        ("s31##", "weren't sent (S3150).", True),
        ("s31##", "S31 and S315", False),
        ("rp-001", "RP-001 The mail server", True),
        ("user|person unknown", "person unknown", True),
        ("user|person unknown", "personunknown", False),
        ("user @ unknown", "User <a.b@c.example> unknown", True),
        ("does not exist", "it doesn't exist", True),
        ("can not find", "cannot find", True),
        ("email", "E-Mail", True),
        ("über", "Der Postfach-Speicher ist ÜBER", True),
        ("*nosuchuser*", "see https://support.google.com/mail/?p=NoSuchUser x", True),
        ("邮箱不存在", "550 邮箱不存在", True),
        ("a.b*c", "a.bxc", True),
    ],
)
def test_a_phrase_finds_words(phrase: str, text: str, found: bool) -> None:
    assert parse_phrase(phrase).found_in(Words(text)) is found
    # the index of a table must not lose what the phrase itself finds
    table = Classifier(own=(Rule("r", Kind.SOFT, "R.", phrases=(phrase,)),))
    assert (table.classify(599, None, text).rule == "r") is found


HOSTILE_PHRASES = ["aa* * aa* * aa* * b*c*", "aa#b#", "aa*aa*", "aa * aa * aa * bb", "#aa#|*aa*|aa#* bb"]
HOSTILE_TEXTS = ["a" * 20_000, "aa " * 10_000, "1" * 1000, "a@" * 800, "a." * 800, "a-" * 800, "aa1" * 500, "@" * 1000,
                 "http://" + "a?" * 5000, "\u0130" * 1000, "'" * 1000, "n't" * 900]  # fmt: skip


@pytest.mark.parametrize("phrase", HOSTILE_PHRASES)
@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=lambda text: text[:6])
def test_no_phrase_is_slow_on_any_text(phrase: str, text: str) -> None:
    table = Classifier(own=(Rule("r", Kind.SOFT, "R.", phrases=(phrase,)),))
    began = time.process_time()
    table.classify(550, None, text)
    assert time.process_time() - began < 0.25


@given(st.text(alphabet="ab*#|.@- 1", max_size=40), st.text(alphabet="ab.@- 1#", max_size=200))
def test_any_phrase_is_read_or_refused(phrase: str, text: str) -> None:
    try:
        read = parse_phrase(phrase)
    except BadPhrase:
        return
    read.found_in(Words(text))


def test_a_long_reply_is_classified_in_a_moment() -> None:
    assert BUILT_IN.classify(550, None, "a user " * 20_000).kind is Kind.UNDETERMINED
