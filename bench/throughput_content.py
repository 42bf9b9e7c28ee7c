"""The campaign that the benchmark sends: so many merge tags, so many tracked links, so many bytes."""

from __future__ import annotations

import datetime as dt

SUBJECT = "News for {{ lead.first_name }}"
SENDER = "News <news@sender.example>"
TAGS = ("lead.first_name", "lead.last_name", "lead.attributes.city", "lead.attributes.plan")
# markup as e-mails have it: it weighs, and the plain text does not repeat it
FILLER = '<p style="margin:0;padding:0 0 12px 0;line-height:22px;font-family:Helvetica,Arial,sans-serif"></p>\n'


def build_html(tags: int, links: int, filler_bytes: int = 0) -> str:
    """A body with so many merge tags and links, and so many bytes of markup beside them."""
    greeting = " ".join(f"{{{{ {TAGS[n % len(TAGS)]} }}}}" for n in range(tags))
    offers = "".join(f'<p><a href="https://shop.example/offer/{n}">Offer {n}</a></p>\n' for n in range(links))
    filler = (FILLER * (filler_bytes // len(FILLER) + 1))[: filler_bytes // len(FILLER) * len(FILLER)]
    end = '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'
    return f"<html><body><p>Dear {greeting}</p>\n{offers}{filler}{end}</body></html>"


def build_text(tags: int, links: int) -> str:
    """The plain text to it, for those who must write it themselves."""
    greeting = " ".join(f"{{{{ {TAGS[n % len(TAGS)]} }}}}" for n in range(tags))
    offers = "".join(f"Offer {n}: https://shop.example/offer/{n}\n" for n in range(links))
    return f"Dear {greeting}\n\n{offers}\nUnsubscribe: {{{{ unsubscribe_url }}}}\n"


def build_for_size(tags: int, links: int, size_bytes: int) -> str:
    """A body whose message, with headers and plain text, has about this size. Never smaller than its own contents."""
    bare = message_bytes(build_html(tags, links))
    if size_bytes <= bare:
        return build_html(tags, links)
    probe = 100 * len(FILLER)
    growth = (message_bytes(build_html(tags, links, probe)) - bare) / probe
    return build_html(tags, links, round((size_bytes - bare) / growth))


def message_bytes(html: str) -> int:
    """The size of the message to one reader, by the product's own compiler and builder."""
    from campaigns.content.compile import compile_content
    from campaigns.content.source import ContentSource
    from delivery.content import build_template
    from delivery.engine.message import Mailbox, MessageHead
    from delivery.tokens import door_urls, signer

    content = compile_content(ContentSource(SUBJECT, "", html, "html"))
    template = build_template(content, Mailbox("news@sender.example", "News"), [], None)
    tokens = signer().sign_all("campaign", 1, 100_000)
    lead = {"first_name": "Ada100000", "last_name": "Lovelace", "attributes": {"city": "Paris", "plan": "pro"}}
    head = MessageHead(
        "lead100000@d1.example", "Ada100000 Lovelace", "1.186a0.1@sender.example", dt.datetime.now(dt.UTC)
    )
    return len(template.render({"lead": lead, **door_urls(tokens)}, head).data)
