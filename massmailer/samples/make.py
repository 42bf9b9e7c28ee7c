"""A file of invented people as a shop's export would look, with some lines bad on purpose.

    python -m massmailer.samples.make leads.csv [COUNT]

The same count always gives the same file. Nobody in it exists: all addresses are in the domains that RFC 2606 keeps
for examples.
"""

from __future__ import annotations

import csv
import random
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from massmailer.samples.people import COUNTRIES, Country

HEADERS = (
    "E-mail", "First name", "Last name", "Language", "Time zone", "City", "Plan", "Last order total", "Newsletter",
    "Customer since", "Tags",
)  # fmt: skip
DOMAINS = (
    "example.com", "example.org", "example.net", "mail.example.com", "post.example.org", "inbox.example.net",
    "letters.example.com", "home.example.org",
)  # fmt: skip
TAGS = ("vip", "shoes", "garden", "books", "early bird", "wholesale", "beta")
REPEATED = 4
SEED = 1_957

# what people really do to addresses and lines; the person's other values stand beside them
BAD_ADDRESSES = (
    "anna.example.com", "bert@@example.com", "", "carla@", "@example.org", "dora lind@example.com",
    "emil..berg@example.net", "frieda@example", "n/a", "x" * 260 + "@example.com",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """How many lines of which sort stand in the file."""

    people: int
    repeated: int
    bad: int


def write_sample_leads(path: str | Path, count: int = 2000) -> Written:
    """Write `count` people, a few of them twice, and a dozen bad lines to a UTF-8 CSV file."""
    rng = random.Random(SEED)  # noqa: S311  # the same people every time, no secrets
    people = [_person(rng, number) for number in range(count)]
    rows = [*people, *rng.sample(people, min(REPEATED, count)), *_bad_rows(people)]
    rng.shuffle(rows)
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADERS)
        writer.writerows(rows)
    return Written(people=count, repeated=min(REPEATED, count), bad=len(rows) - count - min(REPEATED, count))


def _person(rng: random.Random, number: int) -> list[str]:
    country: Country = rng.choice(COUNTRIES)
    first, plain_first = _pick(rng, country.first_names)
    last, plain_last = _pick(rng, country.last_names)
    total = 0.0 if rng.random() < 0.15 else rng.lognormvariate(3.8, 0.7)
    return [
        f"{plain_first}.{plain_last}{number}@{rng.choice(DOMAINS)}",
        first,
        last,
        country.language,
        country.time_zone,
        rng.choice(country.cities.split()),
        rng.choices(("free", "basic", "pro"), (5, 3, 2))[0],
        f"{total:.2f}",
        rng.choices(("true", "false"), (9, 1))[0],
        f"20{rng.randrange(15, 26)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
        ", ".join(sorted(rng.sample(TAGS, rng.choices((0, 1, 2, 3), (4, 3, 2, 1))[0]))),
    ]


def _pick(rng: random.Random, names: str) -> tuple[str, str]:
    """A name as it is written, and as it stands in an address."""
    written, _, plain = rng.choice(names.split()).partition("=")
    return written, plain or _ascii(written)


def _ascii(name: str) -> str:
    # letters that Unicode does not take apart, the last a dotless i
    letters = name.lower().replace("ł", "l").replace("ß", "ss").replace("\u0131", "i")
    return "".join(letter for letter in unicodedata.normalize("NFKD", letters) if letter.isascii())


def _bad_rows(people: list[list[str]]) -> Iterator[list[str]]:
    model = people[0] if people else [""] * len(HEADERS)
    for address in BAD_ADDRESSES:
        yield [address, *model[1:]]
    # a comma that should have been quoted, and a line that was cut off
    yield ["gustav@example.com", "Gustav", "Holm", "sv", "Europe/Stockholm", "Malmö", " Limhamn", *model[6:]]
    yield ["hanna@example.com", "Hanna", "Ek"]


if __name__ == "__main__":
    written = write_sample_leads(sys.argv[1], *map(int, sys.argv[2:3]))
    sys.stdout.write(f"{written.people} people, {written.repeated} repeated and {written.bad} bad lines\n")
