"""The table and the JSON of bench.throughput."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.throughput_references import Reference
from bench.throughput_sizing import Sizing
from bench.throughput_stack import Sent

GROUPS = ("worker", "postgres", "valkey", "others", "sink")
HEAD = ("", "messages/s", "of smtp-source", "sender", "PostgreSQL", "Valkey", "others", "sink", "sum", "peak memory")


@dataclass(frozen=True, slots=True)
class Report:
    """One run: ours and the others. rsa_rate: signatures a second with all cores at it, 0 where nothing
    was signed."""

    sent: Sent
    others: Sequence[Reference]
    sizing: Sizing | None = None
    rsa_rate: float = 0.0

    @property
    def rate(self) -> float:
        """Messages a second from the launch to the last recorded outcome."""
        return self.sent.messages / self.sent.seconds

    def cpu_us(self, group: str) -> float:
        """Processor time a message, in microseconds."""
        return self.sent.cpu_seconds.get(group, 0.0) / self.sent.messages * 1e6

    @property
    def peak_mb(self) -> float:
        """The highest memory of all processes of the product and its engines, without the sink."""
        return sum(size for group, size in self.sent.peak_bytes.items() if group != "sink") / 1e6

    def reference_rate(self, name: str) -> float | None:
        """Messages a second of one of the others; None where it did not run."""
        return next((one.rate for one in self.others if one.name.startswith(name) and one.rate), None)

    def as_dict(self) -> dict[str, Any]:
        """As --json prints it; rates that are missing are null."""
        return {
            "messages": self.sent.messages,
            "message_bytes": round(self.sent.size_bytes),
            "seconds": round(self.sent.seconds, 2),
            "messages_per_second": round(self.rate, 1),
            "smtp_source_per_second": self.reference_rate("smtp-source"),
            "django_per_second": self.reference_rate("django"),
            "smtplib_per_second": self.reference_rate("smtplib"),
            "aiosmtplib_per_second": self.reference_rate("aiosmtplib"),
            "cpu_us_per_message": {group: round(self.cpu_us(group), 1) for group in GROUPS},
            "idle_share": round(self.sent.idle_share, 3),
            "children": self.sizing.children if self.sizing else None,
            "connections": self.sizing.connections if self.sizing else None,
            "rsa_allows_per_second": round(self.rsa_rate, 1) if self.rsa_rate else None,
            "peak_rss_mb": round(self.peak_mb),
            "missing": {one.name: one.missing for one in self.others if one.missing},
        }

    def table(self) -> str:
        """For people: one line each, processor time a message in µs."""
        limit = self.reference_rate("smtp-source")
        lines = [_line(HEAD), self._our_line(limit)]
        lines += [_reference_line(one, limit) for one in self.others]
        size = f"{self.sent.messages:,} messages of {self.sent.size_bytes:,.0f} bytes in {self.sent.seconds:.1f} s"
        return "\n".join([f"{size}; processor time in µs a message", *lines, *self._notes()])

    def _notes(self) -> list[str]:
        notes = [f"cores idle: {self.sent.idle_share:.0%}"]
        if self.sizing:
            notes.append(f"{self.sizing.children} worker children, {self.sizing.connections} connections each at most")
        if self.rsa_rate:
            share = self.rate / self.rsa_rate
            notes.append(f"all cores make {self.rsa_rate:,.0f} RSA signatures a second, of which this is {share:.2f}")
        return notes

    def _our_line(self, limit: float | None) -> str:
        ours = [self.cpu_us(group) for group in GROUPS]
        ratio = f"{self.rate / limit:.2f}" if limit else "?"
        numbers = [f"{microseconds:.1f}" for microseconds in (*ours, sum(ours))]
        return _line(["MassMailer, all of it", f"{self.rate:,.0f}", ratio, *numbers, f"{self.peak_mb:,.0f} MB"])


def _reference_line(one: Reference, limit: float | None) -> str:
    if one.missing:
        return f"{one.name:<24} {one.missing}"
    sender, sink = (seconds / one.messages * 1e6 for seconds in (one.cpu_seconds, one.sink_cpu_seconds))
    ratio = f"{one.rate / limit:.2f}" if limit else "?"
    return _line(
        [one.name, f"{one.rate:,.0f}", ratio, f"{sender:.1f}", "", "", "", f"{sink:.1f}", f"{sender + sink:.1f}"]
    )


def _line(cells: Sequence[str]) -> str:
    return f"{cells[0]:<24}" + "".join(f"{cell:>14}" for cell in cells[1:])
