"""The starter e-mails are ready to send."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from campaigns.content import ContentSource, compile_content

STARTERS = sorted((Path(__file__).parents[4] / "templates" / "starters").glob("*.mjml"))


def test_there_are_three() -> None:
    assert [path.stem for path in STARTERS] == ["letter", "newsletter", "product"]


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: path.stem)
def test_a_starter_compiles_without_a_word_of_warning(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    content = compile_content(ContentSource("Hello {{ lead.first_name }}", "", source), attributes=())
    assert content.warnings == ()
    assert content.links
    assert "{{ unsubscribe_url }}" in content.text
    assert "{{ view_url }}" in content.text
    assert "{{ lead.first_name" in content.html
    assert re.search(r"<mj-title>[^<]+</mj-title>", source)


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: path.stem)
def test_a_starter_loads_nothing_from_outside(path: Path) -> None:
    content = compile_content(ContentSource("Hello", "", path.read_text(encoding="utf-8")))
    assert re.findall(r"""(?:src|background|url\()\s*=?\s*["'(]?(https?:[^"')]*)""", content.html) == []
    assert {".example" in link.url for link in content.links} == {True}
