"""An operator's rules reach sessions that are open already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench.sink import Rule, Sink
from delivery.engine.classify import BUILT_IN, Classifier
from delivery.engine.outcome import Kind
from delivery.engine.rule import Rule as ReplyRule
from delivery.engine.smtp import SmtpMessage, SmtpPool

FULL = ReplyRule("odd-full", Kind.SOFT, "Full.", codes="550", phrases=("odd words",))
GMAIL_ONLY = replace(FULL, name="odd-gmail", group="gmail")


def test_new_rules_hold_from_the_next_reply_on_over_the_same_connection(
    run: Any, start_sink: Callable[..., Sink], message: Callable[..., SmtpMessage], endpoint: Any
) -> None:
    sink = start_sink(Rule("RCPT", text="550 odd words"))
    seen: list[tuple[Kind, str]] = []

    async def main() -> None:
        pool = SmtpPool(endpoint(sink), max_connections=1)
        for classifier in (BUILT_IN, Classifier(own=(FULL,)), Classifier(own=(GMAIL_ONLY,))):
            pool.classifier = classifier
            outcomes = await pool.send_window([message(1), message(2)._replace(mailbox_group="gmail")])
            seen.extend((outcome.kind, outcome.rule) for outcome in outcomes)
        await pool.close()

    run(main())
    assert seen == [
        *[(Kind.UNDETERMINED, "undetermined")] * 2,
        *[(Kind.SOFT, "odd-full")] * 2,
        (Kind.UNDETERMINED, "undetermined"),
        (Kind.SOFT, "odd-gmail"),
    ]
    assert sink.stats()["connections"] == 1


def test_a_busy_server_at_the_greeting_slows_the_provider_down(
    start_sink: Callable[..., Sink], send: Callable[..., Any], message: Callable[..., SmtpMessage]
) -> None:
    outcomes = send(start_sink(Rule("CONNECT", text="421 4.7.0 [TSS04] deferred")), [message(1)])
    assert [(outcome.kind, outcome.rule) for outcome in outcomes] == [(Kind.THROTTLE, "yahoo-throttle")]


@pytest.mark.parametrize(
    ("step", "chunking", "kind"),
    [
        ("RCPT", False, Kind.HARD),
        ("DATA", False, Kind.UNDETERMINED),
        ("DOT", False, Kind.UNDETERMINED),
        ("RCPT", True, Kind.HARD),
        ("DOT", True, Kind.UNDETERMINED),
    ],
)
def test_words_about_a_user_prove_nothing_once_the_recipient_was_accepted(
    start_sink: Callable[..., Sink],
    send: Callable[..., Any],
    message: Callable[..., SmtpMessage],
    step: str,
    chunking: bool,
    kind: Kind,
) -> None:
    sink = start_sink(Rule(step, text="550 User unknown"), chunking=chunking)
    plain = [message(number) for number in range(1, 7)]
    outcomes = send(sink, [one._replace(checked_size=chunking * len(one.data)) for one in plain], connections=1)
    assert [outcome.kind for outcome in outcomes] == [kind] * 6
