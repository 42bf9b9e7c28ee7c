"""Walks the syntax tree of a template: names it uses, filters, and ranges to bound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from liquid import BoundTemplate, Node, RenderContext
from liquid.builtin.expressions import FilteredExpression, LoopExpression, Path, StringLiteral
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.expression import Expression

from campaigns.content.environment import BoundedRange


@dataclass(frozen=True, slots=True)
class Name:
    """A merge tag's path, such as ("lead", "attributes", "city"); a computed segment is None. index: its place."""

    segments: tuple[str | int | None, ...]
    index: int

    def __str__(self) -> str:
        return ".".join("…" if segment is None else str(segment) for segment in self.segments)


@dataclass(slots=True)
class Usage:
    """What a template uses: names that its own loops do not define, filters, and loops with `offset: continue`."""

    names: list[Name]
    filters: list[Filter]
    continued_loops: list[LoopExpression]


def usage(template: BoundTemplate) -> Usage:
    """What the template uses, in order of appearance."""
    found = Usage([], [], [])
    for node, scope in _nodes(template.nodes, frozenset(), RenderContext(template)):
        for expression in _expressions(node):
            if isinstance(expression, Path) and expression.path[0] not in scope:
                found.names.append(_name(expression))
            elif isinstance(expression, FilteredExpression):
                found.filters.extend(expression.filters or ())
            elif isinstance(expression, LoopExpression) and _continues(expression):
                found.continued_loops.append(expression)
    return found


def bound_ranges(template: BoundTemplate) -> None:
    """Make every `(a..b)` of the template a `BoundedRange`, in place: the parser offers no other door."""
    for node, _ in _nodes(template.nodes, frozenset(), RenderContext(template)):
        for expression in _expressions(node):
            if type(expression) is RangeLiteral:
                expression.__class__ = BoundedRange


def _nodes(
    nodes: Iterable[Node], scope: frozenset[str], context: RenderContext
) -> Iterator[tuple[Node, frozenset[str]]]:
    """Every node with the loop variables that its expressions see."""
    for node in nodes:
        yield node, scope
        yield from _nodes(node.children(context), scope | {str(name) for name in node.block_scope()}, context)


def _expressions(node: Node) -> Iterator[Expression]:
    stack = list(node.expressions())[::-1]
    while stack:
        expression = stack.pop()
        yield expression
        stack.extend(reversed(list(expression.children())))


def _name(path: Path) -> Name:
    segments = tuple(None if isinstance(segment, Path) else segment for segment in path.path)
    return Name(segments, path.token.start_index)


def _continues(loop: LoopExpression) -> bool:
    return isinstance(loop.offset, StringLiteral) and loop.offset.value == "continue"
