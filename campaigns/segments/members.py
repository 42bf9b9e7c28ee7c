"""Operators of tags and of lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from campaigns.models import ListMembership, MailingList
from campaigns.segments import values
from campaigns.segments.errors import ValueInvalid, suggestion
from campaigns.segments.operators import Operator, quoted, say_list
from campaigns.segments.query import Operand, Query
from campaigns.segments.text import IN_ALIASES, IS_ALIASES, IS_NOT_ALIASES, NOT_IN_ALIASES, presence


def _tag_array(sign: str) -> Any:
    """sign: @> (all of them) or && (any of them); both use the index on tags."""

    def sql(operand: Operand, value: tuple[str, ...]) -> Query:
        return Query(f"({operand.sql} {sign} %s::varchar[])", (*operand.params, list(value)))

    return sql


def _one_tag(value: object) -> tuple[str, ...]:
    return (values.text(value),)


_TAGS = values.list_of(values.text)
_HAS_ANY = Operator(
    "has_any", "the tags include {value}", _TAGS, _tag_array("&&"), (*IN_ALIASES, "in"), say=say_list(quoted)
)
TAGS: tuple[Operator, ...] = (
    Operator("has", "the tags include {value}", _one_tag, _tag_array("@>"), (*IS_ALIASES, "is", "contains", "includes"),
             say=say_list(quoted)),
    _HAS_ANY,
    Operator("has_all", "the tags include {value}", _TAGS, _tag_array("@>"), ("all_of", "contains_all"),
             say=say_list(quoted, "and")),
    _HAS_ANY.opposite("has_none", "the tags do not include {value}", *IS_NOT_ALIASES, *NOT_IN_ALIASES, "is_not",
                      "not_in", "has_not", "not_has", "not_contains", "does_not_contain"),
    *presence("{} = '{{}}'::varchar[]"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ListRef:
    """One list that stands in the database."""

    pk: int
    name: str


def find_list(value: object) -> ListRef:
    """The list with this name (text) or id (a whole number). Asks the database. Raises ValueInvalid."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueInvalid(f"the value must be the name or the id of a list, not {values.kind_of(value)}")
    if isinstance(value, int):
        found = MailingList.objects.filter(pk=value).first() if 0 < value < 2**63 else None
    else:
        found = MailingList.objects.filter(name=values.text(value)).first()
    if found is None:
        raise ValueInvalid(no_such_list(value))
    return ListRef(found.pk, found.name)


def no_such_list(value: int | str) -> str:
    """Why `value` names no list, with the nearest name or the names there are."""
    if isinstance(value, int):
        return f"there is no list with the id {value}; use a list's name in quotes"
    names = list(MailingList.objects.order_by("name").values_list("name", flat=True)[:500])
    if not names:
        return f"there is no list {values.shown(value)}; there are no lists yet, import leads with --list first"
    by_folded = {name.lower(): name for name in names}
    near = suggestion(value, by_folded)
    for folded, name in by_folded.items():
        near = near.replace(f"{folded}?", f"{name}?")
    return f"there is no list {values.shown(value)}{near or '; the lists are ' + ', '.join(names[:5])}"


def _member(status: str) -> Any:
    def sql(_: Operand, value: tuple[ListRef, ...]) -> Query:
        # EXISTS and not IN: one index probe a lead at worst, where a NOT IN beyond work_mem becomes quadratic
        where = (
            "EXISTS (SELECT 1 FROM campaigns_listmembership membership WHERE membership.lead_id = lead.id "
            "AND membership.mailing_list_id = ANY (%s::bigint[]) AND membership.status = %s::varchar)"
        )
        return Query(where, ([ref.pk for ref in value], status))

    return sql


def _say_lists(refs: tuple[ListRef, ...]) -> str:
    return say_list(quoted)(ref.name for ref in refs)


_LISTS: Any = values.list_of(find_list)
_MEMBER = Operator(
    "member_of", "the lead is subscribed to the list {value}", _LISTS, _member(ListMembership.Status.SUBSCRIBED),
    (*IS_ALIASES, *IN_ALIASES, "is", "in", "on", "subscribed_to"), say=_say_lists,
)  # fmt: skip
LISTS: tuple[Operator, ...] = (
    _MEMBER,
    _MEMBER.opposite("not_member_of", "the lead is not subscribed to the list {value}", *IS_NOT_ALIASES,
                     *NOT_IN_ALIASES, "is_not", "not_in", "not_on", "not_subscribed_to"),
    Operator("unsubscribed_from", "the lead has unsubscribed from the list {value}", _LISTS,
             _member(ListMembership.Status.UNSUBSCRIBED), say=_say_lists),
    Operator("unconfirmed_on", "the lead has not confirmed yet for the list {value}", _LISTS,
             _member(ListMembership.Status.UNCONFIRMED), say=_say_lists),
)  # fmt: skip
