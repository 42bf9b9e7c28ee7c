"""Turns a template into static text and nodes that render one merge tag each, fast enough for millions of messages.

A plain output such as `{{ lead.first_name | default: "friend" }}` becomes a Python closure (see `closures`) with the
same result as python-liquid; loops and conditions are rendered by python-liquid's own nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from liquid import BoundTemplate, RenderContext
from liquid import Node as LiquidNode
from liquid.builtin.content import ContentNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.exceptions import LiquidError
from liquid.output import LimitedStringIO

from campaigns.content.balance import check_balance
from campaigns.content.closures import compile_node
from campaigns.content.environment import HTML, MAX_NODE_OUTPUT_BYTES, TEXT, MailEnvironment
from campaigns.content.errors import LiquidInvalid, RenderFailed, complaint
from campaigns.content.problems import place
from campaigns.content.walk import bound_ranges

__all__ = ["LiquidInvalid", "Node", "RenderFailed", "parse", "parse_template"]

Context = Mapping[str, object]


class Node:
    """One top-level Liquid construct.

    line, column: its place in the source given to `parse`, counted from 1.
    Two occurrences of the same plain output are the same object, so that a caller may render it once a message.
    """

    __slots__ = ("_run", "column", "line", "source")

    def __init__(self, run: Callable[[Context], str], source: str, line: int, column: int) -> None:
        self._run = run
        self.source = source
        self.line = line
        self.column = column

    def __repr__(self) -> str:
        return f"Node({self.source!r}, line {self.line}, column {self.column})"

    def render(self, context: Context) -> str:
        """The text of this construct for one recipient; escaped when it was parsed for HTML.

        context: JSON-native values only; what it lacks renders as nothing.
        Raises RenderFailed with the place in the template.
        """
        try:
            return self._run(context)
        except Exception as error:  # whatever a value makes a filter do ends as a recorded failure of this one message
            raise RenderFailed(complaint(error), self.line, self.column) from error


def parse(source: str, html: bool) -> tuple[str | Node, ...]:
    """Split a template into static text and nodes. No two texts stand side by side.

    html: escape values for HTML; otherwise they are written as they are (plain text, subject).
    Raises LiquidInvalid, with line and column, when the template has a mistake.
    """
    template = parse_template(source, html)
    parts: list[str | Node] = []
    seen: dict[str, Node] = {}
    for liquid_node in template.nodes:
        if isinstance(liquid_node, ContentNode):
            if parts and isinstance(parts[-1], str):
                parts[-1] += liquid_node.text
            else:
                parts.append(liquid_node.text)
        elif not isinstance(liquid_node, CommentNode):
            parts.append(_node(liquid_node, template, source, seen))
    return tuple(parts)


def parse_template(source: str, html: bool) -> BoundTemplate:
    """The syntax tree of a template, checked and with its ranges bounded. Raises LiquidInvalid."""
    check_balance(source)
    environment: MailEnvironment = HTML if html else TEXT
    try:
        template = environment.from_string(source)
    except LiquidError as error:
        index = error.token.start_index if error.token and error.token.start_index >= 0 else 0
        raise LiquidInvalid(complaint(error), source, index) from error
    bound_ranges(template)
    return template


def _node(liquid_node: LiquidNode, template: BoundTemplate, source: str, seen: dict[str, Node]) -> Node:
    run = compile_node(liquid_node, template)
    token = liquid_node.token
    line, column = place(source, token.start_index)
    if run is None:
        return Node(_slow(liquid_node, template), token.value, line, column)
    if token.value not in seen:
        seen[token.value] = Node(run, token.value, line, column)
    return seen[token.value]


def _slow(liquid_node: LiquidNode, template: BoundTemplate) -> Callable[[Context], str]:
    """Rendering by python-liquid itself, one fresh context a call: nothing leaks from one recipient to the next."""

    def run(context: Context) -> str:
        buffer = LimitedStringIO(limit=MAX_NODE_OUTPUT_BYTES)
        liquid_node.render(RenderContext(template, globals=context), buffer)
        return buffer.getvalue()

    return run
