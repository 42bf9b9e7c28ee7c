"""The quick roads of rendering have the result of the slow ones: values looked up once, large pieces handed on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.content.liquid import Node, parse
from delivery.engine import message
from delivery.engine.message import Mailbox, MessageHead, MessageTemplate, Part, RenderFailed
from delivery.engine.qp import encode_value, is_plain_value

HTML = (
    "<p>{{ lead.a }} {{ lead.b }}{{ lead.c.a }}{{ lead.c.b.a }} {{ a }}{{ lead }}{{ lead.a | upcase }}"
    "{{ b.size }} {{ lead['a'] }}{{ lead.c[0] }}{% if a %}yes{{ a }}{% endif %}{{ lead.a }}</p>"
)
TEXT = "{{ lead.a }}\n{{ lead.c.a }} {{ a }} {{ lead.b | default: 'friend' }}{{ lead.c.b.a }}"
HEAD = MessageHead("ann@example.com", "Ann", "m1@acme.example", datetime(2026, 3, 1, tzinfo=UTC))
words = st.text("Ab .=&<>'\"\r\né", max_size=6) | st.text(max_size=4) | st.just("x" * 80)
scalars = words | st.integers(-5, 5) | st.booleans() | st.none() | st.floats(allow_nan=False)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner), max_leaves=8
)
contexts = st.dictionaries(st.sampled_from(["a", "b", "lead"]), values) | st.fixed_dictionaries(
    {"lead": st.fixed_dictionaries({}, optional={"a": words, "b": words, "c": st.dictionaries(st.just("a"), words)})}
)


class Slow:
    """A node without a path."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def render(self, context: Mapping[str, object]) -> str:
        return self._node.render(context)


def template(*, slow: bool, html: str = HTML, text: str = TEXT) -> MessageTemplate:
    def parts(source: str, *, html: bool) -> list[Part]:
        found: Sequence[Any] = parse(source, html=html)
        nodes = {id(node): Slow(node) for node in found if isinstance(node, Node)}
        return [nodes[id(part)] if slow and isinstance(part, Node) else part for part in found]

    return MessageTemplate(
        ["Hi"], parts(html, html=True), parts(text, html=False), Mailbox("news@acme.example", "Acme"), []
    )


QUICK, SLOW = template(slow=False), template(slow=True)


def rendered(one: MessageTemplate, context: Mapping[str, object]) -> bytes | str:
    try:
        data = one.render(context, HEAD).data
    except RenderFailed as failure:
        return str(failure)
    return re.sub(rb"=_a_[0-9a-f]+", b"boundary", data)


@settings(max_examples=400, deadline=None)
@given(contexts)
@example({"lead": {"a": "Ann & Bob", "c": {"a": "."}}, "a": "<b>"})
@example({"lead": "abc", "a": ""})
@example({"lead": ["a"], "a": {"a": "x"}})
def test_values_that_are_looked_up_once_come_out_as_if_rendered_each(context: dict[str, Any]) -> None:
    assert rendered(QUICK, context) == rendered(SLOW, context)


def test_paths_are_known_of_plain_values_alone() -> None:
    paths = {part.source.strip("{} "): part.path for part in parse(HTML, html=True) if isinstance(part, Node)}
    assert {source: path for source, path in paths.items() if path} == {
        "lead.a": ("lead", "a"),
        "lead.b": ("lead", "b"),
        "lead.c.a": ("lead", "c", "a"),
        "lead.c.b.a": ("lead", "c", "b", "a"),
        "a": ("a",),
        "lead": ("lead",),
        "lead['a']": ("lead", "a"),
    }


@given(st.text("Ab .=&<>'\"~-", max_size=80) | st.text(max_size=10))
@example("x" * 75)
@example("x" * 76)
@example(".")
def test_a_plain_value_is_its_own_encoding_in_every_part(value: str) -> None:
    if is_plain_value(value):
        assert encode_value(value) == value.encode("ascii")
        assert not re.search("[&<>'\"]", value)


@pytest.mark.parametrize("limit", [1, 40, 10_000])
def test_large_static_pieces_are_shared_and_nothing_else_changes(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    html = "<p>" + "static & long, " * 20 + "</p>" + HTML + "<i>é</i>" * 30
    monkeypatch.setattr(message, "LARGE_BYTES", 10**9)
    whole = template(slow=False, html=html)
    monkeypatch.setattr(message, "LARGE_BYTES", limit)
    cut = template(slow=False, html=html)
    one, other = ({"lead": {"a": name, "c": {"a": "x"}}, "a": "y"} for name in ("Ann", "Łódź"))
    for context in (one, other):
        assert rendered(cut, context) == rendered(whole, context)
        assert len(whole.render(context, HEAD).pieces) == 1
    pieces, more = cut.render(one, HEAD).pieces, cut.render(other, HEAD).pieces
    assert all(piece.isascii() for piece in pieces[1:])
    shared = [piece for piece, same in zip(pieces, more, strict=True) if piece is same]
    assert len(shared) > 1 if limit < 100 else not shared
