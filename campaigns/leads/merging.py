"""The second half of an import: from the staging table to leads and memberships, by set-based statements."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from campaigns.leads import sql
from campaigns.leads.errors import FileRefused
from campaigns.leads.staging import Staged, text_of


@dataclass(frozen=True, slots=True)
class Merged:
    """created + updated + repeated = the lines that were staged. updated: leads that were there, changed or not."""

    created: int
    updated: int
    repeated: int


def merge(staged: Staged, *, mailing_list_id: int | None) -> Merged:
    """Merge the staging table. Call inside a transaction: all of it happens or nothing does.

    Raises FileRefused where the list is gone.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.MERGE_MEMORY)
        cursor.execute(sql.MERGE_INDEXES)
        if mailing_list_id is not None:
            cursor.execute(sql.LOCK_LIST, [mailing_list_id])
            if cursor.fetchone() is None:
                raise FileRefused("The list was deleted while the file was read. Choose another one and import again.")
        cursor.execute(sql.COUNT_PEOPLE)
        people = int(cursor.fetchone()[0])
        cursor.execute(text_of(sql.merge(staged.columns, staged.attributes)))
        created = int(cursor.fetchone()[0])
        if mailing_list_id is not None:
            cursor.execute(sql.ADD_MEMBERSHIPS, [mailing_list_id])
    return _counts(staged, people, created)


def settle_indexes() -> None:
    """Make searches fast again after a merge; call when it is committed. Autovacuum would, in its own time."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SETTLE_INDEXES)


def preview(staged: Staged) -> Merged:
    """What `merge` would count, without changing a lead."""
    with connection.cursor() as cursor:
        cursor.execute(sql.COUNT_PREVIEW)
        people, created = cursor.fetchone()
    return _counts(staged, int(people), int(created))


def _counts(staged: Staged, people: int, created: int) -> Merged:
    good_lines = staged.progress.lines - staged.progress.rejected
    return Merged(created=created, updated=people - created, repeated=good_lines - people)
