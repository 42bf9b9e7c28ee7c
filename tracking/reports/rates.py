"""Rates with both their numbers: a percentage alone says nothing of forty leads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` of `base`, as a percentage. key: stable, for programs. meaning: what is divided by what."""

    key: str
    label: str
    count: int
    base: int
    meaning: str = ""

    @property
    def percent(self) -> float:
        """0.0 where there is nothing to divide by."""
        return 100 * self.count / self.base if self.base else 0.0

    @property
    def text(self) -> str:
        """As people read it. Below one percent with two places: mailbox providers look at 0.1 % of complaints."""
        return f"{self.percent:.{2 if 0 < self.percent < 1 else 1}f} %"


@dataclass(frozen=True, slots=True)
class Totals:
    """The numbers that rates are made of, of a campaign or of a part of one.

    delivered: accepted and not returned since. opened and clicked: leads, each once, by people only.
    """

    delivered: int = 0
    bounced: int = 0
    failed: int = 0
    dead: int = 0
    deferred: int = 0
    skipped: int = 0
    unknown: int = 0
    opened: int = 0
    clicked: int = 0
    unsubscribed: int = 0
    complained: int = 0

    @property
    def sent(self) -> int:
        """Handed to a mail server with a clear end: delivered, or bounced then or later."""
        return self.delivered + self.bounced

    @property
    def not_delivered(self) -> int:
        """Failed, dead, skipped and unknown ones: for good, as far as we know."""
        return self.failed + self.dead + self.skipped + self.unknown

    def rates(self) -> tuple[Rate, ...]:
        """The seven rates in the order of the pages."""
        return (
            Rate("delivery", "Delivery", self.delivered, self.sent, "delivered of sent"),
            Rate("bounce", "Bounce", self.bounced, self.sent, "bounced of sent"),
            Rate("complaint", "Complaint", self.complained, self.delivered, "complained of delivered"),
            Rate("open", "Open", self.opened, self.delivered, "leads who opened of delivered"),
            Rate("click", "Click", self.clicked, self.delivered, "leads who clicked of delivered"),
            Rate("click_to_open", "Click to open", self.clicked, self.opened, "who clicked of those who opened"),
            Rate("unsubscribe", "Unsubscribe", self.unsubscribed, self.delivered, "unsubscribed of delivered"),
        )
