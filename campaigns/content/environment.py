"""The Liquid that marketers may use: the language of python-liquid, cut down to what cannot do harm.

Liquid reaches no Python attribute, only keys of the context. What is left to close: tags that read files, filters
that skip escaping, and templates of a few characters that would take gigabytes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sized
from typing import Any

from liquid import Environment, Mode
from liquid.builtin import content, illegal, output
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags import case_tag, comment_tag, for_tag, if_tag, unless_tag
from liquid.exceptions import FilterError
from liquid.filter import string_filter

BLOCK_TAGS = {"if": ("elsif", "else"), "unless": ("elsif", "else"), "case": ("when", "else"), "for": ("else",)}
ALLOWED_TAGS = ("if", "unless", "case", "for", "break", "continue", "comment", "raw")

MAX_ITERATIONS = 10_000
"""Turns of nested loops, multiplied."""
MAX_NODE_OUTPUT_BYTES = 1_000_000
"""What one construct may write; a mailbox provider refuses far smaller messages."""
MAX_RANGE_LENGTH = 1_000
MAX_VALUE_LENGTH = 100_000
"""Characters, or items, of a value between two filters."""
MAX_NESTING = 20

_TAGS = (
    content.Literal,
    output.Output,
    illegal.Illegal,
    if_tag.IfTag,
    unless_tag.UnlessTag,
    case_tag.CaseTag,
    for_tag.ForTag,
    for_tag.BreakTag,
    for_tag.ContinueTag,
    comment_tag.CommentTag,
)


class MailEnvironment(Environment):
    """Parses and renders merge tags, with limits on loops, nesting, ranges and output."""

    block_nesting_limit = MAX_NESTING
    loop_iteration_limit = MAX_ITERATIONS
    output_stream_limit = MAX_NODE_OUTPUT_BYTES

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Register the filters of Liquid, bounded, and only the tags of `ALLOWED_TAGS`."""
        super().setup_tags_and_filters(extra=extra)
        self.tags.clear()
        for tag in _TAGS:
            self.add_tag(tag)
        del self.filters["safe"]
        self.filters["replace"] = _bounded_replace(self.filters["replace"])
        self.filters["join"] = _bounded_join(self.filters["join"])
        self.filters["title"] = _title
        for name, function in self.filters.items():
            self.filters[name] = _bounded(name, function)


class BoundedRange(RangeLiteral):
    """`(1..n)` of at most `MAX_RANGE_LENGTH` numbers: the loop limit does not see a range that a filter consumes."""

    __slots__ = ()

    def _make_range(self, start: Any, stop: Any) -> range:
        numbers: range = super()._make_range(start, stop)
        if numbers.stop - numbers.start > MAX_RANGE_LENGTH:
            raise FilterError(f"a range may have at most {MAX_RANGE_LENGTH} numbers", token=self.token)
        return numbers


@string_filter
def _title(value: str) -> str:
    """Return `value` with the first letter of every word in upper case: "anna-lena o'neill" → "Anna-Lena O'neill"."""
    return " ".join("-".join(part.capitalize() for part in word.split("-")) for word in value.split(" "))


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Stop a chain of filters whose value has grown too long; no filter grows a value by more than a small factor."""

    @functools.wraps(function)  # keeps the marks with_environment and with_context, which are attributes
    def bounded(value: Any, *args: Any, **kwargs: Any) -> Any:
        result = function(value, *args, **kwargs)
        if isinstance(result, Sized) and len(result) > MAX_VALUE_LENGTH:
            raise FilterError(f"{name}: the value is longer than {MAX_VALUE_LENGTH} characters", token=None)
        return result

    return bounded


def _bounded_replace(replace: Callable[..., Any]) -> Callable[..., Any]:
    """A chain of `replace: "a", "aaaaaaaaaa"` grows tenfold at each step: look before the memory is taken."""

    @functools.wraps(replace)
    def bounded(value: Any, old: Any, new: Any = "", *args: Any, **kwargs: Any) -> Any:
        if str(value).count(str(old)) * len(str(new)) > MAX_VALUE_LENGTH:
            raise FilterError(f"replace: the value is longer than {MAX_VALUE_LENGTH} characters", token=None)
        return replace(value, old, new, *args, **kwargs)

    return bounded


def _bounded_join(join: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(join)
    def bounded(value: Any, separator: Any = " ", *args: Any, **kwargs: Any) -> Any:
        if isinstance(value, Sized) and len(value) * len(str(separator)) > MAX_VALUE_LENGTH:
            raise FilterError(f"join: the value is longer than {MAX_VALUE_LENGTH} characters", token=None)
        return join(value, separator, *args, **kwargs)

    return bounded


HTML = MailEnvironment(tolerance=Mode.STRICT, autoescape=True)
TEXT = MailEnvironment(tolerance=Mode.STRICT, autoescape=False)
