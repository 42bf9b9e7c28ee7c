"""Replies as people paste them."""

from __future__ import annotations

import time

import pytest

from delivery.engine.reply_text import read_reply


@pytest.mark.parametrize(
    ("pasted", "code", "enhanced", "words"),
    [
        ("550 5.1.1 User unknown", 550, "5.1.1", "User unknown"),
        ("550 No", 550, None, "No"),
        ("550", 550, None, ""),
        ("421-4.7.0 Try again\n421 4.7.0 later", 421, "4.7.0", "Try again later"),
        (
            "host mx.example[192.0.2.1] said: 550-5.1.1 The email account 550-5.1.1 does not 550 5.1.1 exist"
            " (in reply to RCPT TO command)",
            550,
            "5.1.1",
            "The email account does not exist",
        ),
        ("smtp; 550 5.1.1 <a@b.example>... User Unknown", 550, "5.1.1", "<a@b.example>... User Unknown"),
        ("<<< 552 Mailbox full", 552, None, "Mailbox full"),
        ("Remote host said: 450 4.2.2 <a@b.example>... Mailbox Full", 450, "4.2.2", "<a@b.example>... Mailbox Full"),
        ("550 sorry, no mailbox here by that name. (#5.1.1)", 550, "5.1.1", "sorry, no mailbox here by that name. ("),
        ("550 #5.1.0 Address rejected.", 550, "5.1.0", "Address rejected"),
        (
            "Nov 1 10:00:00 mx postfix/smtp[4500]: 4Abc: to=<a@b.example>, relay=mx.b.example[192.0.2.1]:25, delay=550,"
            " dsn=5.7.1, status=bounced (host mx.b.example[192.0.2.1] said: 554 5.7.1 blocked (in reply to RCPT TO))",
            554,
            "5.7.1",
            "blocked",
        ),
        ("SMTP error from remote mail server after end of data:\n host mx [192.0.2.1]: 550 spam", 550, None, "spam"),
        ("5.1.1 unknown", 550, "5.1.1", "unknown"),
        ("4.4.1 (Persistent transient failure)", 450, "4.4.1", "(Persistent transient failure"),
    ],
)
def test_a_pasted_reply_is_found(pasted: str, code: int, enhanced: str | None, words: str) -> None:
    read = read_reply(pasted)
    assert read is not None
    assert (read.code, read.enhanced, read.words) == (code, enhanced, words)


@pytest.mark.parametrize("pasted", ["", "hello", "250 2.0.0 OK", "the year 2450", "192.0.2.1", "354 go on", "SIZE=550"])
def test_what_is_no_refusal_is_not_found(pasted: str) -> None:
    assert read_reply(pasted) is None


@pytest.mark.parametrize(
    ("pasted", "answered"),
    [
        ("host mx said: 550 no such user (in reply to RCPT TO command)", "recipient"),
        ("host mx said: 550 no such user (in reply to MAIL\n    FROM command)", "sender"),
        ("SMTP error from remote mail server after MAIL FROM:<a@b.example>: host mx: 550 unknown", "sender"),
        ("SMTP error from remote mail server after initial connection: 554 no", "sender"),
        ("Remote host said:\n550 unknown user\n [MAIL_FROM]", "sender"),
        ("550 no such user", "recipient"),
        ("host mx said: 550 no such user (in reply to end of\n    DATA command)", "message"),
        ("host mx said: 550 no such user (in reply to DATA command)", "message"),
        ("SMTP error from remote mail server after end of data: 550 unknown", "message"),
        ("SMTP error from remote server after transfer of mail text: 550 unknown", "message"),
        ("SMTP error from remote server for TEXT command, host: mx reason: 550 unknown", "message"),
        ("192.0.2.7 failed after I sent the message.\nRemote host said: 550 unknown user", "message"),
        ("Remote host said:\n550 unknown user\n [BODY]", "message"),
        (">>> DATA\n<<< 550 5.1.1 unknown user\n<<< 503 need RCPT", "recipient"),
    ],
)
def test_what_a_refusal_answered_is_told_apart(pasted: str, answered: str) -> None:
    read = read_reply(pasted)
    assert read is not None
    assert read.answered == answered


def test_nothing_that_people_paste_takes_long_to_read() -> None:
    began = time.process_time()
    for filling in ("\n", " ", "\n \t", "550-", "550\n", "(in reply to ", "error from ", "after the ", "error for ["):
        read_reply(f"x{filling * (19_990 // len(filling))}x")
    # a pattern that looks at every pair of lines takes half a second for the first of them alone
    assert time.process_time() - began < 0.3
