"""The rows of the reports' tables, which no template escapes or puts into the reader's time zone."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns.models import Campaign, Lead
from delivery.models import Link, Provider
from tests.integration.tracking.test_report_pages import House, build_house, pages, text_of
from tests.people import boss, somebody
from tracking.models import ReportSettings

HOSTILE = "\"><img src=x onerror='alert(1)'>&amp;"
ESCAPED = "&quot;&gt;&lt;img src=x onerror=&#x27;alert(1)&#x27;&gt;&amp;amp;"


@pytest.fixture
def house(db: None) -> House:
    return build_house()


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_what_others_have_written_runs_nowhere(house: House) -> None:
    provider = Provider.objects.create(name=HOSTILE, host="smtp.example.com")
    Campaign.objects.filter(pk=house.campaign.pk).update(name=HOSTILE)
    Lead.objects.filter(pk=house.leads[0].pk).update(email=f"{HOSTILE}@gmail.com")
    sql("UPDATE delivery_email SET reply = %s, enhanced = '<b>', provider_id = %s", HOSTILE, provider.pk)
    Link.objects.filter(campaign=house.campaign).update(url=f"https://{HOSTILE}", label=HOSTILE)
    first = "SELECT dimension, min(value) FROM tracking_breakdown WHERE dimension <> 'provider' GROUP BY 1"
    sql(f"UPDATE tracking_breakdown SET value = %s WHERE (dimension, value) IN ({first})", HOSTILE)

    client = boss()
    found = {name: text_of(client.get(address)) for name, address in pages(house).items()}

    assert [name for name, page in found.items() if "<img src=x" in page or "<b>" in page] == []
    for name in ("list", "overview", "recipients", "timeline", "compare", "sender", "domain", "reason"):
        assert ESCAPED in found[name], name
    assert found["overview"].count(f"{ESCAPED}</strong>") == found["overview"].count(f"https://{ESCAPED}</span>") == 1
    # in an address
    assert "domain=%22%3E%3Cimg%20src%3Dx%20onerror%3D%27alert%281%29%27%3E%26amp%3B" in found["domain"]


def test_a_row_of_recipients_says_all_that_is_known(house: House) -> None:
    sql(
        "UPDATE delivery_email SET code = 250, enhanced = '2.0.0', reply = 'queued', complained_at = at "
        "WHERE lead_id = %s",
        house.leads[0].pk,
    )
    Lead.objects.filter(pk=house.leads[1].pk).delete()
    rows = re.findall(r"<tr><td data-label=\"Lead\">.*?</tr>", text_of(boss().get(house.url("recipients"))))

    assert "250 2.0.0 queued" in rows[0]
    assert 'unsubscribed</span> <span class="mm-tag">complained</span>' in rows[0]
    assert f'title="ada@gmail.com" href="/admin/reports/leads/{house.leads[0].pk}/">ada@gmail.com</a>' in rows[0]
    assert f'/admin/reports/leads/{house.leads[1].pk}/">Lead {house.leads[1].pk}, erased</a>' in rows[1]
    assert '<td data-label="Opened">\u2013</td>' in rows[4]
    assert "None" not in "".join(rows)


@pytest.mark.parametrize(("zone", "hour"), [("UTC", "22:30"), ("Asia/Tokyo", "07:30")])
def test_times_are_those_of_the_reader(house: House, zone: str, hour: str) -> None:
    at = dt.datetime(2026, 10, 5, 22, 30, tzinfo=dt.UTC)
    Campaign.objects.filter(pk=house.campaign.pk).update(launched_at=at)
    sql("UPDATE delivery_email SET at = %s, opened_at = %s WHERE lead_id = %s", at, at, house.leads[0].pk)
    day = 5 if zone == "UTC" else 6
    offset = "+00:00" if zone == "UTC" else "+09:00"
    client = boss()
    with override_settings(TIME_ZONE=zone), timezone.override(zone):
        listed, recipients = (text_of(client.get(pages(house)[name])) for name in ("list", "recipients"))
        timeline = text_of(client.get(pages(house)["timeline"]))

    iso = f"2026-10-{day:02}T{hour}:00{offset}"
    assert f'<time datetime="{iso}">{day} Oct 2026, {hour}</time>' in listed
    assert f'<time datetime="{iso}">{day} Oct 2026, {hour}:00</time>' in recipients
    assert f'<time datetime="{iso}">{day} Oct, {hour}</time>' in recipients
    assert f'<time datetime="{iso}">{day} Oct 2026, {hour}:00</time>' in timeline


def test_the_month_of_a_launch_is_named_in_the_readers_language(house: House) -> None:
    at = dt.datetime(2026, 10, 5, 22, 30, tzinfo=dt.UTC)
    Campaign.objects.filter(pk=house.campaign.pk).update(launched_at=at)
    client = boss()

    assert "5 Okt 2026, 22:30" in text_of(client.get(pages(house)["list"], headers={"accept-language": "de"}))
    assert "5 Oct 2026, 22:30" in text_of(client.get(pages(house)["list"], headers={"accept-language": "en"}))


def test_kept_parts_of_a_report_are_each_readers_own(house: House) -> None:
    everything, numbers_alone = boss(), somebody("", "tracking.view_reports")
    recipients = house.url("recipients")
    for _ in range(2):
        pages_seen = [text_of(client.get(house.url("report"))) for client in (everything, numbers_alone)]
        assert [recipients in page for page in pages_seen] == [True, False]

    chosen = [text_of(everything.get(f"{recipients}?{query}")) for query in ("status=sent&opened=yes", "opened=no", "")]
    assert ['<option value="sent" selected>' in page for page in chosen] == [True, False, False]
    assert ['<option value="yes" selected>' in page for page in chosen] == [True, False, False]
    assert ['<option value="no" selected>' in page for page in chosen] == [False, True, False]

    ReportSettings.objects.update_or_create(pk=1, defaults={"attributes": ["plan"]})
    assert house.url("breakdown", "attribute:plan") in text_of(everything.get(recipients))
    assert 'aria-current="page">Domain' in text_of(everything.get(house.url("breakdown", "domain")))
    assert 'aria-current="page">Domain' not in text_of(everything.get(house.url("breakdown", "reason")))
    by_day = text_of(everything.get(f"{house.url('report')}?scale=day&who=all"))
    assert '<option value="day" selected>' in by_day
    assert '<option value="hour" selected>' not in by_day


@pytest.mark.parametrize("name", ["list", "domain", "recipients", "compare", "sender"])
def test_a_campaigns_row_is_read_once(house: House, name: str) -> None:
    client = boss()
    with CaptureQueriesContext(connection) as captured:
        client.get(pages(house)[name])

    read = [query["sql"] for query in captured if re.match(r'SELECT "campaigns_campaign"\."id", "', query["sql"] or "")]
    # the body of an e-mail is none of a report's business
    assert len(read) == 1
    assert '"campaigns_campaign"."body"' not in read[0]
