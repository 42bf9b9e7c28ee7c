"""One ESP account as a worker child reaches it: letters are put together to requests, and several go at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast
from weakref import WeakKeyDictionary

from delivery.engine.classify import BUILT_IN, Classifier
from delivery.engine.message import MessageTemplate
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp.clock import boottime
from delivery.engine.smtp.window import too_late
from delivery.esp import outcomes
from delivery.esp.account import EspAccount
from delivery.esp.planner import Planner, Request
from delivery.esp.rendering import MergeText
from delivery.esp.ways import open_way
from delivery.letters import AnyLetter

logger = logging.getLogger(__name__)

# share of the newest request in the measured latency
NEWEST = 0.2
UNFORESEEN = outcomes.unknown("the worker failed in an unforeseen way; see its log")
NOT_WRITTEN = Outcome(Kind.RENDER_ERROR, reply="the message could not be written for the ESP; see the worker's log")
HUNG_UP = outcomes.not_attempted("the provider's settings changed")


class EspChannel:
    """See `delivery.letters.Channel`. Each letter is part of one HTTP request, which is never repeated.

    One exception: where an ESP refused a request for many because of what may be one message's fault, each of them is
    handed over once more alone. The refusal proves that none of them was accepted.
    """

    def __init__(self, account: EspAccount) -> None:
        self._way = open_way(account)
        self._planner = Planner(account.kind, account.recipients, self._merge_text)
        self._tag = account.kind.placeholder.format
        self._texts: WeakKeyDictionary[MessageTemplate, MergeText] = WeakKeyDictionary()
        self._threads = ThreadPoolExecutor(account.calls, thread_name_prefix=f"esp-{account.kind.name}")
        self._running: set[asyncio.Future[list[Outcome]]] = set()
        self._latency = 0.0
        self._is_closed = False
        self._classifier = BUILT_IN

    @property
    def latency_seconds(self) -> float:
        return self._latency

    async def send(self, letters: Sequence[AnyLetter]) -> list[Outcome]:
        requests, failed = self._planner.plan(letters)
        answers = await asyncio.gather(*(self._hand_over(request) for request in requests))
        settled: list[Outcome | None] = [failed.get(index) for index in range(len(letters))]
        for request, outcomes_of_request in zip(requests, answers, strict=True):
            for piece, outcome in zip(request.pieces, outcomes_of_request, strict=True):
                group = letters[piece.index].mailbox_group
                settled[piece.index] = outcomes.judged_by(self._classifier, outcome, group)
        return cast(list[Outcome], settled)

    def judge_by(self, classifier: Classifier) -> None:
        self._classifier = classifier

    async def close(self) -> None:
        self._is_closed = True
        if self._running:
            await asyncio.wait(self._running)
        self._threads.shutdown(wait=False)
        self._way.close()

    def _merge_text(self, letter: AnyLetter) -> MergeText:
        template = letter.template
        if template not in self._texts:
            self._texts[template] = MergeText(template, self._tag)
        return self._texts[template]

    async def _hand_over(self, request: Request) -> list[Outcome]:
        found = await self._call(request)
        if len(found) == 1 or not all(outcomes.is_about_request(outcome) for outcome in found):
            return found
        singly = await asyncio.gather(*(self._call(one) for one in request.alone()))
        return [outcome for (outcome,) in singly]

    async def _call(self, request: Request) -> list[Outcome]:
        if self._is_closed:
            return [HUNG_UP] * len(request.pieces)
        running = asyncio.get_running_loop().run_in_executor(self._threads, self._deliver, request)
        self._running.add(running)
        try:
            return await running
        finally:
            self._running.discard(running)

    def _deliver(self, request: Request) -> list[Outcome]:
        """In a thread, which may have been waited for: what is too late by now is not sent."""
        now = boottime()
        timely = [piece for piece in request.pieces if piece.letter.deadline > now]
        if not timely:
            return [too_late()] * len(request.pieces)
        began = time.monotonic()
        try:
            answered = iter(self._way.deliver(Request(timely, request.text)))
        except Exception:  # a fault of ours
            logger.exception("a request of %s messages failed", len(timely))
            return [UNFORESEEN if self._way.may_have_written() else NOT_WRITTEN] * len(request.pieces)
        found = [next(answered) if piece.letter.deadline > now else too_late() for piece in request.pieces]
        if any(outcome.kind is Kind.ACCEPTED for outcome in found):
            self._observe(time.monotonic() - began)
        return found

    def _observe(self, seconds: float) -> None:
        self._latency += (seconds - self._latency) * (NEWEST if self._latency else 1.0)
