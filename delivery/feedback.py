"""What a provider's answers change for those that follow: its circuit, its pace, and what operators are told."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from campaigns.addresses import domain_of
from delivery.alarms import Alarm
from delivery.engine.outcome import Kind, Outcome
from delivery.models import Provider
from delivery.runtime import Runtime

logger = logging.getLogger(__name__)

# an answer, good or bad, shows that a provider is there; these show that it is not
AWAY = frozenset({Kind.NOT_ATTEMPTED, Kind.UNKNOWN})
LEAST_BLOCKED = 3
BLOCKED_SHARE = 0.1
OUR_AUTHENTICATION = frozenset({"our-authentication"})


def pace_group(provider: Provider, group: str) -> str:
    """Whose pace counts. An ESP paces its receivers itself: what it asks for, it asks for all of our mail."""
    return group if provider.kind == Provider.Kind.SMTP else ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """For mail from one sender to one mailbox group.

    Who reports is named by the object that sent: the directory may be read again without it while mail is under way.
    """

    worker: Runtime
    group: str
    sender: str

    async def learn(self, provider: Provider, outcomes: Sequence[Outcome], is_probe: bool) -> None:
        """Tell the circuit and the pace what a window met. Without Redis nobody learns, and nothing is lost by it."""
        away = [one for one in outcomes if one.kind in AWAY and one.rule != "late"]
        answered = sum(one.kind not in AWAY and one.kind is not Kind.RENDER_ERROR for one in outcomes)
        try:
            await self._report(provider, answered, away, is_probe)
            throttled = [one for one in outcomes if one.kind is Kind.THROTTLE]
            refused = [one for one in outcomes if one.kind in (Kind.BLOCK, Kind.SENDER)]
            if throttled:
                await self._slow_down(provider, "throttled", throttled)
            if refused:
                await self._refused(provider, refused, len(outcomes))
        except RedisError as error:
            logger.warning("provider %s: its state could not be noted: %s", provider.pk, error)

    async def _report(self, provider: Provider, answered: int, away: Sequence[Outcome], is_probe: bool) -> None:
        good = answered if is_probe else self.worker.answered[provider.pk] + answered
        if not (away or is_probe or provider.pk in self.worker.suspects):
            self.worker.answered[provider.pk] = min(good, 1000)
            return
        self.worker.answered[provider.pk] = 0
        if not (away or good):
            return
        change = await self.worker.breaker.report(provider.pk, good, len(away))
        if away:
            self.worker.suspects.add(provider.pk)
            self.worker.usage.note(provider.pk, "error", away[0].reply, group=self.group, code=away[0].code)
        else:
            self.worker.suspects.discard(provider.pk)
        if change:
            logger.warning("provider %s: its circuit is %s", provider.pk, change)
            words = away[0].reply if away else "mail was accepted again"
            self.worker.usage.note(provider.pk, change, words)
        if change == "opened":
            self.worker.alarms.add(self._circuit_alarm(provider, words))

    async def _refused(self, provider: Provider, refused: Sequence[Outcome], messages: int) -> None:
        """Receivers or the provider refuse us, not an address: note it, tell operators, send less where it is much."""
        self.worker.usage.note(provider.pk, "blocked", refused[0].reply, group=self.group, code=refused[0].code)
        is_much = len(refused) >= max(LEAST_BLOCKED, messages * BLOCKED_SHARE)
        if is_much:
            # one reader's spam filter is no reason to slow down for everybody of the group
            await self._slow_down(provider, "blocked", refused)
        telling = [one for one in refused if self.worker.is_alarming(one)]
        if telling and (is_much or self.group != "other" or telling[0].rule in OUR_AUTHENTICATION):
            self.worker.alarms.add(self._block_alarm(provider, telling, is_much))

    async def _slow_down(self, provider: Provider, event: str, met: Sequence[Outcome]) -> None:
        silence = self._silence_seconds(provider, met)
        pace = await self.worker.throttle.slow_down(provider.pk, pace_group(provider, self.group), silence)
        if pace is not None:
            logger.warning("provider %s: %s goes on at %.1f a second after %s", provider.pk, self.group, pace, event)
        if event == "throttled":
            self.worker.usage.note(provider.pk, event, met[0].reply, group=self.group, code=met[0].code)
            alarming = [one for one in met if self.worker.is_alarming(one)]
            if alarming:
                self.worker.alarms.add(self._block_alarm(provider, alarming, len(alarming) >= LEAST_BLOCKED))

    def _silence_seconds(self, provider: Provider, met: Sequence[Outcome]) -> float:
        """How long nothing goes by this provider to this group; a rule of an operator's own is always obeyed."""
        own = {rule.name for rule in self.worker.classifier.own}
        is_told = len(met) >= LEAST_BLOCKED or any(one.rule in own for one in met)
        # the words that large receivers use may be said by anybody's server, for everybody who has one
        if pace_group(provider, self.group) == "other" and not is_told:
            return 0.0
        return max(self.worker.silence_seconds(one) for one in met)

    def _circuit_alarm(self, provider: Provider, words: str) -> Alarm:
        text = f"Others of its pools take over; it is tried again by itself. The last answer: {words}"
        return Alarm(f"circuit:{provider.pk}", f"The provider {provider.name} cannot be reached", text, provider.pk)

    def _block_alarm(self, provider: Provider, blocked: Sequence[Outcome], is_much: bool) -> Alarm:
        ours = next((one for one in blocked if one.rule in OUR_AUTHENTICATION), None)
        # anybody may run the server of one address and say this: it must not stop a domain for everybody
        if ours is not None and (is_much or self.group != "other"):
            domain = domain_of(self.sender)
            text = (
                f"Receivers refuse our authentication: no campaign is sent from it for an hour. They say: {ours.reply}"
            )
            return Alarm(f"domain-paused:{domain}", f"Sending from {domain} is paused", text, 0, self.sender)
        subject = f"Mail by {provider.name} to {self.group} is refused for policy or reputation"
        text = f"It is tried once by another provider. No address is suppressed. The last answer: {blocked[0].reply}"
        return Alarm(f"blocked:{provider.pk}:{self.group}", subject, text, provider.pk)
