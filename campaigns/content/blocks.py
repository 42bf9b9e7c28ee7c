"""Compiles conditions, and what stands inside them, to closures; loops are left to python-liquid."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from liquid import BlockNode, BoundTemplate, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import BooleanExpression
from liquid.builtin.expressions.logical import (
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LogicalAndExpression,
    LogicalOrExpression,
    LtExpression,
    NeExpression,
    _contains,
    _eq,
    _le,
    _lt,
    is_truthy,
)
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.expression import Expression

from campaigns.content.closures import Context, Getter, Renderer, compile_getter, compile_output

Branch = tuple[Callable[[Context], bool], Renderer]


def compile_node(node: Node, template: BoundTemplate) -> Renderer | None:
    """A closure with the result of `node`, or None when only python-liquid can render it."""
    if isinstance(node, OutputNode):
        return compile_output(node.expression, template)
    if isinstance(node, ContentNode):
        text = node.text
        return lambda _: text
    if isinstance(node, CommentNode):
        return lambda _: ""
    if isinstance(node, IfNode | UnlessNode):
        return _compile_choice(node, template)
    return None


def _compile_choice(node: IfNode | UnlessNode, template: BoundTemplate) -> Renderer | None:
    first = _compile_test(node.condition, template)
    if first is not None and isinstance(node, UnlessNode):
        wanted = first
        first = lambda context: not wanted(context)  # noqa: E731
    tests = [first, *(_compile_test(branch.expression, template) for branch in node.alternatives)]
    blocks = [node.consequence, *(branch.block for branch in node.alternatives)]
    renderers = [_compile_block(block, template) for block in blocks]
    otherwise = _compile_block(node.default, template) if node.default else lambda _: ""
    branches: list[Branch] = []
    for test, renderer in zip(tests, renderers, strict=True):
        if test is None or renderer is None:
            return None
        branches.append((test, renderer))
    if otherwise is None:
        return None
    return _choose(tuple(branches), otherwise)


def _choose(branches: tuple[Branch, ...], otherwise: Renderer) -> Renderer:
    def render(context: Context) -> str:
        for test, renderer in branches:
            if test(context):
                return renderer(context)
        return otherwise(context)

    return render


def _compile_block(block: BlockNode, template: BoundTemplate) -> Renderer | None:
    """A block of nothing but white space renders as nothing, as in Liquid everywhere."""
    renderers = _all_compiled(block.nodes, template)
    if renderers is None:
        return None
    if block.blank:
        return lambda context: "".join([render(context) for render in renderers])[:0]
    if len(renderers) == 1:
        return renderers[0]
    return lambda context: "".join([render(context) for render in renderers])


def _all_compiled(nodes: Iterable[Node], template: BoundTemplate) -> tuple[Renderer, ...] | None:
    compiled = []
    for node in nodes:
        renderer = compile_node(node, template)
        if renderer is None:
            return None
        compiled.append(renderer)
    return tuple(compiled)


def _compile_test(expression: Expression, template: BoundTemplate) -> Callable[[Context], bool] | None:
    value = _compile_value(expression, template)
    return None if value is None else lambda context: is_truthy(value(context))


def _compile_value(expression: Expression, template: BoundTemplate) -> Getter | None:
    if isinstance(expression, BooleanExpression):
        return _compile_value(expression.expression, template)
    combine = _combiner(expression)
    if combine is None:
        return compile_getter(expression, template)
    left = _compile_value(expression.left, template)  # type: ignore[attr-defined]
    right = _compile_value(expression.right, template)  # type: ignore[attr-defined]
    if left is None or right is None:
        return None
    if isinstance(expression, LogicalAndExpression):
        return lambda context: is_truthy(left(context)) and is_truthy(right(context))
    if isinstance(expression, LogicalOrExpression):
        return lambda context: is_truthy(left(context)) or is_truthy(right(context))
    return lambda context: combine(left(context), right(context))


def _combiner(expression: Expression) -> Callable[[Any, Any], Any] | None:
    """python-liquid's own comparison for an expression with two sides, or None for other expressions."""
    token = expression.token
    if isinstance(expression, EqExpression):
        return _eq
    if isinstance(expression, NeExpression):
        return lambda left, right: not _eq(left, right)
    if isinstance(expression, LtExpression):
        return lambda left, right: _lt(token, left, right)
    if isinstance(expression, GtExpression):
        return lambda left, right: _lt(token, right, left)
    if isinstance(expression, LeExpression):
        return _le
    if isinstance(expression, GeExpression):
        return lambda left, right: _le(right, left)
    if isinstance(expression, ContainsExpression):
        return lambda left, right: _contains(token, left, right)
    if isinstance(expression, LogicalAndExpression | LogicalOrExpression):
        return operator.and_  # its two sides are not both evaluated: see _compile_value
    return None
