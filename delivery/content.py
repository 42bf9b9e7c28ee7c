"""Frozen content, from the database to a template that renders in microseconds; and where its links lead."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from campaigns.addresses import domain_of
from campaigns.content import CompiledContent
from campaigns.content.liquid import parse
from campaigns.models import Campaign, FeedEntry, Lead
from delivery.domain_keys import signer_of
from delivery.domains import DomainBook, Known
from delivery.engine.message import Attachment, Mailbox, MessageTemplate
from delivery.models import FrozenContent, Link
from delivery.tokens import door_urls, signer

Context = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a worker keeps of one campaign and variant while it sends it. bounce_domain: of the return path, or ""."""

    campaign_id: int
    campaign: dict[str, object]
    template: MessageTemplate
    sender: str
    message_domain: str
    bounce_domain: str


def build_template(
    content: CompiledContent,
    sender: Mailbox,
    headers: list[tuple[str, str]],
    domain: Known | None,
    attachments: Sequence[Attachment] = (),
) -> MessageTemplate:
    """The compiled content as a message template: static parts are encoded here, once.

    domain: the sender's, whose keys sign the messages where it signs. Raises SigningImpossible.
    """
    return MessageTemplate(
        subject_parts=parse(content.subject, html=False),
        html_parts=parse(content.html, html=True),
        text_parts=parse(content.text, html=False),
        sender=sender,
        static_headers=headers,
        attachments=attachments,
        signer=signer_of(domain),
    )


def campaign_headers(campaign: Campaign) -> list[tuple[str, str]]:
    """The headers that are the same for every lead of a campaign."""
    domain = settings.BOUNCE_DOMAIN or domain_of(campaign.from_email)
    audience = f"list-{campaign.mailing_list_id}" if campaign.mailing_list_id else f"campaign-{campaign.pk}"
    headers = [
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("List-Id", f"<{audience}.{domain}>"),
        ("Feedback-ID", f"c{campaign.pk}:{audience}:bulk:massmailer"),
    ]
    return [*headers, ("Reply-To", campaign.reply_to)] if campaign.reply_to else headers


def bounce_domain_of(domain: Known | None) -> str:
    """The domain of the return path: the sending domain's own, else the installation's, else ""."""
    return (domain.bounce_domain if domain else "") or settings.BOUNCE_DOMAIN


def prepare(campaign_id: int, variant: int, book: DomainBook) -> Prepared:
    """Load one frozen variant, to be signed as its sending domain demands it now.

    Raises FrozenContent.DoesNotExist for a campaign that was never launched, SigningImpossible.
    """
    campaign = Campaign.objects.get(pk=campaign_id)
    frozen = FrozenContent.objects.get(campaign_id=campaign_id, variant=variant)
    content = CompiledContent.from_bytes(bytes(frozen.payload))
    sender = Mailbox(campaign.from_email, campaign.from_name)
    domain = book.find(campaign.from_email)
    # a cancelled campaign only drains: a key that cannot be opened must not hold that up
    signing = None if campaign.state == Campaign.State.CANCELLED else domain
    return Prepared(
        campaign_id=campaign_id,
        campaign={"id": campaign.pk, "name": campaign.name},
        template=build_template(content, sender, campaign_headers(campaign), signing),
        sender=campaign.from_email,
        message_domain=domain_of(campaign.from_email),
        bounce_domain=bounce_domain_of(domain),
    )


def lead_values(lead: Lead) -> dict[str, object]:
    """A lead as merge tags see it: JSON-native values only."""
    return {
        "id": lead.pk,
        "email": lead.email,
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "language": lead.language,
        "time_zone": lead.time_zone,
        "attributes": lead.attributes,
        "tags": lead.tags,
    }


def campaign_context(campaign_id: int, campaign_name: str, lead: Lead) -> Context:
    """Everything that the templates of this campaign may name for this lead, its tracked addresses included."""
    context: Context = {
        "lead": lead_values(lead),
        "campaign": {"id": campaign_id, "name": campaign_name},
        **door_urls(signer().sign_all("campaign", campaign_id, lead.pk)),
    }
    feed = FeedEntry.objects.filter(campaign_id=campaign_id, lead_id=lead.pk).values_list("data", flat=True).first()
    return context if feed is None else {**context, "feed": feed}


def render_html(*, campaign_id: int, lead_id: int) -> str | None:
    """The HTML part as this lead got it, with today's values of the lead; None when lead or content is gone."""
    lead = Lead.objects.filter(pk=lead_id).first()
    frozen = FrozenContent.objects.filter(campaign_id=campaign_id, variant__gte=0).select_related("campaign").first()
    if lead is None or frozen is None:
        return None
    content = CompiledContent.from_bytes(bytes(frozen.payload))
    return render_text(content.html, campaign_context(campaign_id, frozen.campaign.name, lead), html=True)


def render_text(source: str, context: Mapping[str, object], *, html: bool) -> str:
    """Render a compiled source as a whole. Raises RenderFailed with the place."""
    return "".join(part if isinstance(part, str) else part.render(context) for part in parse(source, html=html))


# the links of launched campaigns, which never change; of more the oldest are read again
_links: OrderedDict[int, Mapping[int, str]] = OrderedDict()
CAMPAIGNS_KNOWN = 512


def _targets(campaign_id: int) -> Mapping[int, str]:
    """All links of a launched campaign. Raises Link.DoesNotExist, which is not remembered."""
    known = _links.get(campaign_id)
    if known is not None:
        return known
    targets = dict(Link.objects.filter(campaign_id=campaign_id).values_list("number", "url"))
    if not targets:
        raise Link.DoesNotExist(f"campaign {campaign_id} has no links")
    _links[campaign_id] = targets
    if len(_links) > CAMPAIGNS_KNOWN:
        _links.popitem(last=False)
    return targets


def known_target(*, campaign_id: int, number: int) -> str | None:
    """Where a link leads, where this process can tell without a query and it is the web's; None: ask link_target()."""
    url = _links.get(campaign_id, {}).get(number)
    return None if url is None or "{" in url else web_address(url)


def link_target(*, campaign_id: int, number: int, lead_id: int) -> str | None:
    """Where a tracked link leads; None for an unknown link.

    The links of a campaign are read once a process; the lead is read only for a target with merge tags.
    """
    try:
        url = _targets(campaign_id).get(number)
    except Link.DoesNotExist:
        return None
    if url is None:
        return None
    if "{" not in url:
        return url
    lead = Lead.objects.filter(pk=lead_id).first()
    campaign = Campaign.objects.filter(pk=campaign_id).values_list("name", flat=True).first()
    if lead is None or campaign is None:
        return None
    return web_address(render_text(url, campaign_context(campaign_id, campaign, lead), html=False))


def web_address(url: str) -> str | None:
    """The address when it is one of the web: a merge value must not turn a link into javascript: or worse."""
    return url if url.startswith(("https://", "http://")) and not any(c in url for c in "\r\n\0") else None


def message_context(message_id: int, to_address: str, data: Mapping[str, object]) -> Context:
    """Everything that a transactional message's templates may name."""
    named = {name: data[name] for name in ("lead", "campaign", "feed") if name in data}
    return {
        "lead": {"email": to_address},
        **named,
        "data": data,
        **door_urls(signer().sign_all("message", message_id, 0)),
    }
