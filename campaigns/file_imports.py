"""How files are imported, whatever they are of: kept, run by whoever comes first, cancelled, and picked up again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from django.core.files.base import File
from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from campaigns.alone import alone, key_of
from campaigns.leads import uploads
from campaigns.leads.errors import FileRefused, ImportCancelled
from campaigns.models.file_import import FileImport

logger = logging.getLogger(__name__)

STRANDED_SECONDS = 60
# an import that brings its worker down every time must not do so for ever
GIVE_UP_HOURS = 24
Row = TypeVar("Row", bound=FileImport)


def create(file: File[bytes] | BinaryIO, *, register: Callable[[Path], Row], wake: Callable[[int], None]) -> Row:
    """Keep an upload, register it, and queue its import once the transaction commits.

    register: looks at the beginning of the file and makes its row. What it raises takes the upload away again.
    """
    path = uploads.store(file)
    try:
        row = register(path)
    except BaseException:
        uploads.discard(path)
        raise
    wake(row.pk)
    return row


def fields_of(path: Path, *, name: str, user: Any) -> dict[str, Any]:
    """What a new row says of its file."""
    return {
        "file_name": Path(name).name[:255],
        "file_path": str(path.resolve()),
        "size_bytes": path.stat().st_size,
        "created_by": user,
    }


def open_rows(model: type[Row]) -> QuerySet[Row]:
    """The imports that are not over."""
    return model._default_manager.exclude(state__in=model.OVER)


def cancel(model: type[Row], import_id: int) -> bool:
    """False when it was over already."""
    return bool(open_rows(model).filter(pk=import_id).update(state="cancelled", finished_at=Now()))


def run(model: type[Row], import_id: int, *, lock: int, begin: Mapping[str, Any], work: Callable[[Row], None]) -> Row:
    """Run an import to its end and return its row; the outcome stands in `state`, `error` and the counts.

    lock: of this kind of import; it lets one runner in and the others return at once. begin: fields of a run that
    begins, its state among them. work: reads the file and writes the counts; raises ImportCancelled where the row was
    cancelled meanwhile, and FileRefused.
    Raises django.db.OperationalError when the database goes away; the import is picked up again later.
    """
    with alone(key_of(lock, import_id)) as is_alone:
        fresh: dict[str, Any] = {
            "started_at": Coalesce(F("started_at"), Now()), "heartbeat_at": Now(), "done_bytes": 0, "lines": 0,
            "rejected_count": 0, "error": "",
        }  # fmt: skip
        if is_alone and open_rows(model).filter(pk=import_id).update(**fresh, **begin):
            _work(model._default_manager.get(pk=import_id), work)
    row = model._default_manager.get(pk=import_id)
    if row.is_over:
        uploads.discard(row.file_path)
    return row


def _work(row: Row, work: Callable[[Row], None]) -> None:
    name = row._meta.verbose_name
    try:
        work(row)
    except ImportCancelled:
        logger.info("%s %s was cancelled", name, row.pk)
    except FileRefused as error:
        _fail(row, str(error))
    except (OperationalError, InterfaceError):
        # not the file's fault: the row stays as it is, and requeue_stranded finds it
        raise
    except (DatabaseError, OSError) as error:
        logger.exception("%s %s failed", name, row.pk)
        _fail(row, f"The import failed: {error}")


def _fail(row: Row, message: str) -> None:
    open_rows(type(row)).filter(pk=row.pk).update(state="failed", error=message, finished_at=Now())


def stranded(model: type[Row]) -> QuerySet[Row]:
    """Imports that nobody has worked on for STRANDED_SECONDS."""
    limit = Now() - timedelta(seconds=STRANDED_SECONDS)
    silent = Q(heartbeat_at__lt=limit) | Q(heartbeat_at__isnull=True, created_at__lt=limit)
    return open_rows(model).filter(silent)


def requeue_stranded(model: type[Row], wake: Callable[[int], None]) -> int:
    """Queue imports that stand still, but for those that were begun GIVE_UP_HOURS ago; how many.

    Work that takes long between two signs of life looks stranded too: its lock sends the second runner away.
    """
    stranded(model).filter(started_at__lt=Now() - timedelta(hours=GIVE_UP_HOURS)).update(
        state="failed",
        finished_at=Now(),
        error=f"The import did not end within {GIVE_UP_HOURS} hours. Split the file and import the parts.",
    )
    ids = list(stranded(model).values_list("pk", flat=True))
    # the mark keeps the next round, a few seconds from now, from queueing them again
    model._default_manager.filter(pk__in=ids).update(heartbeat_at=Now())
    for import_id in ids:
        logger.warning("%s %s stood still; queued again", model._meta.verbose_name, import_id)
        wake(import_id)
    return len(ids)
