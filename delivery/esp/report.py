"""What came of trying an account out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EspReport:
    """error: "" when the key works, else a sentence with the cure. latency_seconds: of the call. details: in words."""

    error: str = ""
    latency_seconds: float = 0.0
    details: str = ""

    @property
    def ok(self) -> bool:
        """True when mail could be handed over."""
        return not self.error
