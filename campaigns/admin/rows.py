"""Two kinds of models that the admin would offer too much for: settings of one row, and records of what happened."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin


class OneRowAdmin(ModelAdmin):
    """Settings: the row with the key 1, made when somebody opens it. There is no list of it."""

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Leads to the row."""
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)
        self.model._default_manager.get_or_create(pk=1)
        return HttpResponseRedirect(self._address("change", 1))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        response = super().response_change(request, obj)
        # the list that there is not would be a detour
        is_list = getattr(response, "url", "") == self._address("changelist")
        return HttpResponseRedirect(request.path) if is_list else response

    def _address(self, page: str, *args: int) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=args)


class NeverEdited:
    """Mixed into the admin of records: looked at, neither added, changed nor deleted."""

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False
