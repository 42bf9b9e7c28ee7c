"""Everything that is kept about one person, as the law lets them ask for it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from campaigns import addresses
from campaigns.leads import person as people
from campaigns.leads.person import Person, Row
from campaigns.models import (
    Consent,
    FeedEntry,
    Lead,
    ListMembership,
    MailingList,
    Suppression,
    SuppressionRelease,
    Topic,
)


def portrait(address: str) -> dict[str, Any]:
    """All sections by name, with the address and the time. Raises addresses.AddressInvalid."""
    person = find(address)
    return {
        "address": person.address,
        "made_at": dt.datetime.now(dt.UTC).isoformat(),
        **{section: list(exporter(person)) for section, exporter in people.sections()},
    }


def as_json(address: str, *, without: Mapping[str, Sequence[str]] | None = None) -> str:
    """The portrait as a JSON text for people to read. Raises addresses.AddressInvalid.

    without: fields by section that the reader may not see; `left_out` in the text names them.
    """
    found = portrait(address)
    for section, fields in (without or {}).items():
        rows = found.get(section, [])
        found[section] = [{name: value for name, value in row.items() if name not in fields} for row in rows]
    return json.dumps(found | ({"left_out": without} if without else {}), cls=_Encoder, indent=2, ensure_ascii=False)


def find(address: str) -> Person:
    """The person of an address, whether there is a lead or not. Raises addresses.AddressInvalid."""
    normalised = addresses.normalise(address)
    lead_id = Lead.objects.filter(email=normalised).values_list("pk", flat=True).first()
    return Person(lead_id or 0, normalised)


class _Encoder(DjangoJSONEncoder):
    def default(self, value: Any) -> Any:
        if isinstance(value, bytes | memoryview):
            return bytes(value).hex()
        return super().default(value)


def lead(person: Person) -> Iterable[Row]:
    return Lead.objects.filter(pk=person.lead_id).values()


def lists(person: Person) -> Iterable[Row]:
    return ListMembership.objects.filter(lead_id=person.lead_id).values("mailing_list__name", "status", "changed_at")


def topics(person: Person) -> Iterable[Row]:
    declined = Lead.objects.filter(pk=person.lead_id).values_list("declined_topics", flat=True).first() or []
    return [{"declined": name} for name in Topic.objects.filter(pk__in=declined).values_list("name", flat=True)]


def consents(person: Person) -> Iterable[Row]:
    names = dict(MailingList.objects.values_list("pk", "name"))
    for row in Consent.objects.filter(lead_id=person.lead_id).values():
        yield {**row, "lists": [names.get(pk, f"list {pk}") for pk in row["list_ids"]]}


def feed_entries(person: Person) -> Iterable[Row]:
    return FeedEntry.objects.filter(lead_id=person.lead_id).values("campaign_id", "campaign__name", "data")


def suppressions(person: Person) -> Iterable[Row]:
    """Also those of which only the hash is kept, and the one of the whole domain."""
    digests = [person.digest, addresses.digest(addresses.domain_of(person.address))]
    return Suppression.objects.filter(digest__in=digests).values()


def releases(person: Person) -> Iterable[Row]:
    return SuppressionRelease.objects.filter(digest=person.digest).values()


def register() -> None:
    """What campaigns itself keeps."""
    for section, exporter in (
        ("lead", lead), ("lists", lists), ("topics", topics), ("consents", consents), ("feed_entries", feed_entries),
        ("suppressions", suppressions), ("suppression_releases", releases),
    ):  # fmt: skip
        people.register_exporter(section, exporter)
