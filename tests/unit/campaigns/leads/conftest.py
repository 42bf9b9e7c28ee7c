"""Reading a file through all of the parts that need no database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from campaigns.addresses import AddressInvalid
from campaigns.leads.plan import FilePlan, open_records, plan_source
from campaigns.leads.records import BadLine
from campaigns.leads.rows import RowMaker
from campaigns.leads.source import open_source
from campaigns.leads.values import LineRefused


class Read:
    """leads: {column: text} a line that was taken. rejected: {line number: reason}. warnings: {line number: texts}."""

    def __init__(self, path: Path, mapping: dict[str, str]) -> None:
        self.leads: list[dict[str, str]] = []
        self.rejected: dict[int, str] = {}
        self.warnings: dict[int, list[str]] = {}
        with open_source(path) as source:
            self.plan: FilePlan = plan_source(source, mapping)
            self.maker = RowMaker(self.plan.columns)
            with open_records(source, self.plan) as records:
                for number, record in records:
                    self._take(number, record)

    def _take(self, number: int, record: list[str] | BadLine) -> None:
        if isinstance(record, BadLine):
            self.rejected[number] = record.reason
            return
        try:
            cells = self.maker.line(number, record).removesuffix("\n").split("\t")
        except (AddressInvalid, LineRefused) as error:
            self.rejected[number] = str(error)
            return
        self.leads.append(dict(zip(self.maker.staged_columns, cells, strict=True)))
        if self.maker.warnings:
            self.warnings[number] = [str(warned) for warned in self.maker.warnings]
            self.maker.warnings.clear()

    @property
    def emails(self) -> list[str]:
        return [lead["email"] for lead in self.leads]

    @property
    def targets(self) -> list[str]:
        return [column.target for column in self.plan.columns]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Read]:
    """Write a file and read it: read(content, name="leads.csv", **mapping); mapping keys may be given as a dict."""

    def read_content(content: str | bytes, mapping: dict[str, str] | None = None, name: str = "leads.csv") -> Read:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Read(path, mapping or {})

    return read_content
