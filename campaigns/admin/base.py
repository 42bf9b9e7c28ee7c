"""What the admin classes of big tables share: paging by key, estimated totals, dialogs, pages of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import admin
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.core.paginator import Paginator
from django.db import connection, models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

OLDER, NEWER = "before", "after"
# up to this size a real count costs a few milliseconds and a fresh table has no statistics yet
COUNTED_ROWS = 50_000

Row = TypeVar("Row", bound=models.Model)


def total_rows(model: type[models.Model]) -> tuple[int, bool]:
    """Rows of a table and whether the number is exact; above 50,000 the planner's estimate, never a COUNT(*)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [model._meta.db_table])
        estimate = int(cursor.fetchone()[0])
    if estimate > COUNTED_ROWS:
        return estimate, False
    counted = model._default_manager.order_by()[: COUNTED_ROWS + 1].count()
    return counted, counted <= COUNTED_ROWS


class KeysetPaginator(Paginator):
    """Stands where Django's admin wants a paginator; nothing is counted and nothing is skipped over."""

    template_name = "admin/pagination_keyset.html"
    count = 0
    num_pages = 1


class KeysetChangeList(ChangeList):
    """Newest first, paged by `?before=<id>` and `?after=<id>`: page 10,000 costs as much as page 1."""

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        found = super().get_filters_params(params)
        return {key: value for key, value in found.items() if key not in (OLDER, NEWER)}

    def get_results(self, request: HttpRequest) -> None:
        size = self.list_per_page
        older, newer = key_of(request, OLDER), key_of(request, NEWER)
        rows, has_newer, has_older = page_of(self.queryset, size, older=older, newer=newer)
        self.result_list = rows
        self.result_count = self.full_result_count = len(rows)
        self.show_full_result_count = False
        self.show_admin_actions = bool(rows)
        self.can_show_all = self.multi_page = False
        self.show_all = False
        self.paginator = KeysetPaginator(rows, size)
        self.newer_url = self.get_query_string({NEWER: rows[0].pk}, [OLDER]) if has_newer else ""
        self.older_url = self.get_query_string({OLDER: rows[-1].pk}, [NEWER]) if has_older else ""
        self.is_filtered = bool(self.query or self.has_active_filters)
        self.total, self.total_is_exact = (0, False) if self.is_filtered else total_rows(self.model)


def key_of(request: HttpRequest, name: str) -> int | None:
    """The id in the address, None when there is none; what is no number counts as none."""
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else None


def page_of(
    queryset: models.QuerySet[Row], size: int, *, older: int | None, newer: int | None
) -> tuple[list[Row], bool, bool]:
    """One page of a queryset by descending id: rows, whether there are newer ones, whether there are older ones."""
    if newer is not None:
        rows = list(queryset.filter(pk__gt=newer).order_by("pk")[: size + 1])
        more = len(rows) > size
        return rows[:size][::-1], more, bool(rows)
    if older is not None:
        queryset = queryset.filter(pk__lt=older)
    rows = list(queryset.order_by("-pk")[: size + 1])
    return rows[:size], older is not None and bool(rows), len(rows) > size


class KeysetModelAdmin(ModelAdmin):
    """A model with many rows: ordered by descending id, paged by key."""

    list_per_page = 50
    ordering = ["-id"]
    sortable_by: tuple[str, ...] = ()
    show_full_result_count = False
    list_disable_select_all = True

    def get_changelist(self, _request: HttpRequest, **_kwargs: Any) -> type[KeysetChangeList]:
        return KeysetChangeList


def finish(request: HttpRequest, url: str) -> HttpResponse:
    """Go to `url` after a dialog's POST: by a header for htmx, by a redirect for everybody else."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def demand(request: HttpRequest, *permissions: str) -> None:
    """Raises PermissionDenied unless the person holds all of `permissions`."""
    if not request.user.has_perms(permissions):
        raise PermissionDenied


def find(model: type[Row], object_id: str | int) -> Row:
    """The row, or Http404 with words for the person."""
    try:
        return model._default_manager.get(pk=int(object_id))
    except (ObjectDoesNotExist, ValueError, OverflowError) as error:
        raise Http404(f"There is no such {model._meta.verbose_name}.") from error


def rows_with(model: type[Row], object_id: Any) -> models.QuerySet[Row]:
    """The row of that id, none where what stands in the address is no number."""
    text = str(object_id)
    is_number = text.isascii() and text.isdecimal() and len(text) < 19
    return model._default_manager.filter(pk=int(text)) if is_number else model._default_manager.none()


def render_page(request: HttpRequest, template: str, *, title: str, **context: Any) -> TemplateResponse:
    """A page of our own inside the admin's frame, with its sidebar."""
    request.current_app = admin.site.name  # read by {% url %}
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})


View = Callable[..., HttpResponseBase]


def guarded(view: View) -> View:
    """The view behind the admin's log-in."""
    return admin.site.admin_view(view)
