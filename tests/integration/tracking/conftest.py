"""A campaign that has been sent, without sending: leads, links and ledger rows in the real engines."""

from __future__ import annotations

import datetime as dt
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
from django.conf import settings
from django.db import connection

from campaigns import addresses
from campaigns.content import ContentSource, compile_content
from campaigns.models import Campaign, Lead, ListMembership, MailingList
from delivery import content, partitions
from delivery.engine.token import Tokens
from delivery.models import Email, FrozenContent, Link
from delivery.tokens import signer
from tracking import stream

ROOT = Path(__file__).resolve().parents[3]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
BODY = """<html><body><h1>Hello {{ lead.first_name }}</h1><p><a href="https://shop.example/offer?a=1">Offer</a>
<a href="https://shop.example/for/{{ lead.first_name }}">Yours</a> <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>
</body></html>"""
HOUR_AGO = dt.timedelta(hours=1)


# far from what any sequence gives: the provider that sent these e-mails was deleted since
GONE_PROVIDER = 2_000_000_007


@dataclass
class Sent:
    """A campaign and its leads. `tokens(n)` are those in the e-mail of the n-th lead."""

    campaign: Campaign
    leads: list[Lead] = field(default_factory=list)

    def tokens(self, n: int = 0) -> Tokens:
        return signer().sign_all("campaign", self.campaign.pk, self.leads[n].pk)

    def row(self, n: int = 0) -> Email:
        return Email.objects.get(campaign_id=self.campaign.pk, lead_id=self.leads[n].pk)

    def deliver(self, *numbers: int, status: str = "sent", ago: dt.timedelta = HOUR_AGO) -> None:
        """Write the ledger's rows of these leads (of all, when none is named)."""
        now = dt.datetime.now(dt.UTC)
        wanted = [self.leads[n] for n in numbers] if numbers else self.leads
        rows = [
            Email(
                campaign_id=self.campaign.pk, lead_id=lead.pk, attempt=1, tries=1, status=status, variant=0,
                at=now - ago, provider_id=GONE_PROVIDER, address_hash=addresses.address_hash(lead.email),
            )
            for lead in wanted
        ]  # fmt: skip
        Email.objects.bulk_create(rows, batch_size=2000)

    def refreshed(self) -> Campaign:
        self.campaign.refresh_from_db()
        return self.campaign


MakeSent = Callable[..., Sent]


@pytest.fixture
def make_sent(redis_client: redis.Redis, db: None) -> MakeSent:
    """A function that makes a campaign with frozen content, `leads` leads, and the ledger's rows unless told not to."""

    def make(leads: int = 1, *, to_list: bool = False, delivered: bool = True) -> Sent:
        forget_partitioned_rows()
        content._links.clear()
        mailing_list = MailingList.objects.create(name="Garden news") if to_list else None
        campaign = Campaign.objects.create(
            name="Spring", subject="Hello", from_email="news@sender.example", body=BODY, body_format="html",
            state=Campaign.State.SENT, mailing_list=mailing_list, sent=leads, audience=leads,
            launched_at=dt.datetime.now(dt.UTC),
        )  # fmt: skip
        partitions.ensure_email_partition(campaign.pk)
        made = Lead.objects.bulk_create(Lead(email=f"ada{n}@example.com", first_name=f"Ada{n}") for n in range(leads))
        if mailing_list:
            ListMembership.objects.bulk_create(ListMembership(mailing_list=mailing_list, lead=lead) for lead in made)
        compiled = compile_content(ContentSource("Hello", "", BODY, "html"))
        FrozenContent.objects.create(campaign=campaign, payload=compiled.to_bytes())
        Link.objects.bulk_create(
            Link(campaign=campaign, number=link.number, url=link.url, label=link.label) for link in compiled.links
        )
        sent = Sent(campaign, made)
        if delivered:
            sent.deliver()
        return sent

    return make


def forget_partitioned_rows() -> None:
    """Tables that Django does not manage are not emptied after tests that commit."""
    with connection.cursor() as cursor:
        for table in ("delivery_email", "delivery_message", "tracking_event"):
            cursor.execute(f"DELETE FROM {table}")


@pytest.fixture
def sent(make_sent: MakeSent) -> Sent:
    return make_sent()


@pytest.fixture
def unreachable_redis(redis_client: redis.Redis, settings: object) -> None:
    """Redis at an address where nobody listens."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # type: ignore[attr-defined]


class PostgresAway:
    """`with PostgresAway():` PostgreSQL stands at an address where nobody listens."""

    def __enter__(self) -> None:
        connection.close()
        self._host = connection.settings_dict["HOST"]
        connection.settings_dict["HOST"] = "/nowhere"

    def __exit__(self, *_: object) -> None:
        connection.close()
        connection.settings_dict["HOST"] = self._host


def drain_in_a_process(failpoint: str = "") -> subprocess.CompletedProcess[str]:
    """One drain in a process of its own, against this test's database; `failpoint`: "name:path"."""
    code = "import django; django.setup(); from tracking.consume import drain; print(drain(seconds=30))"
    return in_a_process(code, failpoint)


def in_a_process(code: str, failpoint: str = "") -> subprocess.CompletedProcess[str]:
    """Some Python in a process of its own, against this test's database; `failpoint`: "name:path"."""
    environment = {**process_environment(), "MASSMAILER_FAILPOINT": failpoint}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def process_environment() -> dict[str, str]:
    """The environment of a process of its own that uses this test's database, Redis and keys."""
    url = urlsplit(settings.DATABASE_URL)
    return {
        **os.environ,
        "DATABASE_URL": urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}")),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        "ALLOWED_HOSTS": "localhost",
        "FLOWER_BASIC_AUTH": "test:test",
        "DJANGO_SETTINGS_MODULE": "massmailer.settings",
    }


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield int(listener.getsockname()[1])


@pytest.fixture(autouse=True)
def no_pause() -> Iterator[None]:
    """Each test finds the stream as a new process does."""
    stream._away.__init__()  # type: ignore[misc]
    yield
    stream._away.__init__()  # type: ignore[misc]
