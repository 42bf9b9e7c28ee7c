"""Files, imports of them, and the commands in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from campaigns.leads import imports
from campaigns.models import LeadImport
from massmailer.embedded import postgres

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Path:
    """Uploads and rejects of the test, away from everything else."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_file(content: str | bytes, name: str = "leads.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


@pytest.fixture
def import_file(write: Callable[..., Path]) -> Callable[..., LeadImport]:
    """Write a file, register it and run the import in this process."""

    def run(content: str | bytes, **options: Any) -> LeadImport:
        path = write(content)
        row = imports.register_import(path=path, name=path.name, **options)
        return imports.run_import(row.pk)

    return run


def manage(*arguments: str, failpoint: str = "", stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """`manage.py` in a process of its own, on this run's test database. failpoint: "name:path"."""
    environment = os.environ | {
        "DATABASE_URL": postgres.url(f"test_{postgres.DATABASE}"),
        "MASSMAILER_FAILPOINT": failpoint,
        "LOG_LEVEL": "WARNING",
    }
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env=environment, cwd=ROOT, capture_output=True, input=stdin, timeout=120, check=False,
    )  # fmt: skip
