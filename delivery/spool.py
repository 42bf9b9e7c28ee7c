"""Outcomes that could not be recorded before a worker had to leave: kept in files, replayed by the next start."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from django.conf import settings

from delivery.engine.outcome import Kind, Outcome
from delivery.record import BatchRef
from delivery.window import Result

logger = logging.getLogger(__name__)


def _folder() -> Path:
    folder = Path(settings.VAR_DIR) / "spool"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def write(ref: BatchRef, results: Sequence[Result]) -> Path:
    """Write the results durably; the file appears under its name only when it is whole."""
    path = _folder() / f"{uuid4().hex}.json"
    temporary = path.with_suffix(".part")
    body = {"batch": dataclasses.asdict(ref), "results": [_pack(result) for result in results]}
    with temporary.open("w") as file:
        json.dump(body, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    logger.warning("%s outcomes of batch %s wait in %s", len(results), ref.batch_id, path)
    return path


def waiting() -> list[Path]:
    """Files to replay, the oldest first. Replaying one twice is harmless."""
    return sorted(_folder().glob("*.json"), key=_written_at)


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another worker child has just replayed it
        return 0.0


def read(path: Path) -> tuple[BatchRef, list[Result]]:
    """What `write` wrote. Raises FileNotFoundError where another worker child was faster."""
    body = json.loads(path.read_text())
    return BatchRef(**body["batch"]), [_unpack(result) for result in body["results"]]


def set_aside(path: Path) -> None:
    """Keep a file that cannot be replayed, under a name that nobody replays."""
    with contextlib.suppress(FileNotFoundError):
        path.rename(path.with_suffix(".unreadable"))


def _pack(result: Result) -> dict[str, object]:
    packed = dataclasses.asdict(result)
    packed["address_hash"] = base64.b64encode(result.address_hash or b"").decode()
    return packed


def _unpack(packed: dict[str, object]) -> Result:
    outcome = dict(packed["outcome"])  # type: ignore[call-overload]  # JSON that `_pack` wrote
    outcome["kind"] = Kind(outcome["kind"])
    address_hash = base64.b64decode(str(packed["address_hash"])) or None
    return Result(**{**packed, "outcome": Outcome(**outcome), "address_hash": address_hash})  # type: ignore[arg-type]
