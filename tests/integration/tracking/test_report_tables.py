"""The rows of the reports' tables, which no template escapes or puts into the reader's time zone."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from campaigns.models import Campaign, Lead
from delivery.models import Provider
from tests.integration.tracking.test_report_pages import House, build_house, pages, text_of
from tests.people import boss

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
    first = "SELECT dimension, min(value) FROM tracking_breakdown WHERE dimension <> 'provider' GROUP BY 1"
    sql(f"UPDATE tracking_breakdown SET value = %s WHERE (dimension, value) IN ({first})", HOSTILE)

    client = boss()
    found = {name: text_of(client.get(address)) for name, address in pages(house).items()}

    assert [name for name, page in found.items() if "<img src=x" in page or "<b>" in page] == []
    for name in ("list", "overview", "recipients", "timeline", "compare", "sender", "domain", "reason"):
        assert ESCAPED in found[name], name
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
