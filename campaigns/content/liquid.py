"""Turns a template into static text and nodes that render one merge tag each, fast enough for millions of messages.

Outputs such as `{{ lead.first_name | default: "friend" }}` and conditions become Python closures (`closures`, `blocks`)
with the same result as python-liquid; loops are rendered by python-liquid's own nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from liquid import BoundTemplate, RenderContext
from liquid import Node as LiquidNode
from liquid.builtin.content import ContentNode
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.exceptions import LiquidError
from liquid.output import LimitedStringIO

from campaigns.content.balance import BLOCK_PARTS, check_balance
from campaigns.content.blocks import compile_node
from campaigns.content.closures import plain_path
from campaigns.content.environment import BLOCK_TAGS, HTML, MAX_NODE_OUTPUT_BYTES, TEXT, MailEnvironment
from campaigns.content.errors import LiquidInvalid, RenderFailed, complaint
from campaigns.content.problems import place
from campaigns.content.scan import Construct, scan
from campaigns.content.walk import bound_ranges

__all__ = ["LiquidInvalid", "Node", "RenderFailed", "parse", "parse_template"]

Context = Mapping[str, object]


class Node:
    """One top-level Liquid construct.

    line, column: its place in the source given to `parse`, counted from 1.
    path: the keys that lead to the one value of the context which it writes, at most escaped; else empty.
    Two occurrences of the same output in one template are the same object, so that a caller may render it once.
    """

    __slots__ = ("_run", "column", "line", "path", "source")

    def __init__(
        self, run: Callable[[Context], str], source: str, line: int, column: int, path: tuple[str, ...] = ()
    ) -> None:
        self._run = run
        self.source = source
        self.line = line
        self.column = column
        self.path = path

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
            line, column = self._place(error)
            raise RenderFailed(complaint(error), line, column) from error

    def _place(self, error: Exception) -> tuple[int, int]:
        """The place inside a block that the error names, or else that of the whole construct."""
        if isinstance(error, LiquidError) and error.token and error.token.start_index >= 0:
            return place(error.token.source, error.token.start_index)
        return self.line, self.column


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
    environment = HTML if html else TEXT
    try:
        template = environment.from_string(source)
    except LiquidError as error:
        raise LiquidInvalid(complaint(error), source, _index_of(error, source, environment)) from error
    bound_ranges(template)
    return template


def _index_of(error: LiquidError, source: str, environment: MailEnvironment) -> int:
    """Where the mistake is: at the token, or, when the parser ran out of tokens, at the construct that it was in."""
    if error.token and error.token.start_index >= 0 and error.token.source == source:
        return error.token.start_index
    for construct in scan(source):
        try:
            environment.from_string(_alone(construct))
        except LiquidError:
            return construct.start
    return 0


def _alone(construct: Construct) -> str:
    """A small template that is right when the construct is right in itself."""
    if construct.kind != "tag" or construct.name.startswith("end"):
        return construct.text if construct.kind == "output" else ""
    if construct.name in BLOCK_TAGS:
        return f"{construct.text}{{% end{construct.name} %}}"
    owner = BLOCK_PARTS.get(construct.name)
    subject = {"if": "true", "unless": "true", "case": "1", "for": "a in b"}
    return f"{{% {owner} {subject[owner]} %}}{construct.text}{{% end{owner} %}}" if owner else ""


def _node(liquid_node: LiquidNode, template: BoundTemplate, source: str, seen: dict[str, Node]) -> Node:
    start = liquid_node.token.start_index
    if not isinstance(liquid_node, OutputNode):
        start = source.rindex("{%", 0, start)  # the token of a tag is its name
        run = compile_node(liquid_node, template) or _slow(liquid_node, template)
        return Node(run, f"{{% {liquid_node.token.value} %}}", *place(source, start))
    text = liquid_node.token.value
    if text not in seen:
        run = compile_node(liquid_node, template) or _slow(liquid_node, template)
        line, column = place(source, start)
        seen[text] = Node(run, text, line, column, plain_path(liquid_node.expression, template))
    return seen[text]


def _slow(liquid_node: LiquidNode, template: BoundTemplate) -> Callable[[Context], str]:
    """Rendering by python-liquid itself, one fresh context a call: nothing leaks from one recipient to the next."""

    def run(context: Context) -> str:
        buffer = LimitedStringIO(limit=MAX_NODE_OUTPUT_BYTES)
        liquid_node.render(RenderContext(template, globals=context), buffer)
        return buffer.getvalue()

    return run
