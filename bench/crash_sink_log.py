"""The sink's append-only log, read as it grows: who was accepted, for which campaign, how often."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path


class SinkLog:
    """Every accepted recipient since the start, by campaign. The log is written before the sink says 250."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        # campaign -> lead -> Message-IDs under which it was accepted, in order
        self._accepted: dict[int, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._addresses: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def read(self) -> None:
        """Take in what was written since the last time."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            address, _, message_id = line.decode().partition("\t")
            campaign, lead, _ = message_id.strip("<>").split("@")[0].split(".")
            self._accepted[int(campaign, 16)][int(lead, 16)].append(message_id)
            self._addresses[int(campaign, 16)][address] += 1

    def accepted(self, campaign_id: int) -> dict[int, list[str]]:
        """Message-IDs by lead, of one campaign."""
        return self._accepted[campaign_id]

    def addresses(self, campaign_id: int) -> dict[str, int]:
        """How often each address was accepted, of one campaign."""
        return self._addresses[campaign_id]

    def total(self, campaign_id: int) -> int:
        return sum(len(ids) for ids in self._accepted[campaign_id].values())
