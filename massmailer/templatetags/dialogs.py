"""Dialogs of the admin where no page is around them."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib import admin
from django.template.context import RequestContext

register = template.Library()


@register.inclusion_tag("admin/dialog_page.html", takes_context=True)
def dialog_page(context: RequestContext) -> dict[str, Any]:
    """The dialog of this context as a page of its own, with the admin's look."""
    known = {str(name): value for name, value in context.flatten().items()}
    return {**admin.site.each_context(context["request"]), **known}
