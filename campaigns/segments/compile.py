"""From a condition to one SQL boolean expression, and to one English sentence."""

from __future__ import annotations

from campaigns.segments.query import Query, joined, negated
from campaigns.segments.tree import EVERYBODY, Group, Leaf, Node, Not, parse


def validate(condition: object) -> None:
    """Check a JSON condition; raises SegmentInvalid with every mistake. Lists are looked up in the database."""
    parse(condition)


def compile_condition(condition: object) -> Query:
    """One boolean expression over the alias `lead` of campaigns_lead, never NULL. Raises SegmentInvalid."""
    return _compile(parse(condition))


def describe(condition: object) -> str:
    """The condition as an English sentence for people. Raises SegmentInvalid."""
    node = parse(condition)
    if node == EVERYBODY:
        return "All leads."
    words = _say(node)
    if isinstance(node, Group) and len(node.children) > 1:
        words = words.removeprefix("(").removesuffix(")")
    return f"Leads where {words}."


def _compile(node: Node) -> Query:
    match node:
        case Leaf(found, value):
            return found.operator.compile(found.operand, value)
        case Not(child):
            return negated(_compile(child))
        case Group("all", children):
            return joined(map(_compile, children), "AND", empty="TRUE")
        case Group(_, children):
            return joined(map(_compile, children), "OR", empty="FALSE")


def _say(node: Node) -> str:
    match node:
        case Leaf(found, value):
            say = "" if value is None else found.operator.say(value)
            return found.operator.words.format(label=found.label, value=say)
        case Not(child):
            words = _say(child)
            return f"not {words}" if words.startswith("(") else f"not ({words})"
        case Group(word, ()):
            return "it is anybody" if word == "all" else "it is nobody"
        case Group(word, children):
            words = f" {'and' if word == 'all' else 'or'} ".join(map(_say, children))
            return f"({words})" if len(children) > 1 else words
