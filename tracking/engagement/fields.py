"""The fields of a condition that ask what became of a lead's e-mails and what the lead did with them.

Opens, clicks and unsubscribes are read from the small tables that `keep` maintains; what was sent, delivered and
bounced from the ledger, for one campaign by primary key, for others only where a campaign moved within the days asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from campaigns.models import Campaign
from campaigns.segments import FieldSpec, Operand, Operator, Query
from campaigns.segments.dates import DAY_SECONDS
from tracking.engagement.scope import Scope, check_scope

# such as (opened_at, opened_any_at): by people, by anybody
Columns = tuple[str, str]
_SINCE = "{column} >= statement_timestamp() - make_interval(secs => %s::float8)"
# a campaign's numbers are refreshed each second while anything moves
SLACK = dt.timedelta(hours=1)
# "unknown" may have arrived: whoever asks for those who did not get it must not mean them
SENT = ("sent", "bounced_hard", "bounced_soft", "unknown")
DELIVERED = ("sent",)
BOUNCED = ("bounced_hard", "bounced_soft")


def _engaged(columns: Columns) -> Callable[[Operand, Any], Query]:
    """Rows of the table of leads where any campaign counts, else of the table of campaigns."""

    def sql(_: Operand, scope: Scope) -> Query:
        column = f"did.{columns[1] if scope.everybody else columns[0]}"
        when, params = _when(column, scope, f"{column} IS NOT NULL")
        ids = _campaigns(scope)
        if ids is None:
            where = f"EXISTS (SELECT 1 FROM tracking_leadengagement did WHERE did.lead_id = lead.id AND {when})"  # noqa: S608
            return Query(where, params)
        where = (
            "EXISTS (SELECT 1 FROM tracking_campaignengagement did WHERE did.lead_id = lead.id "  # noqa: S608
            f"AND did.campaign_id = ANY (%s::bigint[]) AND {when})"
        )
        return Query(where, (ids, *params))

    return sql


def _got(statuses: tuple[str, ...]) -> Callable[[Operand, Any], Query]:
    """Rows of the ledger with one of the statuses."""

    def sql(_: Operand, scope: Scope) -> Query:
        when, params = _when("email.at", scope, "TRUE")
        ids = _campaigns(scope)
        if ids is None and scope.days is not None:
            ids = _moved_within(scope.days)
        named = "TRUE" if ids is None else "email.campaign_id = ANY (%s::bigint[])"
        where = (
            "EXISTS (SELECT 1 FROM delivery_email email WHERE email.lead_id = lead.id "  # noqa: S608
            f"AND {named} AND email.status = ANY (%s::text[]) AND {when})"
        )
        return Query(where, (*(() if ids is None else (ids,)), list(statuses), *params))

    return sql


def _when(column: str, scope: Scope, ever: str) -> tuple[str, tuple[object, ...]]:
    if scope.days is None:
        return ever, ()
    return _SINCE.format(column=column), (scope.days * DAY_SECONDS,)


def _campaigns(scope: Scope) -> list[int] | None:
    """Ids of the campaigns that are meant, None for all."""
    if scope.campaign_id is not None:
        return [scope.campaign_id]
    if scope.last is None:
        return None
    launched = Campaign.objects.filter(launched_at__isnull=False).order_by("-launched_at", "-id")
    return list(launched.values_list("pk", flat=True)[: scope.last])


def _moved_within(days: int) -> list[int]:
    """Campaigns of which an e-mail may have been sent within these days: whose numbers changed, or are at work."""
    since = Now() - dt.timedelta(days=days) - SLACK
    at_work = Q(state__in=[Campaign.State.LAUNCHING, Campaign.State.SENDING, Campaign.State.PAUSED])
    # an event that moved its numbers just now leaves counted_at empty until they are counted again
    moved = Campaign.objects.filter(at_work | Q(counted_at=None) | Q(counted_at__gte=since)).exclude(launched_at=None)
    return list(moved.order_by("pk").values_list("pk", flat=True))


def _field(name: str, did: str, did_not: str, sql: Callable[[Operand, Any], Query], *, asks_who: bool) -> FieldSpec:
    """did, did_not: what stands before the campaign in a sentence, such as "the lead opened"."""
    operator = Operator(
        "did", f"{did} {{value}}", check_scope(asks_who=asks_who), sql, ("is", "was", "has", "yes"),
        say=lambda scope: scope.words,
    )  # fmt: skip
    opposite = operator.opposite("did_not", f"{did_not} {{value}}", "is_not", "was_not", "has_not", "not", "no")
    return FieldSpec(name, name, (operator, opposite))


FIELDS = (
    _field("sent", "the lead was sent", "the lead was not sent", _got(SENT), asks_who=False),
    _field("delivered", "the lead received", "the lead did not receive", _got(DELIVERED), asks_who=False),
    _field("bounced", "the lead bounced in", "the lead did not bounce in", _got(BOUNCED), asks_who=False),
    _field("opened", "the lead opened", "the lead did not open", _engaged(("opened_at", "opened_any_at")),
           asks_who=True),
    _field("clicked", "the lead clicked in", "the lead did not click in", _engaged(("clicked_at", "clicked_any_at")),
           asks_who=True),
    _field("unsubscribed", "the lead unsubscribed by", "the lead did not unsubscribe by",
           _engaged(("unsubscribed_at", "unsubscribed_at")), asks_who=False),
)  # fmt: skip
