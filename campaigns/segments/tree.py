"""From JSON to a checked tree: every mistake at once, each with its place."""

from __future__ import annotations

import json
from dataclasses import dataclass

from campaigns.segments import fields, values
from campaigns.segments.errors import NodeError, SegmentInvalid, ValueInvalid, suggestion
from campaigns.segments.fields import Found

MAX_DEPTH = 8
MAX_NODES = 200
MAX_CHARACTERS = 100_000
MAX_STRANGERS = 5  # unknown keys that are named in one node
_WORDS = ("all", "any", "not", "field", "op", "value")


@dataclass(frozen=True, slots=True)
class Group:
    """All or any of the children; `all` of none is everybody, `any` of none is nobody."""

    word: str
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    child: Node


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison with its checked value."""

    found: Found
    value: object


Node = Group | Not | Leaf
EVERYBODY = Group("all", ())


def parse(condition: object) -> Node:
    """The checked tree of a JSON condition; {} is everybody. Lists are looked up by name in the database.

    Raises SegmentInvalid with every mistake.
    """
    if condition == {} and isinstance(condition, dict):
        return EVERYBODY
    parser = _Parser()
    node = parser.node(condition, "", 1)
    if parser.errors or node is None:
        raise SegmentInvalid(parser.errors)
    return node


class _Parser:
    """One walk over one condition; collects mistakes instead of stopping at the first."""

    def __init__(self) -> None:
        self.errors: list[NodeError] = []
        self.nodes = 0
        self.characters = 0

    def wrong(self, path: str, message: str) -> None:
        self.errors.append(NodeError(path, message))

    def node(self, raw: object, path: str, depth: int) -> Node | None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            if self.nodes == MAX_NODES + 1:
                self.wrong("", f"the condition has more than {MAX_NODES} nodes; use tags, a list or `in` instead")
            return None
        if depth > MAX_DEPTH:
            self.wrong(path, f"nested deeper than {MAX_DEPTH} levels; move this into a tag or a list")
            return None
        if not isinstance(raw, dict):
            self.wrong(path, f'a node must be an object such as {{"all": […]}} or {_example()}, not '
                             f"{values.kind_of(raw)}")  # fmt: skip
            return None
        kinds = [word for word in ("all", "any", "not", "field") if word in raw]
        if len(kinds) != 1:
            self.wrong(path, _wrong_kinds(raw, kinds))
            return None
        if kinds[0] == "field":
            return self.leaf(raw, path)
        self.unknown_keys(raw, path, (kinds[0],))
        child_path = f"{path}.{kinds[0]}" if path else kinds[0]
        if kinds[0] == "not":
            child = self.node(raw["not"], child_path, depth + 1)
            return Not(child) if child else None
        return self.group(kinds[0], raw[kinds[0]], child_path, depth)

    def group(self, word: str, raw: object, path: str, depth: int) -> Node | None:
        if not isinstance(raw, list):
            self.wrong(path, f"must be a list of nodes such as [{_example()}], not {values.kind_of(raw)}")
            return None
        children = []
        for number, child in enumerate(raw):
            if self.nodes > MAX_NODES:
                return None
            children.append(self.node(child, f"{path}[{number}]", depth + 1))
        return Group(word, tuple(child for child in children if child))

    def leaf(self, raw: dict[str, object], path: str) -> Leaf | None:
        self.unknown_keys(raw, path, ("field", "op", "value"))
        field, op, value = raw["field"], raw.get("op"), raw.get("value")
        if not isinstance(field, str):
            self.wrong(path, f"`field` must be the name of a field, not {values.kind_of(field)}")
            return None
        try:
            if not isinstance(op, str):
                raise ValueInvalid(f"`op` must be the name of an operator such as is, not {values.kind_of(op)}")
            found = fields.find(field, op, value)
            self.measure(value)
            return Leaf(found, found.operator.check(value))
        except ValueInvalid as error:
            self.wrong(path, str(error))
            return None

    def measure(self, value: object) -> None:
        """Keep the sum of all values within bounds: they all become parameters of one statement."""
        try:
            self.characters += len(json.dumps(value, default=str))
        except (ValueError, RecursionError) as error:
            raise ValueInvalid("the value is nested too deeply or too long; give one value or a list") from error
        if self.characters > MAX_CHARACTERS:
            raise ValueInvalid(f"the values have more than {MAX_CHARACTERS:,} characters together; use a list or a tag")

    def unknown_keys(self, raw: dict[str, object], path: str, known: tuple[str, ...]) -> None:
        strangers = [key for key in raw if key not in known]
        for key in strangers[:MAX_STRANGERS]:
            near = suggestion(str(key), known)
            self.wrong(path, f"unknown key {values.shown(key)}{near or '; remove it'}")


def _wrong_kinds(raw: dict[str, object], kinds: list[str]) -> str:
    if kinds:
        return f"has {' and '.join(kinds)}; a node has one of all, any, not or field: nest one in the other"
    if not raw:
        return "this node is empty; remove it, or say what it compares"
    hints = [suggestion(str(key), _WORDS) for key in list(raw)[:MAX_STRANGERS]]
    return "a node needs all, any, not or field" + next((hint for hint in hints if hint), f", such as {_example()}")


def _example() -> str:
    return '{"field": "language", "op": "is", "value": "de"}'
