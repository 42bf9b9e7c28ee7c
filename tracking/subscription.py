"""How a person stands with our mail, and the rows that change when that changes."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet
from django.db.models.functions import Now

from campaigns import addresses
from campaigns.models import Campaign, Lead, ListMembership, MailingList, Suppression
from campaigns.suppression.add import suppress
from campaigns.suppression.release import release_own
from delivery.models import Message
from tracking.doors import Subject

LIST = "list"
ALL = "all"
# messages with this tag are test sends: their unsubscribe links change nothing
TEST_TAG = "test"
THEMSELVES = "the person themselves"


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a token means. lead_id is 0 and address "" where there is no lead (erased, or never was one)."""

    lead_id: int
    address: str
    mailing_list: MailingList | None = None
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What the page shows. list_name: "" where the campaign did not go to a list; address: masked. is_known: False
    where PostgreSQL could not be asked; what then stands here is only likely."""

    is_known: bool = False
    address: str = ""
    list_name: str = ""
    on_list: bool = True
    subscribed: bool = True
    is_test: bool = False


def find(subject: Subject, *, lock: bool = False) -> Person:
    """The person behind a token; `lock` holds the lead's row until the transaction ends."""
    leads = Lead.objects.select_for_update() if lock else Lead.objects.all()
    if subject.message_id:
        message = Message.objects.filter(id=subject.message_id).only("id", "created_at", "to_address", "tags").first()
        if message is None:
            return Person(0, "")
        address = _normalised(message.to_address)
        lead = leads.filter(email=address).first()
        return Person(lead.pk if lead else 0, address, is_test=TEST_TAG in message.tags)
    lead = leads.filter(pk=subject.lead_id).first()
    campaign = Campaign.objects.filter(pk=subject.campaign_id).select_related("mailing_list").first()
    mailing_list = campaign.mailing_list if campaign else None
    return Person(lead.pk if lead else 0, lead.email if lead else "", mailing_list)


def standing(subject: Subject) -> Standing:
    """How the person stands now. Raises OperationalError or InterfaceError where PostgreSQL is away."""
    person = find(subject)
    return Standing(
        is_known=True,
        address=masked(person.address),
        list_name=person.mailing_list.name if person.mailing_list else "",
        on_list=not _left_list(person),
        subscribed=not _left_everything(person),
        is_test=person.is_test,
    )


def leave(person: Person, scope: str, source: str) -> bool:
    """Unsubscribe from the list or from everything; True when anything changed. Call inside a transaction."""
    if scope == LIST:
        return _leave_list(person)
    changed = _set_status(person, Lead.Status.SUBSCRIBED, Lead.Status.UNSUBSCRIBED)
    new = suppress([person.address], reason=Suppression.Reason.UNSUBSCRIBE, source=source) if person.address else 0
    return changed or new > 0


def come_back(person: Person, scope: str, source: str) -> bool:
    """Undo what the person did, never what a bounce, a complaint or an operator did. True when anything changed."""
    if scope == LIST:
        left = _memberships(person).filter(status=ListMembership.Status.UNSUBSCRIBED)
        return left.update(status=ListMembership.Status.SUBSCRIBED, changed_at=Now()) > 0
    changed = _set_status(person, Lead.Status.UNSUBSCRIBED, Lead.Status.SUBSCRIBED)
    released = bool(person.address) and release_own(person.address, by=THEMSELVES, why=f"came back by {source}")
    return released or changed


def masked(address: str) -> str:
    """Enough of an address for its owner: forwarded mail must not show it to others. "" stays ""."""
    name, at, domain = address.rpartition("@")
    return f"{name[:1]}•••{at}{domain}" if at else ""


def _normalised(address: str) -> str:
    try:
        return addresses.normalise(address)
    except addresses.AddressInvalid:
        return address.strip().lower()


def _memberships(person: Person) -> QuerySet[ListMembership]:
    return ListMembership.objects.filter(mailing_list=person.mailing_list, lead_id=person.lead_id)


def _suppressions(address: str) -> QuerySet[Suppression]:
    return Suppression.objects.filter(digest=addresses.digest(address), kind=Suppression.Kind.ADDRESS)


def _left_list(person: Person) -> bool:
    if person.mailing_list is None or not person.lead_id:
        return False
    return _memberships(person).filter(status=ListMembership.Status.UNSUBSCRIBED).exists()


def _left_everything(person: Person) -> bool:
    if Lead.objects.filter(pk=person.lead_id).exclude(status=Lead.Status.SUBSCRIBED).exists():
        return True
    return bool(person.address) and _suppressions(person.address).exists()


def _leave_list(person: Person) -> bool:
    """A membership that is gone is made anew: a later import must not bring the person back."""
    if person.mailing_list is None or not person.lead_id:
        return False
    left = ListMembership.Status.UNSUBSCRIBED
    if _memberships(person).exclude(status=left).update(status=left, changed_at=Now()):
        return True
    _, made = ListMembership.objects.get_or_create(
        mailing_list=person.mailing_list, lead_id=person.lead_id, defaults={"status": left}
    )
    return made


def _set_status(person: Person, old: Lead.Status, new: Lead.Status) -> bool:
    return Lead.objects.filter(pk=person.lead_id, status=old).update(status=new, updated_at=Now()) > 0
