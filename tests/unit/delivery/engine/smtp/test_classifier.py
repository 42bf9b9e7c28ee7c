"""An operator's rules reach sessions that are open already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

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
