"""Reading dead letters by key, in bounded stretches: for pages, files and decisions alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection

from campaigns.addresses import mailbox_group
from delivery.dead import sql
from delivery.dead.filter import DeadFilter, Why, why
from delivery.models import DeadDecision, Provider
from delivery.reply_rules import current
from delivery.reply_words import Recorded

Source = DeadDecision.Source
STRETCH = 1_000
# a filter that finds little looks through this many letters for a page (about 0.5 s), then offers to look further
LOOKED_A_PAGE = 10_000
# above every id
TOP = 2**62


class Key(NamedTuple):
    """campaign_id: 0 for a message. id: of the lead, or of the message."""

    campaign_id: int
    id: int


START = Key(TOP, TOP)


class Letter(NamedTuple):
    """One dead letter, in the order of the statements' columns. address: "" where the lead was erased.

    why: by today's rules, operators' own among them.
    """

    campaign_id: int
    id: int
    at: dt.datetime
    tries: int
    provider_id: int | None
    code: int | None
    enhanced: str | None
    reply: str | None
    address: str
    mailbox_group: str
    campaign: str
    campaign_state: str
    why: Why

    @property
    def key(self) -> Key:
        return Key(self.campaign_id, self.id)

    @property
    def reason(self) -> str:
        return self.why.words


@dataclass(frozen=True, slots=True)
class Stretch:
    """letters: those that pass. looked: how many were looked at. last: the key where it ended, None at the very end."""

    letters: list[Letter]
    looked: int
    last: Key | None


def stretch(source: str, where: DeadFilter, before: Key = START, limit: int = STRETCH) -> Stretch:
    """The next `limit` dead letters below `before`, those of them that pass."""
    if source == Source.MESSAGES and where.campaign_id is not None:
        return Stretch([], 0, None)
    parameters = {
        **where.parameters(),
        "low": where.campaign_id or 0,
        "high": where.campaign_id or TOP,
        "before_campaign": before.campaign_id,
        "before_id": before.id,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.EMAILS if source == Source.EMAILS else sql.MESSAGES, parameters)
        rows = cursor.fetchall()
    letters = _letters([row[:-1] for row in rows if row[-1]])
    return Stretch(
        [letter for letter in letters if _passes(letter, source, where)],
        len(rows),
        Key(*rows[-1][:2]) if len(rows) == limit else None,
    )


def _letters(rows: Sequence[tuple[Any, ...]]) -> list[Letter]:
    classifier = current()
    esps = set(Provider.objects.exclude(kind=Provider.Kind.SMTP).values_list("pk", flat=True))
    found = []
    for row in rows:
        provider_id, code, enhanced, reply, _, group = row[4:10]
        recorded = Recorded(code, enhanced, reply, group, provider_id, provider_id not in esps)
        found.append(Letter._make((*row, why(recorded, classifier))))
    return found


def _passes(letter: Letter, source: str, where: DeadFilter) -> bool:
    """What is not asked in SQL: the reason, and the mailbox group of a message."""
    if source == Source.MESSAGES and where.group and mailbox_group(letter.address) != where.group:
        return False
    return not where.reason or where.reason in (letter.why.kind, letter.why.rule)


def every(source: str, where: DeadFilter) -> Iterator[Letter]:
    """Every letter that passes, in stretches: memory stays small however long it takes."""
    before: Key | None = START
    while before is not None:
        found = stretch(source, where, before)
        yield from found.letters
        before = found.last


@dataclass(frozen=True, slots=True)
class Page:
    """before: where the next page begins, None at the end. is_partial: the search was broken off before it was full."""

    letters: list[Letter]
    before: Key | None
    is_partial: bool = False


def page(source: str, where: DeadFilter, before: Key = START, size: int = 50) -> Page:
    """One page of letters that pass."""
    letters: list[Letter] = []
    looked, at = 0, before
    # what filters nothing out needs no longer stretch than the page itself
    limit = STRETCH if where.as_dict() else size + 1
    while looked < LOOKED_A_PAGE:
        found = stretch(source, where, at, limit)
        letters += found.letters
        looked += found.looked
        if len(letters) > size:
            return Page(letters[:size], letters[size - 1].key)
        if found.last is None:
            return Page(letters, None)
        at = found.last
    return Page(letters, at, is_partial=True)


def count(source: str, where: DeadFilter) -> tuple[int, bool]:
    """How many letters pass, and whether that is all of them: it looks through 10,000 at most."""
    total, looked, at = 0, 0, START
    while looked < LOOKED_A_PAGE:
        found = stretch(source, where, at)
        total += len(found.letters)
        looked += found.looked
        if found.last is None:
            return total, True
        at = found.last
    return total, False
