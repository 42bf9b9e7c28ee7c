"""Phrases that replies are searched for: words with `*`, `#` and `|`, matched word by word, never as regexes.

    mailbox * full       the two words with up to eight others between them
    block*               a word that begins so; `*` may stand anywhere in a word
    s31##                digits: at least as many as there are `#`
    no such user|person  one of several words

Case, punctuation, hyphens and line ends do not count; every address in a text is the word `@`. Matching takes at
most as many steps as the words of the text times the words of the phrase times eight, whatever an operator wrote and
whatever a server answers.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_TEXT = 1000
MAX_PHRASE = 300
MAX_ELEMENTS = 12
MAX_GAPS = 3
MAX_STARS = 2
GAP_WORDS = 8
ANCHOR_LETTERS = 2
# glob patterns see no more of a word than this: two stars in it cost 10,000 steps at most
_WORD_SEEN = 100

_BESIDE_ADDRESS = " \t\n<>\"'(),:;"
_DOMAIN = re.compile(r"[^\s<>\"'(),:;]*")
_WORD = re.compile(r"https?://\S+|[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+|[^\W_]+|@")
_PATTERN_WORD = re.compile(r"[a-z0-9*#-]{1,63}(?:\.[a-z0-9*#-]{1,63})+|(?:[^\W_]|[*#])+|@")
_SIGNS = re.compile(r"\\\*|(?:\\#)+")
# words that stand in so many replies that looking a phrase up by them narrows nothing down
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "the your you this that not does is was has been are to from for with mail email message address recipient user"
        " mailbox account error rejected access server please host",
    )
)


class BadPhrase(ValueError):
    """A phrase that cannot be used; the text says why and what to write instead."""


def normalised(text: str) -> str:
    """The text in lower case with short forms spelt out: "doesn't" and "cannot" become two words each."""
    text = text[:MAX_TEXT].lower().replace("\u2019", "'").replace("e-mail", "email")
    if "'" in text:
        text = text.replace("can't", "can not").replace("won't", "will not").replace("n't", " not").replace("'s", "")
    return text.replace("cannot", "can not")


def _without_addresses(text: str) -> str:
    """The text with `@` for each address: what people call their mailboxes and domains says nothing of a refusal."""
    first, *others = text.split("@")
    # the first match of a pattern that may be empty is at the beginning
    parts = [first, *(_DOMAIN.sub("", other, count=1) for other in others)]
    return " @ ".join([*map(_without_local_part, parts[:-1]), parts[-1]])


def _without_local_part(text: str) -> str:
    return text[: max(map(text.rfind, _BESIDE_ADDRESS)) + 1]


class Words:
    """A reply cut into words. text: normalised. words: in order. where: each word's places."""

    __slots__ = ("text", "where", "words")

    def __init__(self, text: str) -> None:
        self.text = normalised(text)
        seen = _without_addresses(self.text) if "@" in self.text else self.text
        self.words: list[str] = _WORD.findall(seen)
        self.where: dict[str, list[int]] = defaultdict(list)
        for place, word in enumerate(self.words):
            self.where[word].append(place)


@dataclass(frozen=True, slots=True)
class Glob:
    """A word with `*` or `#` in it. start: the letters before the first of them. piece: its longest run of letters.

    What has no dot and does not begin with `*` leaves names of hosts alone: `spam*` is not `spam.example.com`.
    """

    source: str
    start: str
    piece: str
    is_for_hosts: bool
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, source: str) -> Glob:
        pieces = re.split(r"[*#]", source)
        is_for_hosts = "." in source or source.startswith("*")
        pattern = re.compile(_SIGNS.sub(_sign, re.escape(source)))
        return cls(source, pieces[0], max(pieces, key=len), is_for_hosts, pattern)

    def fits(self, word: str) -> bool:
        if "." in word and not self.is_for_hosts:
            return False
        return word.startswith(self.start) and self.pattern.fullmatch(word[:_WORD_SEEN]) is not None


def _sign(signs: re.Match[str]) -> str:
    # a run of "#" becomes one quantifier: two beside each other could share digits in many ways
    return ".*" if signs[0] == r"\*" else rf"[0-9]{{{signs[0].count('#')},}}"


@dataclass(frozen=True, slots=True)
class Element:
    """One place of a phrase: any of `words`, or a word that one of `globs` matches whole."""

    words: frozenset[str]
    globs: tuple[Glob, ...] = ()

    def fits(self, word: str) -> bool:
        return word in self.words or any(glob.fits(word) for glob in self.globs)

    def is_telling(self) -> bool:
        """False when one of the alternatives could match nearly any word."""
        pieces = [*self.words, *(glob.piece for glob in self.globs)]
        return all(len(piece) >= ANCHOR_LETTERS for piece in pieces)

    def places(self, text: Words) -> set[int]:
        if not self.globs:
            return {place for word in self.words.intersection(text.where) for place in text.where[word]}
        return {place for word, places in text.where.items() if self.fits(word) for place in places}


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase ready for use. elements: None stands for a gap of up to eight words."""

    source: str
    elements: tuple[Element | None, ...]

    def found_in(self, text: Words) -> bool:
        """True when the phrase stands somewhere in the text."""
        for element in self.elements:
            if element is not None and not element.globs and element.words.isdisjoint(text.where):
                return False
        first = self.elements[0]
        ends = first.places(text) if first is not None else set()
        reach = 1
        for element in self.elements[1:]:
            if not ends:
                return False
            if element is None:
                reach = GAP_WORDS + 1
                continue
            last = len(text.words)
            ahead = {place + step for place in ends for step in range(1, reach + 1) if place + step < last}
            ends = {place for place in ahead if element.fits(text.words[place])}
            reach = 1
        return bool(ends)


def parse_phrase(source: str) -> Phrase:
    """Read one phrase. Raises BadPhrase with a sentence that names the cure."""
    if len(source) > MAX_PHRASE:
        raise BadPhrase(f"“{source[:30]}…” is longer than {MAX_PHRASE} characters: a few telling words are enough.")
    elements: list[Element | None] = []
    for part in normalised(source).split():
        if set(part) == {"*"}:
            if elements and elements[-1] is not None:
                elements.append(None)
        else:
            elements.extend(_elements(part, source))
    while elements and elements[-1] is None:
        elements.pop()
    _check(elements, source)
    return Phrase(source, tuple(elements))


def _elements(part: str, source: str) -> list[Element]:
    alternatives = [_PATTERN_WORD.findall(one) for one in part.split("|")]
    if len(alternatives) == 1:
        return [_element([word], source) for word in alternatives[0]]
    if any(len(words) != 1 for words in alternatives):
        raise BadPhrase(f"“{source}”: on each side of a | stands one word; write longer choices on lines of their own.")
    return [_element([words[0] for words in alternatives], source)]


def _element(words: Sequence[str], source: str) -> Element:
    globs: list[Glob] = []
    for word in words:
        if "*" not in word and "#" not in word:
            continue
        if word.count("*") > MAX_STARS:
            raise BadPhrase(f"“{source}”: “{word}” has more than {MAX_STARS} *: shorten it.")
        globs.append(Glob.of(word))
    return Element(frozenset(words) - {glob.source for glob in globs}, tuple(globs))


def _check(elements: Sequence[Element | None], source: str) -> None:
    if len(elements) > MAX_ELEMENTS:
        raise BadPhrase(f"“{source[:60]}” has more than {MAX_ELEMENTS} words: keep those that tell.")
    if sum(element is None for element in elements) > MAX_GAPS:
        raise BadPhrase(f"“{source}” has more than {MAX_GAPS} * between words: split it into two lines.")
    if not any(element is not None and element.is_telling() for element in elements):
        raise BadPhrase(f"“{source}” would match nearly everything: give it a word of two letters at least.")


Candidates = dict[int, list[Phrase]]


class PhraseIndex:
    """Finds the phrases of many sets that may stand in a text, without trying each.

    sets: phrases by the number of their set. A text's words lead to a few dozen of some 500 phrases.
    """

    def __init__(self, sets: Mapping[int, Sequence[Phrase]]) -> None:
        self._by_word: dict[str, list[tuple[int, Phrase]]] = defaultdict(list)
        self._by_start: dict[str, list[tuple[int, Phrase, Glob]]] = defaultdict(list)
        self._by_piece: dict[str, list[tuple[int, Phrase]]] = defaultdict(list)
        for number, phrases in sets.items():
            for phrase in phrases:
                self._add(number, phrase)

    def _add(self, number: int, phrase: Phrase) -> None:
        element = _best_element(phrase)
        for word in element.words:
            self._by_word[word].append((number, phrase))
        for glob in element.globs:
            if len(glob.start) >= ANCHOR_LETTERS:
                self._by_start[glob.start[:ANCHOR_LETTERS]].append((number, phrase, glob))
            else:
                self._by_piece[glob.piece].append((number, phrase))

    def candidates(self, text: Words) -> Candidates:
        """Phrases of each set that may stand in the text; a set without any has none that does."""
        found: Candidates = defaultdict(list)
        for word in text.where:
            for number, phrase in self._by_word.get(word, ()):
                found[number].append(phrase)
            for number, phrase, glob in self._by_start.get(word[:ANCHOR_LETTERS], ()):
                if glob.fits(word):
                    found[number].append(phrase)
        for piece, phrases in self._by_piece.items():
            if piece in text.text:
                for number, phrase in phrases:
                    found[number].append(phrase)
        return found


def _best_element(phrase: Phrase) -> Element:
    return max((one for one in phrase.elements if one is not None and one.is_telling()), key=_worth)


def _worth(element: Element) -> tuple[int, int]:
    """Whole rare words are worth most, then beginnings, then pieces; the shortest alternative counts."""
    ranks = [0 if word in _COMMON else 3 for word in element.words]
    ranks += [2 if len(glob.start) >= ANCHOR_LETTERS else 1 for glob in element.globs]
    return min(ranks), min([*map(len, element.words), *(len(glob.piece) for glob in element.globs)])
