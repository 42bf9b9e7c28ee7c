"""Which days stand ready: a JSON file beside the folders, replaced as a whole after each day."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Part:
    """One day of one table. file: relative to the manifest, empty for a day without rows.

    is_final: the day was over when it was read; rows of the ledger may still change after that (an open, a bounce).
    """

    format: str
    rows: int
    file: str
    is_final: bool
    exported_at: str


class Manifest:
    """The manifest of one folder. Raises ValueError where the file is there and is none of ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: dict[str, Part] = {}
        path = folder / NAME
        if path.exists():
            self.parts = {key: Part(**part) for key, part in json.loads(path.read_text())["parts"].items()}

    def has(self, key: str, file_format: str) -> bool:
        """Whether this day is finished, in this format, with its file in its place."""
        part = self.parts.get(key)
        if part is None or not part.is_final or part.format != file_format:
            return False
        return not part.file or (self.folder / part.file).exists()

    def add(self, key: str, part: Part) -> None:
        self.parts[key] = part
        text = json.dumps({"version": 1, "parts": {k: asdict(p) for k, p in sorted(self.parts.items())}}, indent=1)
        waiting = self.folder / f"{NAME}.tmp"
        waiting.write_text(text + "\n")
        waiting.replace(self.folder / NAME)
