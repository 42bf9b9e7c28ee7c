"""Mailbox groups by MX records: a real name server on loopback, real leads, a real import."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from campaigns import mail_domains, mail_resolver, tasks
from campaigns.leads import imports
from campaigns.mail_resolver import Answer, DnsResolver
from campaigns.models import Lead, MailDomain
from campaigns.segments import count
from tests.dns_server import DnsServer
from tests.people import boss

pytestmark = pytest.mark.django_db
ZONE = {
    "works.example": ["10 backup.works.example.", "1 aspmx.l.google.com."],
    "office.example": ["0 office-example.mail.protection.outlook.com."],
    "own.example": ["5 mail.own.example."],
    "bare.example": [],
    "never.example": ["0 ."],
}


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer() as running:
        for domain, records in ZONE.items():
            running.put(domain, "MX", *records)
        yield running


@pytest.fixture
def resolver(server: DnsServer) -> DnsResolver:
    return DnsResolver(["127.0.0.1"], server.port)


def lead(address: str) -> Lead:
    return Lead.objects.create(email=address)


def note(*domains: str, **fields: Any) -> None:
    MailDomain.objects.bulk_create(MailDomain(domain=domain, **fields) for domain in domains)


def group(address: str) -> str:
    return Lead.objects.get(email=address).mailbox_group


def ago(**span: float) -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(**span)


def test_leads_get_the_group_of_who_takes_their_mail(resolver: DnsResolver) -> None:
    addresses = [f"ada@{domain}" for domain in (*ZONE, "gone.example")]
    for address in addresses:
        lead(address)
    note(*ZONE, "gone.example")

    assert mail_domains.resolve_due(resolver) == 6

    assert [group(address) for address in addresses] == ["gmail", "microsoft", "other", "other", "other", "other"]
    rows = {row.domain: row for row in MailDomain.objects.all()}
    assert rows["works.example"].mail_host == "aspmx.l.google.com"
    assert rows["own.example"].mail_host == "mail.own.example"
    assert rows["bare.example"].mail_host == "bare.example"
    assert rows["never.example"].mail_host == ""
    assert all(row.error == "" and row.checked_at for row in rows.values())
    assert mail_domains.resolve_due(resolver) == 0


def test_other_domains_and_other_peoples_groups_are_left_alone(resolver: DnsResolver) -> None:
    for address in ("ada@gmail.com", "ada@sub.works.example", "ada@works.example.org"):
        lead(address)
    note("works.example")

    mail_domains.resolve_due(resolver)

    assert [group(row.email) for row in Lead.objects.order_by("id")] == ["gmail", "other", "other"]


def test_many_leads_are_changed_in_pieces(resolver: DnsResolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_domains, "LEADS_A_STATEMENT", 3)
    Lead.objects.bulk_create(Lead(email=f"lead{number}@works.example") for number in range(10))
    note("works.example")

    mail_domains.resolve_due(resolver)

    assert Lead.objects.filter(mailbox_group="gmail").count() == 10


def test_a_domain_that_moved_takes_its_leads_along(resolver: DnsResolver) -> None:
    Lead.objects.bulk_create([Lead(email="ada@own.example", mailbox_group="gmail")])
    note("own.example", mailbox_group="gmail", checked_at=ago(days=31))

    mail_domains.resolve_due(resolver)

    assert group("ada@own.example") == "other"


@pytest.mark.parametrize(
    ("fields", "is_due"),
    [
        ({}, True),
        ({"checked_at": ago(days=29)}, False),
        ({"checked_at": ago(days=31)}, True),
        ({"checked_at": ago(hours=23), "error": "SERVFAIL"}, False),
        ({"checked_at": ago(hours=25), "error": "SERVFAIL"}, True),
    ],
)
def test_answers_are_kept_for_a_month_and_failures_for_a_day(fields: dict[str, Any], is_due: bool) -> None:
    note("works.example", **fields)
    assert mail_domains.due().exists() == is_due


def test_a_domain_whose_servers_fail_keeps_its_group_and_waits_a_day(server: DnsServer, resolver: DnsResolver) -> None:
    server.broken.add("works.example")
    Lead.objects.bulk_create([Lead(email="ada@works.example", mailbox_group="gmail")])
    note("works.example", mailbox_group="gmail", mail_host="aspmx.l.google.com", checked_at=ago(days=40))

    assert mail_domains.resolve_due(resolver) == 1

    row = MailDomain.objects.get()
    assert "SERVFAIL" in row.error
    assert (row.mailbox_group, row.mail_host) == ("gmail", "aspmx.l.google.com")
    assert group("ada@works.example") == "gmail"
    assert not mail_domains.due().exists()


def test_silence_costs_its_own_domain_only(server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_resolver, "TIMEOUT_SECONDS", 0.2)
    server.silent.add("own.example")
    lead("ada@works.example")
    note("works.example", "own.example")

    mail_domains.resolve_due(DnsResolver(["127.0.0.1"], server.port))

    assert group("ada@works.example") == "gmail"
    assert "Timeout" in MailDomain.objects.get(domain="own.example").error


def test_without_dns_nothing_changes_and_one_line_says_so(
    server: DnsServer, resolver: DnsResolver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    server.broken.add(".")
    note("works.example", "own.example")

    assert mail_domains.resolve_due(resolver) == 0

    assert [record.getMessage() for record in caplog.records if "campaigns" in record.name] == [
        "DNS does not answer: 2 domains keep their mailbox group for now"
    ]
    assert not MailDomain.objects.exclude(checked_at=None, error="").exists()
    assert not server.asked["works.example MX"]
    server.broken.clear()
    assert mail_domains.resolve_due(resolver) == 2


def test_a_run_is_bounded_and_asks_about_new_domains_first(server: DnsServer, resolver: DnsResolver) -> None:
    note("own.example", checked_at=ago(days=90))
    note("bare.example", "works.example")

    assert mail_domains.resolve_due(resolver, limit=2) == 2

    assert set(server.asked) == {". NS", "works.example MX", "bare.example MX"}


def test_no_more_than_so_many_questions_are_open_at_once() -> None:
    class Slow:
        def __init__(self) -> None:
            self.open = self.most = 0

        async def is_there(self) -> bool:
            return True

        async def exchanges(self, domain: str) -> Answer:
            self.open += 1
            self.most = max(self.most, self.open)
            await asyncio.sleep(0)
            self.open -= 1
            return Answer()

    slow = Slow()
    note(*(f"d{number}.example" for number in range(60)))

    mail_domains.resolve_due(slow)

    assert slow.most == mail_domains.LOOKUPS_AT_ONCE


# --- the doors that leads come in by ----------------------------------------------------------------------------------
def import_file(tmp_path: Path, *addresses: str) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("\n".join(["email", *addresses]) + "\n")
    row = imports.run_import(imports.register_import(path=path, name=path.name).pk)
    assert row.state == "done", row.error


def test_an_import_notes_new_domains_at_once_and_none_that_the_table_knows(tmp_path: Path) -> None:
    import_file(tmp_path, "ada@works.example", "bob@works.example", "eve@own.example", "kim@gmail.com")

    assert set(MailDomain.objects.values_list("domain", "checked_at")) == {
        ("works.example", None),
        ("own.example", None),
    }


def test_an_import_brings_known_domains_in_with_their_group(tmp_path: Path) -> None:
    checked = ago(days=1)
    note("works.example", mailbox_group="gmail", checked_at=checked)

    import_file(tmp_path, "ada@works.example", "eve@own.example", "kim@yahoo.com")

    assert [group(f"{who}") for who in ("ada@works.example", "eve@own.example", "kim@yahoo.com")] == [
        "gmail", "other", "yahoo",
    ]  # fmt: skip
    assert MailDomain.objects.get(domain="works.example").checked_at == checked


def test_a_domain_that_was_looked_up_while_an_import_ran_is_asked_about_again(tmp_path: Path) -> None:
    # in the future: later than the merge began, whenever that is
    note("works.example", mailbox_group="gmail", checked_at=ago(days=-1))

    import_file(tmp_path, "ada@works.example")

    assert MailDomain.objects.get().checked_at is None


def test_a_lead_that_a_person_edits_keeps_its_group(resolver: DnsResolver) -> None:
    client, form = boss(), {"first_name": "Ada", "status": "subscribed", "tags": "", "attributes": "{}"}
    client.post(reverse("admin:campaigns_lead_add"), {**form, "email": "ada@works.example"})
    mail_domains.resolve_due(resolver)
    assert group("ada@works.example") == "gmail"

    page = reverse("admin:campaigns_lead_change", args=[Lead.objects.get().pk])
    client.post(page, {**form, "email": "ada@works.example", "last_name": "L"})
    assert (group("ada@works.example"), Lead.objects.get().last_name) == ("gmail", "L")

    client.post(page, {**form, "email": "ada@own.example"})
    assert group("ada@own.example") == "other"


def test_the_command_finds_the_domains_of_all_leads(
    server: DnsServer, resolver: DnsResolver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for address in ("ada@works.example", "bob@works.example", "kim@gmail.com"):
        lead(address)
    monkeypatch.setattr(mail_domains, "DnsResolver", lambda: resolver)

    call_command("resolve_mail_domains")

    assert group("bob@works.example") == "gmail"
    assert "1 new domains, 1 to look up" in capsys.readouterr().out


def test_the_task_asks_nobody_where_an_operator_switched_it_off() -> None:
    note("works.example")
    assert tasks.resolve_mail_domains() == 0
    assert mail_domains.due().exists()


def test_leads_are_found_by_the_index_on_their_domain() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN " + mail_domains.mail_sql.LEADS_OF_DOMAINS, {"domains": ["works.example"], "groups": ["gmail"]}
        )
        assert "lead_email_domain" in str(cursor.fetchall())
    lead("ada@works.example")
    assert count({"field": "email_domain", "op": "is", "value": "works.example"}) == 1
