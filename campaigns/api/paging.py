"""Long lists in pages: an opaque cursor that says where the next page begins, so that page 10,000 costs as page 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Generic, TypeVar

from django.core.signing import BadSignature, Signer
from django.db.models import Model, QuerySet
from ninja import Query, Schema
from pydantic import Field

from campaigns.api.errors import ApiError, At, invalid
from campaigns.segments import CountTimedOut, time_limit

DEFAULT_LIMIT = 50
MOST = 500
SECONDS = 5.0

Item = TypeVar("Item")
Row = TypeVar("Row", bound=Model)


class Page(Schema, Generic[Item]):
    """One page. next: send it as `cursor` for the page that follows; null on the last."""

    items: list[Item]
    next: str | None = Field(None, description="`cursor` of the page that follows; null on the last page.")


class Paging(Schema):
    """Which page is wanted."""

    cursor: str | None = Field(None, max_length=500, description="`next` of the page before; the first when left out.")
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MOST, description="How many items at most.")


Wanted = Annotated[Paging, Query()]


def page_by_id(queryset: QuerySet[Row], wanted: Paging, name: str) -> tuple[list[Row], str | None]:
    """One page by ascending id, and the cursor of the next. name: of the collection; its cursors fit no other.

    New rows come last, so nothing is missed or seen twice while somebody pages. Raises ApiError 422.
    """
    after = read_cursor(wanted.cursor, name)
    if after is not None:
        queryset = queryset.filter(pk__gt=int(after[0]))
    rows = list(queryset.order_by("pk")[: wanted.limit + 1])
    more = len(rows) > wanted.limit
    rows = rows[: wanted.limit]
    return rows, make_cursor([rows[-1].pk], name) if more else None


@contextmanager
def bounded() -> Iterator[Any]:
    """A cursor whose statements may take SECONDS, for filters that may match next to nothing. Raises ApiError 503."""
    try:
        with time_limit(SECONDS) as cursor:
            yield cursor
    except CountTimedOut as error:
        detail = "So little matches that reading took too long and was stopped. Ask for more with fewer filters."
        raise ApiError(503, detail, "took-too-long", headers={"Retry-After": "60"}) from error


def make_cursor(values: list[Any], name: str) -> str:
    """values: of the last row's sort keys, as JSON has them."""
    return _signer(name).sign_object(values)


def read_cursor(cursor: str | None, name: str) -> list[Any] | None:
    """What make_cursor was given; None for the first page. Raises ApiError 422 for a cursor that we did not make."""
    if not cursor:
        return None
    try:
        values: list[Any] = _signer(name).unsign_object(cursor)
    except (BadSignature, ValueError) as error:
        detail = "This is no cursor of this list. Send `next` of the page before as it came, or leave it out."
        raise invalid(At(detail, parameter="cursor")) from error
    return values


def _signer(name: str) -> Signer:
    return Signer(salt=f"api.cursor.{name}")
