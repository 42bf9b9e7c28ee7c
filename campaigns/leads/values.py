"""From the text of a cell to the value of a field. A value that is no good is left out with a warning.

Only a bad address or status costs the whole line: mailing somebody who may have unsubscribed is worse than a line in
the report, while a lead without a time zone is still a lead.
"""

from __future__ import annotations

import functools
import json
import re
import zoneinfo
from collections.abc import Callable, Sequence

from django.conf.locale import LANG_INFO

from campaigns.leads import statuses
from campaigns.leads.guard import unguard

MAX_NAME = 100
MAX_LANGUAGE = 12
MAX_TAG = 64
MAX_TAGS = 100
MAX_ATTRIBUTE = 10_000
MAX_ATTRIBUTES_JSON = 50_000
MAX_NESTING = 10

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_LANGUAGE_BY_NAME = {
    str(info[key]).casefold(): code for code, info in LANG_INFO.items() for key in ("name", "name_local") if key in info
}
_TAG_SEPARATOR = re.compile(r"[,;|]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
# no zero at the end of a fraction: as a number 19.90 would be printed as 19.9, so such a column stays text
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{0,5}[1-9])?")


class ValueRefused(ValueError):
    """The value is left out; the message says why, to the person."""


class LineRefused(ValueError):
    """The value makes the whole line unusable; the message says why, to the person."""


def clean(text: str) -> str:
    """The value of a cell: trimmed, and without the apostrophe that guards a spreadsheet."""
    text = text.strip()
    return unguard(text) if text[:1] == "'" else text


@functools.lru_cache(maxsize=20_000)
def name(text: str) -> str:
    """A name in one line. Raises ValueRefused above MAX_NAME characters."""
    text = clean(text)
    if not text.isprintable():
        # a line end in a name would end the To: header
        text = _one_line(text)
    if len(text) > MAX_NAME:
        raise ValueRefused(f"longer than {MAX_NAME} characters")
    return text


def split_name(text: str) -> tuple[str, str]:
    """First and last name from a whole one: "Ann B. Ames" and "Ames, Ann B." alike; one word is a first name."""
    text = name(text)
    last, comma, first = text.partition(",")
    if comma and first.strip():
        return first.strip(), last.strip()
    first, _, last = text.rpartition(" ")
    return (first.strip(), last) if first else (last, "")


@functools.lru_cache(maxsize=4096)
def language(text: str) -> str:
    """ "de", "pt-br" from "DE", "pt_BR", "German" or "Deutsch". Raises ValueRefused."""
    text = clean(text).casefold()
    if not text:
        return ""
    code = _LANGUAGE_BY_NAME.get(text) or text.replace("_", "-")
    if len(code) > MAX_LANGUAGE or not _LANGUAGE.fullmatch(code):
        raise ValueRefused("not a language; write a code such as en or pt-BR")
    return code


@functools.cache
def _time_zones() -> dict[str, str]:
    names = zoneinfo.available_timezones() - {"localtime", "posixrules", "Factory"}
    return {zone.casefold(): zone for zone in names}


@functools.lru_cache(maxsize=4096)
def time_zone(text: str) -> str:
    """The name of a time zone in its official spelling. Raises ValueRefused.

    Source: the IANA time zone database of this machine.
    """
    text = clean(text)
    zone = _time_zones().get(text.casefold().replace(" ", "_")) if text else ""
    if zone is None:
        raise ValueRefused("not a time zone; write a name such as Europe/Berlin")
    return zone


@functools.lru_cache(maxsize=4096)
def status(text: str) -> str:
    """The status of a lead. Raises LineRefused: guessing here could mail somebody who said no."""
    text = clean(text)
    found = statuses.known(text) if text else ""
    if found is None:
        raise LineRefused("The status is unknown; write subscribed, unsubscribed, bounced or complained.")
    return found


@functools.lru_cache(maxsize=4096)
def tags(text: str) -> str:
    """Tags of "a, b; c" or of a JSON array, as the text of a PostgreSQL array. Raises ValueRefused."""
    text = clean(text)
    if not text:
        return ""
    found = _json_tags(text) if text.startswith("[") else map(_one_line, _TAG_SEPARATOR.split(text))
    kept = [tag for tag in dict.fromkeys(found) if tag]
    if any(len(tag) > MAX_TAG for tag in kept):
        raise ValueRefused(f"a tag is longer than {MAX_TAG} characters")
    if len(kept) > MAX_TAGS:
        raise ValueRefused(f"more than {MAX_TAGS} tags")
    return "{" + ",".join('"' + tag.replace("\\", "\\\\").replace('"', '\\"') + '"' for tag in kept) + "}"


def _one_line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())


def _json_tags(text: str) -> list[str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueRefused("begins like a JSON array and is none") from error
    if not isinstance(found, list) or not all(isinstance(tag, str) for tag in found):
        raise ValueRefused("not a JSON array of texts")
    return [_storable(tag) for tag in found]


def attributes(text: str) -> str:
    """A JSON object of attributes, as JSON that PostgreSQL takes. Raises ValueRefused."""
    if not text.strip():
        return ""
    if len(text) > MAX_ATTRIBUTES_JSON:
        raise ValueRefused(f"longer than {MAX_ATTRIBUTES_JSON:,} characters")
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
        if not isinstance(found, dict):
            raise ValueRefused('not a JSON object such as {"city": "Oslo"}')
        _check_depth(found, MAX_NESTING)
        return _storable(json.dumps(found, ensure_ascii=False, allow_nan=False))
    except ValueRefused:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueRefused(f"not valid JSON ({error})") from error


def _refuse_constant(constant: str) -> object:
    raise ValueRefused(f"{constant} is not JSON")


def _check_depth(value: object, left: int) -> None:
    if left < 0:
        raise ValueRefused(f"nested deeper than {MAX_NESTING} levels")
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        _check_depth(child, left - 1)


def _storable(text: str) -> str:
    # PostgreSQL's text has neither NUL nor lone surrogates, which \u escapes in JSON can spell
    if "\0" in text or "\\u0000" in text or any("\ud800" <= mark <= "\udfff" for mark in text):
        raise ValueRefused("has a character that cannot be stored")
    return text


class AttributeValues:
    """Checks the values of one attribute column and watches which JSON type all of them share.

    `kind` is "number" or "boolean" only while every value so far is one: a column with a single "n/a" or "01067" in
    it stays text throughout, so that one attribute never has two types in one file.
    """

    def __init__(self) -> None:
        self._kind = ""

    @property
    def kind(self) -> str:
        """ "number", "boolean" or "text"."""
        return self._kind or "text"

    def __call__(self, text: str) -> str:
        """The value of one cell. Raises ValueRefused above MAX_ATTRIBUTE characters."""
        text = clean(text)
        if text and self._kind != "text":
            self._watch(text)
        if len(text) > MAX_ATTRIBUTE:
            raise ValueRefused(f"longer than {MAX_ATTRIBUTE:,} characters")
        return text

    def column(self, cells: Sequence[str]) -> Sequence[str]:
        """As one call for each cell, at a third of the cost. Raises ValueRefused where one of the calls would."""
        texts = list(map(str.strip, cells))
        together = "".join(texts)
        if "'" in together or len(together) > MAX_ATTRIBUTE:
            return [self(text) for text in texts]
        if self._kind != "text" and not (self._kind == "number" and all(map(_NUMBER.fullmatch, filter(None, texts)))):
            for text in filter(None, dict.fromkeys(texts)):
                self._watch(text)
        return texts

    def _watch(self, text: str) -> None:
        kind = "number" if _NUMBER.fullmatch(text) else "boolean" if text.lower() in ("true", "false") else "text"
        self._kind = kind if self._kind in ("", kind) else "text"


Converter = Callable[[str], str]
