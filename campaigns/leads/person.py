"""One person across all apps: the registries through which layers above say what they keep, and forget it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from campaigns import addresses


class Person(NamedTuple):
    """Whom it is about. lead_id: 0 where no lead has this address. address: normalised."""

    lead_id: int
    address: str

    @property
    def digest(self) -> bytes:
        return addresses.digest(self.address)


Row = Mapping[str, Any]
Exporter = Callable[[Person], Iterable[Row]]
Eraser = Callable[[Person], None]
_exporters: dict[str, Exporter] = {}
_erasers: list[Eraser] = []


def register_exporter(section: str, exporter: Exporter) -> None:
    """Add a section to the export of a person: `exporter` gives its rows, of values that JSON has or that str() shows.

    Call it in AppConfig.ready(). A section can be taken once: raises ValueError.
    """
    if _exporters.setdefault(section, exporter) != exporter:
        raise ValueError(f"the section {section} is registered already")


def register_person_eraser(eraser: Eraser) -> None:
    """Add what a layer above keeps about addresses, also of people who are no leads.

    Called in the transaction that erases, before the lead is deleted, and again for whom was erased before: it must
    do no harm twice. Call it in AppConfig.ready(); the same function is added once.
    """
    if eraser not in _erasers:
        _erasers.append(eraser)


def sections() -> list[tuple[str, Exporter]]:
    """In alphabetical order."""
    return sorted(_exporters.items())


def erasers() -> tuple[Eraser, ...]:
    return tuple(_erasers)
