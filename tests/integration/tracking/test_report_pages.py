"""The report pages through HTTP: what they show, who sees them, and where they read it."""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns import addresses
from campaigns.models import Campaign, Lead, ListMembership, Suppression
from delivery.models import Email, Link
from tests.integration.delivery.ledger_house import sent_campaign
from tests.integration.tracking.conftest import forget_partitioned_rows
from tests.people import a_campaign, a_list, boss, somebody
from tracking import dimensions, reports
from tracking.models import Breakdown, ReportSettings
from tracking.occurrence import happened
from tracking.record import record
from tracking.reports import Wanted, database
from tracking.reports import leads as recipient_reports
from tracking.reports import sender as sender_reports
from tracking.reports.leads import every_recipient
from tracking.reports.over_time import SCALES
from tracking.roll import roll_up

STATUSES = ("sent", "sent", "sent", "sent", "bounced_hard", "deferred", "skipped", "failed")


class Asked(list[str]):
    """The statements that were asked inside `with`, those for savepoints left out; prepared ones are hidden from
    CaptureQueriesContext."""

    def __enter__(self) -> Asked:
        self._noting = connection.execute_wrapper(self._note)
        self._noting.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._noting.__exit__(None, None, None)

    def _note(self, execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE")):
            self.append(sql)
        return execute(sql, params, many, context)


@dataclass
class House:
    """A sent campaign of `author` with everything that can come back; `leads` by number."""

    campaign: Campaign
    leads: list[Lead]
    author: User

    def url(self, name: str, *more: object) -> str:
        return reverse(f"tracking_{name}", args=[self.campaign.pk, *more])


def build_house() -> House:
    dimensions.forget()
    forget_partitioned_rows()
    campaign = sent_campaign(STATUSES)
    author = User.objects.create(username="grace", is_staff=True)
    launched = dt.datetime.now(dt.UTC) - dt.timedelta(hours=48)
    Campaign.objects.filter(pk=campaign.pk).update(created_by=author, launched_at=launched)
    campaign.refresh_from_db()
    leads = list(Lead.objects.filter(email__startswith="reader").order_by("id"))
    Lead.objects.filter(pk=leads[0].pk).update(email="ada@gmail.com", attributes={"country": "FR"})
    leads[0].refresh_from_db()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_email SET reply = 'unsubscribed' WHERE status = 'skipped'")
        cursor.execute("UPDATE delivery_email SET code = 550, enhanced = '5.1.1' WHERE status = 'bounced_hard'")
    Link.objects.create(campaign=campaign, number=1, url="https://shop.example/offer", label="Offer")
    about = {"campaign_id": campaign.pk, "lead_id": leads[0].pk, "at": launched + dt.timedelta(hours=2)}
    record(
        [
            happened("open", **about),
            happened("click", link_number=1, **about),
            happened("open", **{**about, "lead_id": leads[1].pk}),
            happened("open", who="machine", **{**about, "lead_id": leads[2].pk}),
            happened("unsubscribe", **about),
        ]
    )
    roll_up(seconds=5)
    campaign.refresh_from_db()
    return House(campaign, leads, author)


@pytest.fixture
def house(db: None) -> House:
    return build_house()


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return " ".join(response.content.decode().split())


def pages(house: House) -> dict[str, str]:
    """Every report page, by name."""
    return {
        "list": reverse("tracking_reports"),
        "overview": house.url("report"),
        "by minute": f"{house.url('report')}?scale=minute&who=all",
        "by day": f"{house.url('report')}?scale=day&who=machine",
        **{dimension: house.url("breakdown", dimension) for dimension in ("domain", "group", "provider", "variant")},
        "reason": house.url("breakdown", "reason"),
        "country": house.url("breakdown", "country"),
        "recipients": house.url("recipients"),
        "filtered": f"{house.url('recipients')}?opened=yes&domain=gmail.com",
        "timeline": reverse("tracking_timeline", args=[house.leads[0].pk]),
        "compare": f"{reverse('tracking_compare')}?c={house.campaign.pk}&c={house.campaign.pk}",
        "deliverability": reverse("tracking_deliverability"),
        "by domain": f"{reverse('tracking_deliverability')}?by=domain&days=90",
        "senders": reverse("tracking_senders"),
        "sender": reverse("tracking_sender", args=[house.author.pk]),
    }


def files(house: House) -> dict[str, str]:
    return {
        "recipients": house.url("recipients_csv"),
        "breakdown": house.url("breakdown_csv", "domain"),
        "sender": reverse("tracking_sender_csv", args=[house.author.pk]),
    }


def test_viewers_see_every_report(house: House) -> None:
    client = somebody("Viewers")
    for name, address in {**pages(house), **files(house)}.items():
        response = client.get(address)
        assert response.status_code == 200, name


def test_who_may_not_see_reports_sees_none(house: House) -> None:
    client = somebody("", "campaigns.view_campaign", "delivery.view_email", "campaigns.view_lead")
    for name, address in {**pages(house), **files(house)}.items():
        assert client.get(address).status_code == 403, name


def test_without_the_right_to_see_leads_there_are_no_addresses(house: House) -> None:
    client = somebody("", "tracking.view_reports", "delivery.view_email")
    assert "ada@gmail.com" not in text_of(client.get(house.url("recipients")))
    assert "ada@gmail.com" not in text_of(client.get(reverse("tracking_sender", args=[house.author.pk])))
    assert client.get(reverse("tracking_timeline", args=[house.leads[0].pk])).status_code == 403
    for address in (house.url("recipients_csv"), reverse("tracking_sender_csv", args=[house.author.pk])):
        assert client.get(address).status_code == 403


def test_reports_only_read(house: House) -> None:
    for address in pages(house).values():
        assert boss().post(address).status_code == 405


def test_every_rate_shows_both_its_numbers(house: House) -> None:
    page = text_of(boss().get(house.url("report")))
    for label, percent, numbers in (
        ("Delivery", "80.0 %", "4 of 5"),
        ("Bounce", "20.0 %", "1 of 5"),
        ("Open", "50.0 %", "2 of 4"),
        ("Click", "25.0 %", "1 of 4"),
        ("Click to open", "50.0 %", "1 of 2"),
        ("Unsubscribe", "25.0 %", "1 of 4"),
        ("Complaint", "0.0 %", "0 of 4"),
    ):
        part = page[page.index(f"{label} rate") :][:300]
        assert percent in part, label
        assert numbers in part, label
    assert "https://shop.example/offer" in page


def test_the_funnel_narrows_from_the_audience_to_a_click(house: House) -> None:
    found = reports.campaign_report(house.campaign.pk)
    assert [(step.key, step.count) for step in found.funnel] == [
        ("audience", 8), ("sent", 5), ("delivered", 4), ("opened", 2), ("clicked", 1),
    ]  # fmt: skip


def test_machines_are_shown_apart(house: House) -> None:
    people = sum(point.opens for point in reports.series(house.campaign.pk, "hour", "human"))
    machines = sum(point.opens for point in reports.series(house.campaign.pk, "hour", "machine"))
    assert (people, machines) == (2, 1)
    assert sum(point.opens for point in reports.series(house.campaign.pk, "day", "all")) == 3
    page = text_of(boss().get(f"{house.url('report')}?who=machine"))
    assert 'aria-label="Sent, opens and clicks over time' in page
    assert "The same as a table" in page
    hour = timezone.localtime(house.campaign.launched_at + dt.timedelta(hours=2)).strftime("%-d %b, %H:00")
    assert f'{hour}</time></td><td data-label="Sent" class="mm-number">0</td>' in page


def test_breakdowns_add_up_and_lead_to_the_leads(house: House) -> None:
    found = reports.breakdown_report(house.campaign.pk, "domain")
    assert (sum(row.leads for row in found.rows), found.counted) == (8, 8)
    gmail = next(row for row in found.rows if row.value == "gmail.com")
    assert (gmail.totals.delivered, gmail.totals.opened, gmail.opens.human) == (1, 1, 1)
    assert f"{house.url('recipients')}?domain=gmail.com" in text_of(boss().get(house.url("breakdown", "domain")))
    assert "unsubscribed" in text_of(boss().get(house.url("breakdown", "reason")))
    assert boss().get(house.url("breakdown", "shoe-size")).status_code == 404


def test_breakdowns_are_paged_by_key(house: House) -> None:
    first = reports.breakdown_report(house.campaign.pk, "domain", limit=1)
    second = reports.breakdown_report(house.campaign.pk, "domain", limit=1, after=first.next_after)
    assert [row.value for row in (*first.rows, *second.rows)] == ["example.com", "gmail.com"]
    assert second.next_after is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("status=sent", [0, 1, 2, 3]),
        ("status=deferred", [5]),
        ("reason=5.1.1", [4]),
        ("reason=UNSUBSCRIBED", [6]),
        ("domain=gmail.com", [0]),
        ("domain=@GMAIL.com&status=failed", []),
        ("opened=yes", [0, 1]),
        ("opened=no&status=sent", [2, 3]),
        ("clicked=yes", [0]),
        ("unsubscribed=yes", [0]),
        ("complained=yes", []),
        ("variant=0&status=failed", [7]),
        ("provider=9", []),
        ("provider=99999999999999999999&after=x&status=nonsense", [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_who_got_it_and_who_did_not(house: House, query: str, expected: list[int]) -> None:
    response = boss().get(f"{house.url('recipients')}?{query}")
    numbers = {lead.pk: number for number, lead in enumerate(house.leads)}
    assert [numbers[recipient.lead_id] for recipient, _label, _provider in response.context["rows"]] == expected


def test_a_filter_looks_further_step_by_step(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipient_reports, "STRETCH", 2)
    wanted = Wanted(house.campaign.pk, status="failed")
    page = reports.recipients(wanted, seconds=0)
    assert (page.rows, page.is_partial, page.looked_at) == ((), True, 2)
    found, steps = list(page.rows), 1
    while page.next_after is not None and steps < 10:
        page = reports.recipients(Wanted(house.campaign.pk, status="failed", after=page.next_after), seconds=0)
        found, steps = [*found, *page.rows], steps + 1
    assert [row.lead_id for row in found] == [house.leads[7].pk]
    assert steps == 5
    # with time on its hands one page finds it
    assert [row.lead_id for row in reports.recipients(wanted, seconds=10).rows] == [house.leads[7].pk]


def test_pages_of_recipients_miss_nobody(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipient_reports, "STRETCH", 3)
    for filters in ({}, {"opened": False}):
        found: list[int] = []
        after: int | None = 0
        while after is not None:
            page = reports.recipients(Wanted(house.campaign.pk, after=after, **filters), limit=2)
            found, after = found + [row.lead_id for row in page.rows], page.next_after
        expected = [lead.pk for number, lead in enumerate(house.leads) if not filters or number > 1]
        assert found == expected


FILTERS: tuple[dict[str, Any], ...] = (
    {"reason": "550 5.1.1"}, {"reason": "5.1.1 Lost"}, {"reason": "LOST"}, {"reason": "b"}, {"reason": "later: who"},
    {"reason": "nobody says this"}, {"domain": "gmail.com"}, {"domain": "example.com"}, {"domain": "nowhere.example"},
    {"domain": "example.com", "status": "failed"}, {"domain": "gmail.com", "reason": "unsub"}, {"variant": 0},
    {"opened": True, "domain": "gmail.com"}, {"status": "sent", "clicked": False},
)  # fmt: skip


@pytest.mark.parametrize("few", [0, 2, 2000])
@pytest.mark.parametrize("stretch", [1, 3, 10_000])
def test_every_filter_finds_what_it_should_however_it_looks(
    house: House, monkeypatch: pytest.MonkeyPatch, few: int, stretch: int
) -> None:
    """few: leads up to which a domain is read by its index. An ESP may say a word where a server says a code."""
    monkeypatch.setattr(recipient_reports, "FEW", few)
    monkeypatch.setattr(recipient_reports, "STRETCH", stretch)
    house.leads[1].delete()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_email SET reply = 'Lost' WHERE status = 'bounced_hard'")
        cursor.execute("UPDATE delivery_email SET enhanced = 'Later:', reply = 'Who knows' WHERE status = 'deferred'")
    everybody = reports.recipients(Wanted(house.campaign.pk)).rows
    for filters in FILTERS:
        found: list[int] = []
        after: int | None = 0
        while after is not None:
            page = reports.recipients(Wanted(house.campaign.pk, after=after, **filters), limit=2, seconds=0)
            found, after = found + [row.lead_id for row in page.rows], page.next_after
            assert len(page.rows) <= 2
        assert found == [row.lead_id for row in everybody if is_wanted(row, **filters)], filters


def is_wanted(row: reports.Recipient, **filters: Any) -> bool:
    words = " ".join(str(part) for part in (row.code, row.enhanced, row.reason or None) if part is not None)
    has = {
        "reason": lambda wanted: wanted.lower() in words.lower(),
        "domain": lambda wanted: row.address.endswith(f"@{wanted}"),
        "opened": lambda wanted: (row.opened_at is not None) == wanted,
        "clicked": lambda wanted: (row.clicked_at is not None) == wanted,
        "status": lambda wanted: row.status == wanted,
        "variant": lambda wanted: row.variant == wanted,
    }
    return all(has[name](wanted) for name, wanted in filters.items())


def test_looking_goes_no_further_than_the_page_needs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipient_reports, "FIRST_STRETCH", 2)
    page = reports.recipients(Wanted(house.campaign.pk, status="sent"), limit=2)
    assert (len(page.rows), page.is_partial, page.looked_at) == (2, False, 4)
    page = reports.recipients(Wanted(house.campaign.pk, domain="gmail.com"))
    assert (len(page.rows), page.looked_at) == (1, 0), "the index of domains knows its leads"


def rows_of(response: Any) -> list[dict[str, str]]:
    assert response.streaming
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))


def test_the_file_of_recipients_has_all_of_them_and_runs_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipient_reports, "EXPORT_CHUNK", 3)
    found = rows_of(boss().get(house.url("recipients_csv")))
    assert [int(row["lead_id"]) for row in found] == [lead.pk for lead in house.leads]
    assert found[0]["email"] == "ada@gmail.com"
    assert found[7]["reason"] == "'=lost()"
    failed = rows_of(boss().get(f"{house.url('recipients_csv')}?status=failed&after=999999"))
    assert [row["status"] for row in failed] == ["failed"]


def test_a_long_file_holds_one_chunk_at_a_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipient_reports, "EXPORT_CHUNK", 2)
    chunks = list(every_recipient(Wanted(house.campaign.pk)))
    assert max(map(len, chunks)) == 2


def test_the_file_of_a_breakdown_has_every_value(house: House) -> None:
    found = rows_of(boss().get(house.url("breakdown_csv", "domain")))
    assert {row["value"]: int(row["leads"]) for row in found} == {"example.com": 7, "gmail.com": 1}


def test_a_timeline_tells_everything_in_order(house: House) -> None:
    lead = house.leads[0]
    ListMembership.objects.create(mailing_list=a_list("Garden news"), lead=lead)
    Suppression.objects.create(kind="domain", digest=addresses.digest("gmail.com"), reason="manual", source="by hand")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_message (to_address, sender, content, status) VALUES (%s, 'a@b.c', '', 'sent')",
            [lead.email],
        )
    found = reports.timeline(lead.pk, before=dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
    kinds = [moment.kind for moment in found.moments]
    assert set(kinds) == {"email", "message", "open", "click", "unsubscribe", "list", "suppression", "created"}
    times = [moment.at for moment in found.moments]
    assert times == sorted(times, reverse=True)
    client = boss()
    client.get(reverse("tracking_timeline", args=[lead.pk]))
    with Asked() as asked:
        page = text_of(client.get(reverse("tracking_timeline", args=[lead.pk])))
    assert len(asked) <= 6, "session, person, time limit twice, lead, everything at once"
    with connection.cursor() as cursor:
        cursor.execute("SELECT custom_plans FROM pg_prepared_statements WHERE statement LIKE '%FROM tracking_event%'")
        assert set(cursor.fetchall()) == {(0,)}, "planned once for all leads"
    for words in ("Garden news", "Offer", house.campaign.name, "Suppressed: added by hand", "Became a lead"):
        assert words in page
    assert reverse("tracking_timeline", args=[lead.pk]) in text_of(
        boss().get(reverse("admin:campaigns_lead_change", args=[lead.pk]))
    )


def test_a_long_timeline_is_paged_and_loses_nothing(house: House) -> None:
    lead = house.leads[1]
    start = dt.datetime.now(dt.UTC) - dt.timedelta(hours=5)
    about = {"campaign_id": house.campaign.pk, "lead_id": lead.pk}
    record([happened("open", at=start + dt.timedelta(seconds=n // 3), **about) for n in range(20)])
    before, seen = dt.datetime.now(dt.UTC) + dt.timedelta(days=1), 0
    while before is not None:
        page = reports.timeline(lead.pk, before=before, limit=4)
        seen += len([moment for moment in page.moments if moment.kind == "open"])
        before = page.next_before  # type: ignore[assignment]
    assert seen == 21


def test_an_erased_lead_has_a_timeline_and_one_that_never_was_has_none(house: House) -> None:
    lead_id = house.leads[0].pk
    house.leads[0].delete()
    assert f"erased lead {lead_id}" in text_of(boss().get(reverse("tracking_timeline", args=[lead_id])))
    assert boss().get(reverse("tracking_timeline", args=[987654321])).status_code == 404


def test_a_senders_leads_are_listed_once_each(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    other = a_campaign(state="sent", name="Second")
    Campaign.objects.filter(pk=other.pk).update(created_by=house.author, sent=2, launched_at=dt.datetime.now(dt.UTC))
    at = dt.datetime.now(dt.UTC)
    Email.objects.bulk_create(
        Email(campaign_id=other.pk, lead_id=lead.pk, attempt=1, tries=1, status="sent", variant=0, at=at)
        for lead in (house.leads[1], house.leads[7])
    )
    expected = {house.leads[0].pk: 1, house.leads[1].pk: 2, house.leads[2].pk: 1, house.leads[3].pk: 1,
                house.leads[7].pk: 1}  # fmt: skip
    for ahead in (1, 3, 200):
        monkeypatch.setattr(sender_reports, "LOOK_AHEAD", ahead)
        found: dict[int, int] = {}
        after: int | None = 0
        while after is not None:
            page = reports.sender_leads(house.author.pk, after=after, limit=2)
            assert not found.keys() & {row.lead_id for row in page.rows}
            found |= {row.lead_id: row.campaigns for row in page.rows}
            after = page.next_after
        assert found == expected
    rows = rows_of(boss().get(reverse("tracking_sender_csv", args=[house.author.pk])))
    assert {int(row["lead_id"]): int(row["campaigns"]) for row in rows} == expected
    assert "Second" in text_of(boss().get(reverse("tracking_sender", args=[house.author.pk])))


def test_campaigns_stand_side_by_side(house: House) -> None:
    other = a_campaign(state="sent", name="Second")
    page = text_of(boss().get(f"{reverse('tracking_compare')}?c={house.campaign.pk}&c={other.pk}&c=x&c={10**30}"))
    assert "Second" in page
    assert "4 of 5" in page
    assert "Choose two to 6" in text_of(boss().get(reverse("tracking_compare")))


def test_deliverability_sums_over_recent_campaigns(house: House) -> None:
    Breakdown.objects.filter(value="example.com").update(is_big=True)
    week = dt.datetime.now(dt.UTC) - dt.timedelta(days=7)
    found = {row.value: row.totals for row in reports.deliverability("domain", since=week)}
    assert (found["example.com"].delivered, found["example.com"].bounced) == (3, 1)
    assert "gmail.com" not in found
    assert sum(row.totals.delivered for row in reports.deliverability("group", since=week)) == 4
    assert reports.deliverability("domain", since=dt.datetime.now(dt.UTC)) == ()


def test_settings_choose_what_reports_are_by(house: House) -> None:
    client = somebody("Marketers")
    Lead.objects.filter(pk=house.leads[1].pk).update(attributes={"plan": "pro"})
    client.get(reverse("admin:tracking_reportsettings_changelist"))
    address = reverse("admin:tracking_reportsettings_change", args=[1])
    response = client.post(address, {"country_attribute": "country", "attributes": "plan"})
    assert response.status_code == 302
    dimensions.forget()
    roll_up(seconds=5)
    assert ReportSettings.objects.get().attributes == ["plan"]
    found = {row.value: row.leads for row in reports.breakdown_report(house.campaign.pk, "attribute:plan").rows}
    assert found == {"": 7, "pro": 1}
    assert somebody("Viewers").get(address).status_code == 403


def test_an_attribute_that_everybody_has_differently_is_refused(house: House) -> None:
    Lead.objects.bulk_create(Lead(email=f"n{n}@x.example", attributes={"number": n}) for n in range(301))
    ReportSettings.objects.create(pk=1)
    address = reverse("admin:tracking_reportsettings_change", args=[1])
    response = boss().post(address, {"country_attribute": "", "attributes": "number"})
    assert "301 different values" in text_of(response)


def test_a_report_cannot_write(db: None) -> None:
    with pytest.raises(Exception, match="read-only transaction"), database.reading() as using:
        Campaign.objects.using(using).update(name="x")


def test_a_question_that_takes_too_long_is_stopped(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(reports.ReportTooSlow), database.reading(timeout_seconds=0.05):
        database.rows("SELECT pg_sleep(5)", {})
    slow = replace(SCALES["hour"], read="SELECT now(), 'sent', 1 FROM pg_sleep(5)")
    monkeypatch.setitem(SCALES, "hour", slow)
    original = database.reading
    monkeypatch.setattr(database, "reading", lambda: original(0.2))
    response = boss().get(house.url("report"))
    assert response.status_code == 503
    assert "was stopped" in response.content.decode()


def test_a_page_is_one_transaction(house: House) -> None:
    client = boss()
    for name, address in pages(house).items():
        with Asked() as asked:
            client.get(address)
        assert sum("transaction_read_only" in statement for statement in asked) == 1, name


def test_a_report_inside_of_a_report_keeps_to_its_limit(house: House) -> None:
    def read(*campaign_ids: int) -> None:
        with database.reading(timeout_seconds=0.05):
            reports.summaries(campaign_ids)
            database.rows("SELECT pg_sleep(5)", {})

    for _ in range(2):
        with pytest.raises(reports.ReportTooSlow):
            read(house.campaign.pk)


def test_figures_that_are_old_say_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert database.lag_seconds() is None
    assert "lags behind" not in text_of(boss().get(house.url("report")))
    monkeypatch.setattr(database, "lag_seconds", lambda: 600.0)
    assert "These figures are 10 min old" in text_of(boss().get(house.url("report")))


def test_a_client_without_a_session_is_sent_to_log_in(house: House) -> None:
    for address in pages(house).values():
        response = Client().get(address)
        assert response.status_code == 302
        assert "login" in response["Location"]
