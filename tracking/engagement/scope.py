"""What a condition on engagement asks for: which campaigns, since when, and whose opens count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from campaigns.models import Campaign
from campaigns.segments import ValueInvalid, values
from campaigns.segments.errors import suggestion

ANY = "any"
MAX_LAST = 100
WHO = ("human", "all")
EXAMPLE = '{"campaign": "any", "days": 30}'


@dataclass(frozen=True, slots=True)
class Scope:
    """campaign_id, or the `last` campaigns, or (both None) any. days: None for ever. everybody: machines count too."""

    campaign_id: int | None = None
    campaign_name: str = ""
    last: int | None = None
    days: int | None = None
    everybody: bool = False

    @property
    def words(self) -> str:
        """Such as "any of the last 5 campaigns in the last 30 days"."""
        if self.campaign_id is not None:
            what = f"the campaign “{self.campaign_name}”"
        elif self.last is not None:
            what = "the last campaign" if self.last == 1 else f"any of the last {self.last} campaigns"
        else:
            what = "any campaign"
        if self.days is not None:
            what += f" in the last {'day' if self.days == 1 else f'{self.days} days'}"
        return f"{what}, machines included" if self.everybody else what


def check_scope(*, asks_who: bool) -> Callable[[object], Scope]:
    """A check of the value of a leaf. asks_who: whether `who` has a meaning for the field."""
    known = ("campaign", "days", "who") if asks_who else ("campaign", "days")

    def check(value: object) -> Scope:
        if value is None:
            return Scope()
        if not isinstance(value, dict):
            raise ValueInvalid(f"the value must be an object such as {EXAMPLE}, not {values.kind_of(value)}")
        for key in value:
            if key not in known:
                raise ValueInvalid(_unknown_key(str(key), known))
        campaign_id, name, last = _campaign(value.get("campaign", ANY))
        days = value.get("days")
        return Scope(campaign_id, name, last, None if days is None else _days(days), _who(value.get("who")) == "all")

    return check


def _unknown_key(key: str, known: tuple[str, ...]) -> str:
    if key == "who":
        return "who counts for opened and clicked only; leave it out here"
    near = suggestion(key, known)
    return f"the value has an unknown key {values.shown(key)}{near or '; it takes ' + ', '.join(known)}"


def _campaign(value: object) -> tuple[int | None, str, int | None]:
    """Id, name and number of the last ones; all empty for any."""
    if value == ANY:
        return None, "", None
    if isinstance(value, dict):
        return None, "", _last(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueInvalid(
            f'campaign must be the id of a campaign, "any" or {{"last": 5}}, not '
            f"{values.shown(value) if isinstance(value, str) else values.kind_of(value)}"
        )
    name = Campaign.objects.filter(pk=value).values_list("name", flat=True).first() if 0 < value < 2**63 else None
    if name is None:
        raise ValueInvalid(f"there is no campaign with the id {value}; the id stands in the address of its page")
    return value, name, None


def _last(value: dict[object, object]) -> int:
    last = value.get("last")
    if set(value) != {"last"} or isinstance(last, bool) or not isinstance(last, int) or not 1 <= last <= MAX_LAST:
        raise ValueInvalid(f'campaign: last takes a whole number from 1 to {MAX_LAST}, such as {{"last": 5}}')
    return last


def _days(value: object) -> int:
    try:
        days = values.days(value)
    except ValueInvalid:
        days = 0
    if not days:
        raise ValueInvalid(f"days must be a whole number from 1 to {values.MAX_DAYS}; leave it out for ever")
    return days


def _who(value: object) -> str:
    if value is None:
        return WHO[0]
    if value not in WHO:
        raise ValueInvalid(f'who must be "human" (people only) or "all", not {values.shown(value)}')
    return str(value)
