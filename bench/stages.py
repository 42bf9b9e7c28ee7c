"""What each step of one message costs, alone and in a loop: the smallest of many rounds, in µs of processor time.

    .venv/bin/python -m bench.stages [--size 2000] [--merge-tags 4] [--links 5] [--rounds 40]

No engines and no network. The smallest round is what a step costs when nothing gets in its way; in a busy worker, with
cold caches, it costs more.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import django

LEADS = 500
# as a window has them
WINDOW = 48


def least(work: Callable[[], object], rounds: int) -> float:
    """Seconds of processor time of the quickest round."""
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def rows() -> list[tuple[Any, ...]]:
    """Rows as sql.WINDOW_LEADS gives them."""
    attributes = {"city": "Paris", "plan": "pro", "orders": 7}
    return [
        (n, f"lead{n}@d{n % 500}.example", f"Ada{n}", "Lovelace", "en", "", attributes, ["vip"], "subscribed",
         "subscribed", None, None, None, None, None, None)
        for n in range(100_000, 100_000 + LEADS)
    ]  # fmt: skip


def steps(size_bytes: int, tags: int, links: int) -> dict[str, Callable[[], object]]:
    """The steps by name; each works on LEADS messages."""
    from bench.throughput_content import SUBJECT, build_for_size
    from campaigns.content.compile import compile_content
    from campaigns.content.source import ContentSource
    from campaigns.models import Campaign
    from delivery.content import Prepared, build_template, campaign_headers
    from delivery.engine.message import Mailbox
    from delivery.engine.outcome import Outcome
    from delivery.engine.smtp.envelope import Capabilities, build_envelope
    from delivery.lead_letter import Assignment, LeadLetter, Moment, press, write_letter
    from delivery.smtp_channel import compose
    from delivery.tokens import door_urls, signer

    campaign = Campaign(pk=7, name="News", from_email="news@sender.example", from_name="News", mailing_list_id=3)
    content = compile_content(ContentSource(SUBJECT, "", build_for_size(tags, links, size_bytes), "html"))
    template = build_template(
        content, Mailbox(campaign.from_email, campaign.from_name), campaign_headers(campaign), None
    )
    sender, domain = campaign.from_email, "sender.example"
    prepared = Prepared(7, {"id": 7, "name": "News"}, template, sender, domain, f"bounce.{domain}")
    work = Assignment(7, 3, 1, prepared)
    leads, now, sign = rows(), dt.datetime.now(dt.UTC), signer().sign_all
    many, heads = signer().sign_many, signer().heads("campaign", 7)
    letters = [write_letter(work, row, now, 1e12) for row in leads]
    rendered = [compose(letter) for letter in letters]
    messages = [one[0] for one in rendered if not isinstance(one, Outcome)]
    print(f"{len(messages)} messages of {sum(len(message.data) for message in messages) // LEADS} bytes")
    moment = Moment()
    pressed = press([LeadLetter(work, row, moment, 1e12) for row in leads])
    ready = [one[0] for one in pressed if one is not None]
    offers = Capabilities(pipelining=True, eight_bit=True, smtputf8=True, size_offered=True)
    return {
        "tokens": lambda: [sign("campaign", 7, row[0]) for row in leads],
        "tokens and addresses": lambda: [door_urls(sign("campaign", 7, row[0])) for row in leads],
        "letter (with tokens)": lambda: [write_letter(work, row, now, 1e12) for row in leads],
        "headers": lambda: [template._lines(letter.context, letter.head) for letter in letters],
        "render (with headers)": lambda: [compose(letter) for letter in letters],
        "envelope": lambda: [build_envelope(message, offers) for message in messages],
        "tokens, the short way": lambda: [
            many(heads, [row[0] for row in leads[start : start + WINDOW]]) for start in range(0, len(leads), WINDOW)
        ],
        f"all of it, the short way ({len(ready)})": lambda: [
            press([LeadLetter(work, row, moment, 1e12) for row in leads[start : start + WINDOW]])
            for start in range(0, len(leads), WINDOW)
        ],
        "envelope, the short way": lambda: [build_envelope(message, offers) for message in ready],
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bench.stages", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--merge-tags", type=int, default=4)
    parser.add_argument("--links", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=40)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as folder:
        os.environ.update(MASSMAILER_VAR=folder, BOUNCE_DOMAIN="bounce.sender.example")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
        django.setup()
        for name, work in steps(given.size, given.merge_tags, given.links).items():
            print(f"{name:<34} {least(work, given.rounds) / LEADS * 1e6:6.2f} µs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
