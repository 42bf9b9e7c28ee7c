"""What reports break down by: four things that every e-mail has, and attributes that somebody has chosen."""

from __future__ import annotations

from delivery.kept import Kept
from tracking.models import ReportSettings

FIXED = {
    "group": "Mailbox group",
    "domain": "Domain",
    "provider": "Provider",
    "variant": "Variant",
    "reason": "Reason",
}
ATTRIBUTE = "attribute:"
MAX_ATTRIBUTES = 5
# the drain and the roll-up ask each second or so; a changed setting is seen a little later
REMEMBERED_SECONDS = 10.0


def report_settings(using: str | None = None) -> ReportSettings:
    """The one row, or what holds where nobody has saved one."""
    return ReportSettings.objects.using(using).filter(pk=1).first() or ReportSettings(pk=1)


def chosen(using: str | None = None) -> dict[str, str]:
    """The dimensions that come from attributes: dimension to the attribute's name."""
    found = report_settings(using)
    country = {"country": found.country_attribute} if found.country_attribute else {}
    return country | {f"{ATTRIBUTE}{name}": name for name in found.attributes[:MAX_ATTRIBUTES]}


def names(using: str | None = None) -> dict[str, str]:
    """All dimensions in the order of the pages, with their names for people."""
    more = {key: "Country" if key == "country" else attribute for key, attribute in chosen(using).items()}
    return FIXED | more


def parameters() -> dict[str, list[str]]:
    """For the statements of `rollup_sql`. Remembered for ten seconds."""
    known = _chosen.get()
    return {"dimensions": list(known), "names": list(known.values())}


def forget() -> None:
    """Read the settings anew at the next question; other processes do so within ten seconds."""
    _chosen.expire()


_chosen = Kept(chosen, seconds=REMEMBERED_SECONDS)
