"""Saving one lead that a program knows: checked as an import checks its lines, but nothing is left out silently."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from campaigns import addresses, mail_domains
from campaigns.leads import values
from campaigns.models import Lead

TEXTS: dict[str, Callable[[str], str]] = {
    "first_name": values.name,
    "last_name": values.name,
    "language": values.language,
    "time_zone": values.time_zone,
}


def upsert_lead(email: str, fields: Mapping[str, Any]) -> tuple[Lead, bool]:
    """The lead with this address, made or changed, and whether it is new.

    fields: by the names of the model; what is not there stays. tags are added; attributes are merged, null takes one
    away; status changes towards less mail only, as by an import.
    Raises ValidationError with the field and what would be right.
    """
    address = _address(email)
    checked = _check(fields)
    with transaction.atomic():
        lead = Lead.objects.select_for_update().filter(email=address).first()
        if lead is not None:
            return _change(lead, checked, cautious=True), False
        try:
            with transaction.atomic():
                return _create(address, checked), True
        except IntegrityError:  # somebody else was faster
            return _change(Lead.objects.select_for_update().get(email=address), checked, cautious=True), False


def change_lead(lead: Lead, fields: Mapping[str, Any]) -> Lead:
    """Set these fields of a locked row, as a person does in the admin: tags and status are replaced, attributes are
    merged. Raises ValidationError as upsert_lead does."""
    checked = _check(fields)
    if "email" in fields:
        address = _address(fields["email"])
        if Lead.objects.filter(email=address).exclude(pk=lead.pk).exists():
            raise ValidationError({"email": f"Another lead has the address {address}."})
        lead.email = address
    return _change(lead, checked, cautious=False)


def _create(address: str, checked: dict[str, Any]) -> Lead:
    attributes = {name: value for name, value in checked.pop("attributes", {}).items() if value is not None}
    lead = Lead.objects.create(email=address, attributes=attributes, **checked)
    mail_domains.settle_lead(lead)
    lead.refresh_from_db()
    return lead


def _change(lead: Lead, checked: dict[str, Any], *, cautious: bool) -> Lead:
    before = lead.email if lead.pk is None else Lead.objects.values_list("email", flat=True).get(pk=lead.pk)
    for name, value in checked.items():
        if name == "attributes":
            merged = {**lead.attributes, **value}
            lead.attributes = {key: one for key, one in merged.items() if one is not None}
        elif name == "tags" and cautious:
            lead.tags = list(dict.fromkeys([*lead.tags, *value]))
        elif name != "status" or not cautious or lead.status == Lead.Status.SUBSCRIBED:
            setattr(lead, name, value)
    _demand_bounds(lead)
    lead.updated_at = Now()
    lead.save()
    if lead.email != before:
        mail_domains.settle_lead(lead)
    lead.refresh_from_db()
    return lead


def _demand_bounds(lead: Lead) -> None:
    """What is fine piece by piece may be too much together."""
    if len(lead.tags) > values.MAX_TAGS:
        raise ValidationError({"tags": f"A lead has at most {values.MAX_TAGS} tags."})
    if len(json.dumps(lead.attributes, ensure_ascii=False)) > values.MAX_ATTRIBUTES_JSON:
        raise ValidationError({"attributes": f"Longer than {values.MAX_ATTRIBUTES_JSON:,} characters."})


def _address(email: str) -> str:
    try:
        return addresses.normalise(email)
    except addresses.AddressInvalid as error:
        raise ValidationError({"email": str(error)}) from error


def _check(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The values in the form in which they are stored."""
    found: dict[str, Any] = {name: fields[name] for name in ("status",) if name in fields}
    wrong: dict[str, str] = {}
    for name, convert in TEXTS.items():
        if name in fields:
            try:
                found[name] = convert(fields[name]) if fields[name].strip() else ""
            except values.ValueRefused as error:
                wrong[name] = str(error)
    for name, check in (("tags", values.tags), ("attributes", values.attributes)):
        if name in fields:
            try:
                check(json.dumps(fields[name], ensure_ascii=False))
                found[name] = fields[name]
            except values.ValueRefused as error:
                wrong[name] = str(error)
    if "tags" in found:
        found["tags"] = list(dict.fromkeys(tag.strip() for tag in found["tags"] if tag.strip()))
    if wrong:
        raise ValidationError({name: text[:1].upper() + text[1:] + "." for name, text in wrong.items()})
    return found
