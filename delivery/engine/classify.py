"""From a reply to the class of its outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from delivery.engine.outcome import Answered, Kind
from delivery.engine.phrases import Candidates, PhraseIndex, Words
from delivery.engine.rule import CompiledRule, Rule, Verdict, compile_rule
from delivery.engine.rules import ESP_RULES, RULES

# replies come in few pairs of codes; a server that invents new ones must not fill the memory
_MAX_REMEMBERED = 5_000

# mailbox group ("" where unknown) and provider of a reply
Scope = tuple[str, int | None]


class Classifier:
    """An immutable table of rules: what an operator added, then what is built in; the first match decides.

    own: rules before the table. stamp: tells versions of an operator's rules apart, "" for the built-in table alone.
    rules: must end with rules that cover every code from 400 to 599.
    Raises BadPattern or BadPhrase where a rule cannot be read, ValueError where a refusal would meet no rule.
    One object may be shared by threads and event loops.
    """

    def __init__(self, rules: Sequence[Rule] = RULES, *, own: Iterable[Rule] = (), stamp: str = "") -> None:
        self.stamp = stamp
        self.own = tuple(own)
        self.rules = tuple(rules)
        self._table = _Table((*self.own, *self.rules), own=len(self.own))
        self._esp_table = _Table((*self.own, *ESP_RULES, *self.rules), own=len(self.own))
        self._provider_id: int | None = None
        for code in (450, 550):
            self.classify(code, None, "")

    def for_provider(self, provider_id: int | None) -> Classifier:
        """The same rules for the replies that come through one provider: its own rules count, others' do not."""
        bound = object.__new__(Classifier)
        for name, value in vars(self).items():
            setattr(bound, name, value)
        bound._provider_id = provider_id
        return bound

    def classify(
        self,
        code: int,
        enhanced: str | None,
        text: str,
        *,
        group: str = "",
        answered: Answered = Answered.RECIPIENT,
    ) -> Verdict:
        """Judge one refusal of a mail server.

        code: 400-599. enhanced: "x.y.z" or None. text: the server's words, its first 1,000 characters are looked at.
        group: the recipient's mailbox group, "" where nobody knows it. answered: no rule can make an answer to EHLO
        or MAIL hard. Of what is refused with its message, after the recipient was accepted, the built-in rules believe
        codes about the address alone: filters of some carriers say "user unknown" there and mean the message.
        Raises ValueError for a code outside that range: an acceptance is not for the rules to judge.
        """
        if not 400 <= code <= 599:
            raise ValueError(f"{code} is not a refusal: only replies from 400 to 599 are classified.")
        return self._table.judge(str(code), enhanced or "", text, self._scope(group), answered)

    def classify_text(self, text: str, *, permanent: bool = True, group: str = "") -> Verdict:
        """Judge what an ESP says of a refused recipient or of us, by its words alone.

        permanent: the ESP will not try again by itself (an HTTP 4xx, "rejected", "failed").
        """
        return self._esp_table.judge("550" if permanent else "450", "", text, self._scope(group))

    def _scope(self, group: str) -> Scope:
        return group, self._provider_id

    def verdict_of(self, rule_name: str) -> Verdict | None:
        """What the rule of this name says, None where there is none (any more): for an `Outcome.rule`."""
        return self._esp_table.verdicts.get(rule_name)


class _Table:
    """Compiled rules with an index over their phrases. Phrases of rule n are set 2n, what forbids it is set 2n + 1."""

    def __init__(self, rules: Sequence[Rule], *, own: int) -> None:
        """own: so many of the rules, from the first, are an operator's."""
        self._own = own
        self._rules = tuple(map(compile_rule, rules))
        self.verdicts = {one.rule.name: one.verdict for one in reversed(self._rules)}
        self._index = PhraseIndex(
            {2 * number: one.phrases for number, one in enumerate(self._rules)}
            | {2 * number + 1: one.unless for number, one in enumerate(self._rules)}
        )
        self._remembered: dict[tuple[str, str], tuple[tuple[int, CompiledRule, bool], ...]] = {}

    def judge(
        self, code: str, enhanced: str, text: str, scope: Scope, answered: Answered = Answered.RECIPIENT
    ) -> Verdict:
        words: Words | None = None
        candidates: Candidates = {}
        for number, one, by_codes in self._fitting(code, enhanced):
            if words is None and not (by_codes and not one.unless):
                words = Words(text)
                candidates = self._index.candidates(words)
            # for most rules no word of theirs stands in the reply: this is what a call does some forty times
            if not by_codes and 2 * number not in candidates:
                continue
            if not _in_scope(one.rule, scope):
                continue
            if one.rule.kind is Kind.HARD and not self._is_proof(number, one, enhanced, answered):
                continue
            if words is None or (
                (by_codes or _stands(candidates, 2 * number, words)) and not _stands(candidates, 2 * number + 1, words)
            ):
                return one.verdict
        raise ValueError(f"No rule covers {code} {enhanced}: a table ends with rules for every 4xx and 5xx.")

    def _is_proof(self, number: int, one: CompiledRule, enhanced: str, answered: Answered) -> bool:
        """Whether a hard rule may count for what was answered."""
        if answered is not Answered.MESSAGE:
            return answered is Answered.RECIPIENT
        return number < self._own or (one.enhanced is not None and one.enhanced.fullmatch(enhanced) is not None)

    def _fitting(self, code: str, enhanced: str) -> tuple[tuple[int, CompiledRule, bool], ...]:
        """The rules that these codes allow, each with whether the codes alone decide it."""
        known = self._remembered.get((code, enhanced))
        if known is None:
            judged = ((number, one, one.fits_codes(code, enhanced)) for number, one in enumerate(self._rules))
            known = tuple((number, one, fits is True) for number, one, fits in judged if fits is not False)
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[code, enhanced] = known
        return known


def _in_scope(rule: Rule, scope: Scope) -> bool:
    group, provider_id = scope
    return (not rule.group or rule.group == group) and rule.provider_id in (None, provider_id)


def _stands(candidates: Candidates, number: int, words: Words) -> bool:
    return number in candidates and any(phrase.found_in(words) for phrase in candidates[number])


BUILT_IN = Classifier()
