"""The guide names every field, operator and alias, and its examples are valid."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from campaigns.models import MailingList
from campaigns.segments import attributes, members, registered_fields, validate
from campaigns.segments.fields import BUILT_IN

GUIDE = (Path(__file__).parents[3] / "docs/marketers/segments.md").read_text()
NAMED = set(re.findall(r"`([^`\n]+)`", GUIDE))


def test_every_field_is_in_the_guide() -> None:
    assert {spec.name for spec in BUILT_IN} <= NAMED
    assert {spec.name for spec in BUILT_IN} <= {spec.name for spec in registered_fields()}


def test_every_operator_and_alias_is_in_the_guide() -> None:
    words = {
        word for spec in BUILT_IN for operator in spec.operators for word in (operator.name, *operator.aliases)
    }  # fmt: skip
    for example in ("x", 1, True):
        words.update(word for table in attributes.tables("x", example) for word in table)
    assert words - NAMED == set()


@pytest.mark.parametrize("example", re.findall(r"```json\n(.*?)```", GUIDE, re.S))
def test_every_example_is_valid(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "MailingList", FakeLists)
    validate(json.loads(example))


class FakeLists:
    """A list for every name, so that no database is needed."""

    class objects:
        @staticmethod
        def filter(**_: object) -> type[FakeLists]:
            return FakeLists

    @staticmethod
    def first() -> MailingList:
        return MailingList(pk=1, name="Newsletter")
