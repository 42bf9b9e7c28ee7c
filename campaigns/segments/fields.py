"""The fields that a condition may name: an allow-list, with a registry for the layers above."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from campaigns import addresses
from campaigns.models import Lead
from campaigns.segments import attributes, values
from campaigns.segments.dates import DATE
from campaigns.segments.errors import ValueInvalid, suggestion
from campaigns.segments.members import LISTS, TAGS
from campaigns.segments.operators import Operator, by_name, comparison
from campaigns.segments.query import Operand
from campaigns.segments.text import PARTS, TEXT, equality, exact_in
from campaigns.segments.topics import TOPICS

ATTRIBUTE_PREFIX = "attributes."
LEAD_ID = Operand("lead.id")


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of the allow-list.

    name: as it stands in the JSON condition, letters and underscores. label: the same for people.
    operand: the SQL expression over `lead` that the operators compare; it is trusted, so never build it from user text.
    """

    name: str
    label: str
    operators: tuple[Operator, ...]
    operand: Operand = LEAD_ID


_REGISTRY: dict[str, FieldSpec] = {}


def register_field(spec: FieldSpec) -> None:
    """Add a field; layers above call this in AppConfig.ready(). A name can be taken once: raises ValueError."""
    if not re.fullmatch(r"[a-z][a-z_]*", spec.name) or spec.name in ("attributes", "all", "any", "not"):
        raise ValueError(f"{spec.name!r} cannot be the name of a field")
    if _REGISTRY.setdefault(spec.name, spec) != spec:
        raise ValueError(f"the field {spec.name} is registered already")


def registered_fields() -> tuple[FieldSpec, ...]:
    """All fields but the attributes, by name: what a builder's menu offers."""
    return tuple(_REGISTRY[name] for name in sorted(_REGISTRY))


@dataclass(frozen=True, slots=True)
class Found:
    """What a leaf's field and operator turned out to be."""

    label: str
    operator: Operator
    operand: Operand


def find(field: str, op: str, value: object) -> Found:
    """The comparison that a leaf asks for. Raises ValueInvalid with the nearest name."""
    if field.startswith(ATTRIBUTE_PREFIX):
        return _find_attribute(attributes.check_name(field.removeprefix(ATTRIBUTE_PREFIX)), op, value)
    spec = _REGISTRY.get(field)
    if spec is None:
        raise ValueInvalid(_unknown_field(field))
    operator = by_name(spec.operators).get(_folded(op))
    if operator is None:
        raise ValueInvalid(_unknown_operator(op, field, (operator.name for operator in spec.operators)))
    return Found(spec.label, operator, spec.operand)


def _find_attribute(name: str, op: str, value: object) -> Found:
    tables = attributes.tables(name, value)
    for table in tables:
        if _folded(op) in table:
            operator, operand = table[_folded(op)]
            return Found(name, operator, operand)
    names = dict.fromkeys(operator.name for table in tables for operator, _ in table.values())
    raise ValueInvalid(_unknown_operator(op, ATTRIBUTE_PREFIX + name, names))


def _folded(op: str) -> str:
    return re.sub(r"[\s_-]+", "_", op.strip().lower())


def _unknown_field(field: str) -> str:
    if field == "attributes":
        return "name the attribute too, such as attributes.city"
    message = f"unknown field {values.shown(field)}"
    near = suggestion(field, [*_REGISTRY, "attributes."])
    if near:
        return message + near
    return f"{message}; the fields are {', '.join(sorted(_REGISTRY))} and attributes.<name>"


def _unknown_operator(op: str, field: str, names: Iterable[str]) -> str:
    known = list(names)
    near = suggestion(op, known)
    return f"{values.shown(field)} has no operator {values.shown(op)}{near or '; it has ' + ', '.join(known)}"


def _one_of(known: Iterable[str], what: str) -> tuple[Operator, ...]:
    allowed = tuple(known)

    def check(value: object) -> str:
        word = values.text(value).lower()
        if word not in allowed:
            near = suggestion(word, allowed) or "; use one of " + ", ".join(allowed)
            raise ValueInvalid(f"{values.shown(value)} is no {what}{near}")
        return word

    return equality(check, comparison("{} = %s::text"), exact_in)


def _check_email(value: object) -> str:
    try:
        return addresses.normalise(values.text(value))
    except addresses.AddressInvalid as error:
        raise ValueInvalid(
            f"{values.shown(value)} is not an e-mail address; to look for a part of one use contains"
        ) from error


def _check_domain(value: object) -> str:
    domain = values.text(value).strip().removeprefix("@")
    try:
        return addresses.domain_of(addresses.normalise(f"someone@{domain}"))
    except addresses.AddressInvalid as error:
        raise ValueInvalid(f"{values.shown(value)} is not a domain; write it as in example.com") from error


# addresses are stored in one form, so equality needs no lower() and finds the unique index
_EMAIL = (*equality(_check_email, comparison("{} = %s::text"), exact_in), *PARTS)
_DOMAIN = (*equality(_check_domain, comparison("{} = %s::text"), exact_in), *PARTS)
BUILT_IN = (
    FieldSpec("email", "e-mail", _EMAIL, Operand("lead.email")),
    FieldSpec("email_domain", "e-mail domain", _DOMAIN, Operand("substring(lead.email FROM '[^@]*$')")),
    FieldSpec("mailbox_group", "mailbox provider",
              _one_of(addresses.MAILBOX_GROUPS, "mailbox group"), Operand("lead.mailbox_group")),
    FieldSpec("first_name", "first name", TEXT, Operand("lead.first_name")),
    FieldSpec("last_name", "last name", TEXT, Operand("lead.last_name")),
    FieldSpec("language", "language", TEXT, Operand("lead.language")),
    FieldSpec("time_zone", "time zone", TEXT, Operand("lead.time_zone")),
    FieldSpec("status", "status", _one_of(Lead.Status.values, "status"), Operand("lead.status")),
    FieldSpec("created_at", "creation date", DATE, Operand("lead.created_at")),
    FieldSpec("updated_at", "last update", DATE, Operand("lead.updated_at")),
    FieldSpec("tags", "the list of tags", TAGS, Operand("lead.tags")),
    FieldSpec("list", "list", LISTS),
    FieldSpec("topic", "topic", TOPICS, Operand("lead.declined_topics")),
    FieldSpec("paused_until", "end of the pause", DATE, Operand("lead.paused_until", nullable=True)),
)  # fmt: skip
for _spec in BUILT_IN:
    register_field(_spec)
