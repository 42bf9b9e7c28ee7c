"""Pieces of the admin's frame that are the same on many pages, rendered once in a process."""

from __future__ import annotations

from django import template
from django.middleware.csrf import get_token
from django.template.base import FilterExpression, Node, NodeList, Parser, Token
from django.template.context import Context
from django.urls import get_script_prefix
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

register = template.Library()

# more than the people of a house; each is some kB
MOST_PIECES = 256
# stands where a page's own token belongs; no text of a page can hold it, since what people write is escaped
MARK = mark_safe("<csrf>")
END = "endkept"


@register.tag
def kept(parser: Parser, token: Token) -> KeptNode:
    """Render what stands inside once for each language and each set of the given values, and keep it.

    `{% kept user.email site_title %}…{% endkept %}`: name everything that it shows and that is not the same for all
    pages and people. A token against forged forms is each page's own.
    """
    values = [parser.compile_filter(value) for value in token.split_contents()[1:]]
    nodelist = parser.parse((END,))
    parser.delete_first_token()
    return KeptNode(nodelist, values)


class KeptNode(Node):
    """One piece, by what it depends on."""

    def __init__(self, nodelist: NodeList, values: list[FilterExpression]) -> None:
        self.nodelist = nodelist
        self.values = values
        self.pieces: dict[tuple[object, ...], list[str]] = {}

    def render(self, context: Context) -> SafeString:
        key = (get_language(), get_script_prefix(), *(value.resolve(context) for value in self.values))
        parts = self.pieces.get(key)
        if parts is None:
            parts = self._keep(key, context)
        if len(parts) == 1:
            return mark_safe(parts[0])  # noqa: S308 (rendered by Django's own templates)
        return mark_safe(get_token(context["request"]).join(parts))  # noqa: S308

    def _keep(self, key: tuple[object, ...], context: Context) -> list[str]:
        with context.push(csrf_token=MARK):
            parts = self.nodelist.render(context).split(MARK)
        if len(self.pieces) >= MOST_PIECES:
            self.pieces.clear()
        self.pieces[key] = parts
        return parts
