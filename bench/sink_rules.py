"""How the sink misbehaves: rules that match a step and an address, and what happens then."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

Action = Literal["reply", "close", "stall", "delay"]

# MIDDATA: while content arrives; DOT: after the final dot, before its reply
STAGES = ("CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "MIDDATA", "DOT", "RSET", "QUIT")
ACTIONS = ("reply", "close", "stall", "delay")


@dataclass(slots=True)
class Rule:
    """One way to misbehave. The first rule of a stage that matches is applied.

    pattern: shell pattern, in lower case, for the sender (MAIL) or any recipient so far (RCPT and later); other
    stages know no address and match "*" alone.
    action: "reply" with `text` ("452 4.2.2 mailbox full", lines parted by "\\n"), "close" the connection, "stall"
    (say nothing more on it), "delay" the normal reply by `delay_ms`. A delay may go with a reply or a close too.
    probability 0-1; every: only each n-th match; skip: let n matches pass first; times: at most n times (0: always);
    above_rate: only what goes beyond so many matches in a second.
    keeps: a close or stall at DOT comes after the message was accepted and recorded (else it is forgotten).
    """

    stage: str
    pattern: str = "*"
    action: Action = "reply"
    text: str = "451 4.3.0 try again later"
    probability: float = 1.0
    every: int = 0
    skip: int = 0
    times: int = 0
    delay_ms: float = 0.0
    above_rate: float = 0.0
    keeps: bool = True
    matched: int = field(default=0, compare=False)
    applied: int = field(default=0, compare=False)
    _second: int = field(default=0, compare=False, repr=False)
    _in_second: int = field(default=0, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise ValueError(f"Unknown stage {self.stage!r}; known are {', '.join(STAGES)}.")
        if self.action not in ACTIONS:
            raise ValueError(f"Unknown action {self.action!r}; known are {', '.join(ACTIONS)}.")

    def applies(self, addresses: Sequence[str], rng: random.Random) -> bool:
        """Decide for one event, counting it."""
        if self.pattern != "*" and not any(fnmatchcase(address.lower(), self.pattern) for address in addresses):
            return False
        self.matched += 1
        if self.matched <= self.skip or (self.times and self.applied >= self.times):
            return False
        if self.every and (self.matched - self.skip) % self.every:
            return False
        if self.above_rate and not self._is_above_rate():
            return False
        if self.probability < 1.0 and rng.random() >= self.probability:
            return False
        self.applied += 1
        return True

    def _is_above_rate(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        return self._in_second > self.above_rate

    def to_json(self) -> dict[str, Any]:
        """The rule as `rule_from_json` reads it, with its counts."""
        return {name: value for name, value in asdict(self).items() if not name.startswith("_")}


def rule_from_json(value: dict[str, Any]) -> Rule:
    """Build a rule from its JSON form, without its counts. Raises TypeError or ValueError when it is malformed."""
    return Rule(**{name: item for name, item in value.items() if name not in ("matched", "applied")})


_SPEC = re.compile(r"(?P<stage>\w+)(:(?P<pattern>[^;=]*))?(?P<options>(;\w+=[^;=]*)*)(=(?P<text>.*))?", re.DOTALL)


def parse_rule(spec: str, action: Action) -> Rule:
    """Read `STAGE[:PATTERN][;name=value…][=TEXT]`: `RCPT:*@full.example;every=10=452 4.2.2 mailbox full`.

    Names: probability, every, skip, times, delay_ms, above_rate, keeps (0 or 1). TEXT belongs to replies alone.
    """
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise ValueError(f"Cannot read the rule {spec!r}: write STAGE:PATTERN;name=value=TEXT.")
    value: dict[str, Any] = {"stage": found["stage"].upper(), "pattern": (found["pattern"] or "*").lower()}
    for option in filter(None, found["options"].split(";")):
        name, _, number = option.partition("=")
        value[name] = float(number) if name in ("probability", "delay_ms", "above_rate") else int(number)
    if found["text"]:
        value["text"] = found["text"]
    return rule_from_json(value | {"action": action})


class Behaviour:
    """The rules in force, by stage; replaced as a whole while the sink runs."""

    __slots__ = ("_by_stage", "latency", "rng")

    def __init__(self, rules: Iterable[Rule] = (), *, latency_ms: float = 0.0, seed: int = 0) -> None:
        self.rng = random.Random(seed)
        self.latency = latency_ms / 1000.0
        self._by_stage: dict[str, list[Rule]] = {}
        self.replace(rules)

    def replace(self, rules: Iterable[Rule]) -> None:
        """Put these rules in the place of all others."""
        self._by_stage = {}
        for rule in rules:
            self._by_stage.setdefault(rule.stage, []).append(rule)

    def find(self, stage: str, addresses: Sequence[str] = ()) -> Rule | None:
        """Return the rule that applies to this event, or None."""
        for rule in self._by_stage.get(stage, ()):
            if rule.applies(addresses, self.rng):
                return rule
        return None

    def to_json(self) -> dict[str, Any]:
        """All rules with their counts, and the latency."""
        rules = [rule.to_json() for listed in self._by_stage.values() for rule in listed]
        return {"latency_ms": self.latency * 1000.0, "rules": rules}
