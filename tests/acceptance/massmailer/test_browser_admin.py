"""The admin in a real browser: no page may speak to another host, log an error, or break the site's policy."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Dialog, Page, Request, Route, expect, sync_playwright

from bench.esp_server import EspServer
from bench.sink import Options, Sink
from campaigns.leads import imports
from campaigns.models import Campaign, Lead, LeadImport, Segment
from delivery import domain_keys, warm_up
from delivery.models import Alert, DeadDecision, Email, Pool, PoolMember, Provider, SendingDomain, WarmUp
from delivery.providers import add_provider
from tests.browser import CHROMIUM, FLAGS, NEEDS_BROWSER, PATIENCE_MS
from tests.integration.delivery.ledger_house import sent_campaign
from tests.people import BODY, a_campaign, a_lead, a_list, a_template, boss
from tracking.models import Breakdown, QuarterRollup
from tracking.occurrence import happened
from tracking.record import record

DNS_REPORT = {
    "state": "error",
    "lines": [
        {"name": "SPF", "state": "ok", "found": "v=spf1 ip4:192.0.2.7 ~all - 0 of 10 look-ups.", "paste": None},
        {
            "name": "DMARC",
            "state": "error",
            "found": "news.example.com has no DMARC record, and no parent of it has one.",
            "paste": {
                "kind": "TXT",
                "name": "_dmarc.news.example.com",
                "value": "v=DMARC1; p=none",
            },
        },
        {"name": "Tracking", "state": "unknown", "found": "DNS could not be asked: no answer.", "paste": None},
    ],
}

pytestmark = [
    pytest.mark.django_db(transaction=True),
    NEEDS_BROWSER,
]
expect.set_options(timeout=PATIENCE_MS)


class Watched:
    """A page, and everything on it that must not happen."""

    def __init__(self, page: Page, home: str) -> None:
        self.page, self.home = page, home
        self.faults: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.route("**/*", self._only_local)
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        page.on("dialog", self._refuse)

    def _only_local(self, route: Route, request: Request) -> None:
        if request.url.startswith((self.home, "data:", "about:", "blob:")):
            route.continue_()
        else:
            self.faults.append(f"asked another host: {request.url}")
            route.abort()

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error" or "Content Security Policy" in text:
            self.faults.append(f"console: {text}")

    def _refuse(self, dialog: Dialog) -> None:
        self.faults.append(f"a dialog of the browser itself: {dialog.message}")
        dialog.dismiss()

    def open(self, address: str) -> Page:
        self.page.goto(self.home + address)
        return self.page

    def is_too_wide(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


Open = Callable[..., Watched]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # playwright keeps an event loop in this thread, which Django would take for asynchronous code
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def visit(browser: Browser, live_server: Any) -> Iterator[Open]:
    """A function that gives a page of somebody who is logged in. Faults are counted at the end of the test."""
    opened: list[Watched] = []

    def make(*, width: int = 1280, scheme: Any = "light") -> Watched:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        session = boss().cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        watched = Watched(context.new_page(), live_server.url)
        opened.append(watched)
        return watched

    yield make
    for watched in opened:
        watched.page.context.close()
    assert [fault for watched in opened for fault in watched.faults] == []


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def press(page: Page, name: str) -> None:
    """One of the buttons in the head of a page."""
    page.locator("#header-inner").get_by_role("link", name=name, exact=True).click()


def test_a_lead_is_created(visit: Open) -> None:
    page = visit().open(reverse("admin:campaigns_lead_add"))

    page.locator("#id_email").fill("not an address")
    save(page)
    expect(page.locator(".errors, .text-red-600").first).to_be_visible()
    page.locator("#id_email").fill("Ada@Example.com")
    page.locator("#id_tags").fill("vip, shop")
    save(page)

    expect(page.get_by_text("was added successfully")).to_be_visible()
    assert Lead.objects.get().tags == ["vip", "shop"]


def test_a_csv_file_is_uploaded_and_watched(visit: Open, tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    file = tmp_path / "people.csv"
    file.write_text("Mail;Vorname\nada@example.com;Ada\nbroken;X\n")
    page = visit().open(reverse("admin:campaigns_leadimport_add"))

    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Upload and check the columns").click()
    expect(page.get_by_label("Vorname")).to_have_value("first_name")
    page.get_by_role("button", name="Start the import").click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()

    imports.run_import(LeadImport.objects.get().pk)

    expect(page.get_by_text("Finished on")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Rejected lines with their reasons").click()
    assert "broken" in download.value.path().read_text("utf-8-sig")
    assert Lead.objects.get().first_name == "Ada"


def test_dead_letters_are_chosen_and_tried_again_while_a_decision_is_watched(visit: Open) -> None:
    sent_campaign(["dead", "dead", "sent"])
    decision = DeadDecision.objects.create(action="discard", source="messages")
    watched = visit(width=375)
    page = watched.open(reverse("delivery_dead"))

    expect(page.get_by_text("At work")).to_be_visible()
    DeadDecision.objects.filter(pk=decision.pk).update(state="done", changed=1234)
    expect(page.get_by_text("1,234")).to_be_visible()
    assert not watched.is_too_wide()
    page.get_by_label("Choose reader1@example.com").check()
    page.get_by_role("button", name="Try the chosen again…").click()
    expect(page.get_by_text("Try 1 dead letter again?")).to_be_visible()
    page.get_by_role("button", name="Try again").click()

    expect(page.get_by_text("1 dead letter will be tried again.")).to_be_visible()
    assert Email.objects.get(status="deferred").lead_id == Lead.objects.get(email="reader1@example.com").pk


def test_a_segment_is_counted_while_it_is_written(visit: Open) -> None:
    a_lead("ada@example.com", language="en")
    a_lead("chloe@example.com", language="fr")
    page = visit().open(reverse("admin:campaigns_segment_add"))
    condition = page.locator("#id_condition")

    condition.fill('{"all": [{"field": "langage", "op": "is", "value": "fr"}]}')
    expect(page.locator("#segment-count")).to_contain_text("language")
    condition.fill('{"all": [{"field": "language", "op": "is", "value": "fr"}]}')
    expect(page.locator("#segment-count")).to_contain_text("chloe@example.com")
    expect(page.locator("#segment-count .mm-figure")).to_have_text("1")
    page.locator("#id_name").fill("French")
    save(page)

    expect(page.get_by_text("was added successfully")).to_be_visible()
    assert Segment.objects.get().name == "French"


def test_a_condition_on_what_people_did_is_written_by_the_keyboard(visit: Open) -> None:
    zoe = a_lead("zoe@example.com")
    campaign = a_campaign(name="Spring", state="sent", launched_at=timezone.now())
    with transaction.atomic():
        record([happened("click", campaign_id=campaign.pk, lead_id=zoe.pk, link_number=1)], park=False)
    page = visit().open(reverse("admin:campaigns_segment_add"))
    page.locator("#id_condition").fill("{}")
    box = page.locator("mm-engagement")
    expect(box.get_by_label("How many")).to_be_hidden()

    box.locator("[data-part=field]").select_option("clicked")
    box.get_by_label("Which campaigns").select_option("one")
    box.get_by_label("Within days").fill("0")
    page.keyboard.press("Enter")
    assert page.locator("#id_condition").input_value() == "{}", "0 days is refused where it was typed"
    box.get_by_label("Within days").fill("30")
    page.keyboard.press("Enter")
    expect(page.locator("#segment-count")).to_contain_text(
        "the lead clicked in the campaign “Spring” in the last 30 days"
    )
    expect(page.locator("#segment-count .mm-figure")).to_have_text("1")
    assert json.loads(page.locator("#id_condition").input_value()) == {
        "all": [{"field": "clicked", "op": "did", "value": {"campaign": campaign.pk, "days": 30}}]
    }
    page.locator("#id_name").fill("Clicked in spring")
    save(page)
    expect(page.get_by_text("was added successfully")).to_be_visible()


def test_a_campaign_from_the_first_word_to_its_launch(visit: Open) -> None:
    lead = a_lead("grace@example.com", first_name="Grace")
    a_list("Readers", lead)
    add_provider(name="Relay", url="smtp://127.0.0.1:2525")
    SendingDomain.objects.create(domain="example.com", is_signing=True, dns_checked_at=timezone.now())
    page = visit().open(reverse("admin:campaigns_campaign_add"))

    page.locator("#id_name").fill("Spring")
    page.locator("#id_mailing_list").select_option(label="Readers")
    page.locator("#id_from_email").fill("news@example.com")
    page.locator("#id_subject").fill("Hello")
    page.locator("#id_body").fill(BODY.replace("Hello", "Hello\n{{ lead.frist_name }}"))
    save(page)
    mistake = page.get_by_text("unknown merge tag lead.frist_name", exact=False)
    expect(mistake).to_be_visible()
    expect(mistake).to_contain_text("Line 2, column")

    page.locator("#id_body").fill(BODY)
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("Nothing stands in the way of a launch.")).to_be_visible()
    expect(page.frame_locator("iframe").get_by_text("Hello Grace")).to_be_visible()

    press(page, "Launch")
    expect(page.get_by_role("dialog")).to_contain_text("Audience now: 1 lead")
    page.get_by_role("button", name="Launch now").click()
    expect(page.get_by_text("The campaign is on its way.")).to_be_visible()
    expect(page.locator("#mm-progress")).to_contain_text("Scheduled", ignore_case=True)

    assert Campaign.objects.get().state == "scheduled"


def test_a_campaign_with_errors_cannot_be_launched(visit: Open) -> None:
    campaign = a_campaign(mailing_list=None)
    page = visit().open(reverse("admin:campaigns_campaign_change", args=[campaign.pk]))

    press(page, "Launch")

    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Error in the audience")
    expect(dialog.get_by_role("button", name="Launch now")).to_have_count(0)


def test_the_progress_lives_until_the_campaign_is_sent(visit: Open) -> None:
    campaign = a_campaign(state="sending")
    rows = Campaign.objects.filter(pk=campaign.pk)
    rows.update(audience=1000, pending=900, sent=100)
    watched = visit()
    page = watched.open(reverse("admin:campaigns_campaign_change", args=[campaign.pk]))
    expect(page.locator("#mm-progress")).to_contain_text("10.0 %")

    rows.update(pending=400, sent=600)
    expect(page.locator("#mm-progress")).to_contain_text("60.0 %")
    expect(page.locator("#mm-progress")).to_contain_text("e-mails a second")

    rows.update(pending=0, sent=1000, state="sent")
    expect(page.locator("#mm-progress")).to_contain_text("100.0 %")
    # the page has loaded again: a campaign that is over has nothing to pause
    expect(page.locator("#header-inner").get_by_role("link", name="Pause")).to_have_count(0)
    expect(page.locator("#mm-progress[hx-trigger]")).to_have_count(0)


def test_a_running_campaign_moves_on_the_dashboard(visit: Open) -> None:
    campaign = a_campaign(state="sending")
    Campaign.objects.filter(pk=campaign.pk).update(audience=1000, pending=900)
    page = visit().open(reverse("admin:index"))
    expect(page.locator("#mm-running")).to_contain_text("100 of 1,000")

    Campaign.objects.filter(pk=campaign.pk).update(pending=250)
    expect(page.locator("#mm-running")).to_contain_text("750 of 1,000")

    Campaign.objects.filter(pk=campaign.pk).update(state="sent", pending=0)
    expect(page.locator("#mm-running")).to_contain_text("Nothing is being sent")


def test_the_pace_of_a_campaign_under_way_is_changed(visit: Open) -> None:
    campaign = a_campaign(state="sending")
    page = visit().open(reverse("admin:campaigns_campaign_change", args=[campaign.pk]))
    press(page, "Change pace")
    page.get_by_label("E-mails an hour").fill("500")
    page.get_by_label("Send from").fill("09:00")
    page.get_by_label("Send until").fill("09:00")
    page.get_by_label("Sat").check()
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("they never open")

    page.get_by_label("Send until").fill("17:00")
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.get_by_text("The pace is now: at most 500 an hour, 09:00 to 17:00, Saturday.")).to_be_visible()


def test_a_wrong_password_is_told_with_its_cure(visit: Open) -> None:
    with Sink(Options(users={"mailer": "right"})) as sink:
        page = visit().open(reverse("admin:delivery_provider_add"))
        page.locator("#id_name").fill("Relay")
        page.locator("#id_host").fill("127.0.0.1")
        page.locator("#id_port").fill(str(sink.port))
        page.locator("#id_security").select_option("plain")
        page.locator("#id_username").fill("mailer")
        page.locator("#id_password").fill("wrong")
        page.get_by_role("button", name="Save and continue editing").click()
        page.get_by_role("button", name="Test connection").click()

        expect(page.get_by_text("Relay does not work yet.")).to_contain_text("535")

        page.locator("#id_password").fill("right")
        page.get_by_role("button", name="Save and continue editing").click()
        page.get_by_role("button", name="Test connection").click()
        expect(page.get_by_text("The server answers")).to_be_visible()


def test_an_esp_account_is_added_tried_and_sends_one(visit: Open) -> None:
    with EspServer() as server:
        page = visit().open(reverse("admin:delivery_provider_add"))
        expect(page.locator("#id_domain")).to_be_hidden()
        page.locator("#id_kind").select_option("mailgun")
        expect(page.locator("#id_host")).to_be_hidden()
        expect(page.locator("#id_secret_key")).to_be_hidden()
        page.locator("#id_name").fill("Account")
        page.locator("#id_domain").fill("mail.example.com")
        page.locator("#id_api_key").fill(server.api_key)
        page.locator("#id_api_url").fill(server.url("mailgun"))
        page.get_by_role("button", name="Save and continue editing").click()
        page.get_by_role("button", name="Test connection").click()
        expect(page.get_by_text("The key works")).to_be_visible()

        page.get_by_role("button", name="Send me one").click()
        page.get_by_role("button", name="Send it now").click()
        expect(page.get_by_text("Account accepted the message.")).to_be_visible()
        assert [message.recipient for message in server.accepted] == ["boss@example.com"]


def test_a_template_is_copied_into_a_draft(visit: Open) -> None:
    template = a_template(name="Spring look", subject="From the template")
    page = visit().open(reverse("admin:campaigns_campaign_add"))

    page.locator("#id_template").select_option(str(template.pk))

    expect(page.locator("#id_subject")).to_have_value("From the template")
    expect(page.locator("#id_body")).to_have_value(BODY)


def test_a_preview_runs_no_script_and_fits_the_chosen_width(visit: Open) -> None:
    script = "<script>parent.document.title = 'taken over'</script>"
    body = f'<html><body>{script}<p id="seen">Hello</p><a href="{{{{ unsubscribe_url }}}}">x</a></body></html>'
    campaign = a_campaign(body=body, body_format="html")
    watched = visit()
    page = watched.open(reverse("admin:campaigns_campaign_change", args=[campaign.pk]))

    expect(page.frame_locator("iframe").locator("#seen")).to_have_text("Hello")
    assert "taken over" not in page.title()
    assert page.locator("iframe").bounding_box()["width"] == 600  # type: ignore[index]  # it is on the page
    page.get_by_role("tab", name="Phone, 375 px").click()
    expect(page.locator("iframe")).to_have_css("width", "375px")
    page.get_by_role("tab", name="Plain text").click()
    expect(page.locator("pre.mm-text")).to_contain_text("Hello")
    # the browser says that it blocked the script: that, and nothing else, is expected
    watched.faults = [fault for fault in watched.faults if not re.search("Blocked script|script-src|sandbox", fault)]


def test_the_launch_dialog_is_reached_and_left_by_keyboard(visit: Open) -> None:
    campaign = a_campaign()
    page = visit().open(reverse("admin:campaigns_campaign_change", args=[campaign.pk]))
    launch = page.locator("#header-inner").get_by_role("link", name="Launch", exact=True)
    expect(launch).to_be_visible()

    for _ in range(60):
        page.keyboard.press("Tab")
        if launch.evaluate("node => node === document.activeElement"):
            break
    page.keyboard.press("Enter")
    submit = page.get_by_role("button", name="Launch now")
    expect(submit).to_be_focused()

    for _ in range(5):
        page.keyboard.press("Tab")
        assert page.evaluate("document.getElementById('modal-content').contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(submit).to_be_hidden()
    expect(launch).to_be_focused()

    page.keyboard.press("Enter")
    expect(submit).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The campaign is on its way.")).to_be_visible()


def test_a_dialog_in_a_tab_of_its_own_is_a_page(visit: Open) -> None:
    """As somebody has it who opens an action's link in a new tab."""
    campaign = a_campaign(state="sending")
    change = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    watched = visit()
    page = watched.open(change)
    address = page.locator("#header-inner").get_by_role("link", name="Cancel").get_attribute("href")
    assert address

    page.evaluate("address => { location.href = address }", address)
    expect(page).to_have_title(re.compile("^ *Cancel this campaign"))
    button = page.get_by_role("button", name="Cancel the campaign")
    expect(button).to_be_visible()
    assert button.evaluate("node => getComputedStyle(node).backgroundColor") != "rgba(0, 0, 0, 0)"
    assert not watched.is_too_wide()
    page.get_by_role("button", name="Back").click()
    page.wait_for_url(f"**{change}")

    page = watched.open(address)
    page.get_by_role("button", name="Close").click()
    page.wait_for_url(f"**{reverse('admin:index')}")

    page = watched.open(address)
    page.get_by_role("button", name="Cancel the campaign").click()
    page.wait_for_url(f"**{change}")
    assert Campaign.objects.get().state == "cancelled"


def test_what_is_for_good_begins_at_the_way_back(visit: Open) -> None:
    lead = a_lead()
    page = visit().open(reverse("admin:campaigns_lead_change", args=[lead.pk]))

    press(page, "Erase")
    expect(page.get_by_role("button", name="Back")).to_be_focused()
    page.get_by_role("button", name="Erase", exact=True).click()

    expect(page.get_by_text("The person is erased.")).to_be_visible()
    assert not Lead.objects.exists()


def test_a_sending_domain_gets_a_key_whose_record_is_copied(visit: Open) -> None:
    page = visit().open(reverse("admin:delivery_sendingdomain_add"))
    page.locator("#id_domain").fill("news.example.com")
    save(page)
    press(page, "Generate key")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_text("The key is made.")).to_be_visible()

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".mm-record").get_by_role("button", name="Copy").nth(1).click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    (record,) = domain_keys.records(SendingDomain.objects.get())
    assert page.evaluate("navigator.clipboard.readText()") == record.value

    press(page, "Switch signing on")
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("was not found in DNS yet")
    page.get_by_label("I am certain").check()
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.get_by_text("Mail of this domain is signed from now on.")).to_be_visible()


def test_a_provider_is_warmed_up_and_a_campaign_leaves_by_its_pool(visit: Open) -> None:
    provider = Provider.objects.create(name="Relay", host="smtp.example.com")
    PoolMember.objects.create(pool=Pool.objects.create(name="Fresh"), provider=provider)
    page = visit().open(reverse("admin:delivery_provider_change", args=[provider.pk]))

    page.get_by_role("button", name="Start a plan…").click()
    page.get_by_label("E-mails a day").fill("500, 200")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("200 is less than the day before")
    page.get_by_label("E-mails a day").fill("200, 500")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("Today 200 e-mails may leave for all mailboxes.")).to_be_visible()

    page.get_by_role("button", name="Freeze…").click()
    page.get_by_label("Why").fill("complaints rose")
    page.get_by_role("button", name="Freeze", exact=True).click()
    expect(page.get_by_text("The plan is frozen.")).to_be_visible()
    assert WarmUp.objects.get().frozen_reason == "complaints rose"

    page.goto(page.url.partition("/admin/")[0] + reverse("admin:campaigns_campaign_change", args=[a_campaign().pk]))
    press(page, "Pool")
    page.get_by_role("dialog").get_by_label("Pool").select_option("Fresh")
    page.get_by_role("button", name="Choose", exact=True).click()
    expect(page.get_by_text("chosen for this campaign: Relay")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
def test_every_page_fits_the_screen(visit: Open, width: int, scheme: str) -> None:
    lead = a_lead("somebody.with.a.very.long.address.indeed@subdomain.of.a.long.domain.example.com")
    draft, sending = a_campaign(name="A name that goes on and on " * 4), a_campaign(state="sending", name="Under way")
    Campaign.objects.filter(pk=sending.pk).update(
        audience=10_000_000, pending=4_000_000, sent=6_000_000, launched_at=timezone.now()
    )
    QuarterRollup.objects.create(campaign_id=sending.pk, quarter=timezone.now(), kind="sent", who="", count=6_000_000)
    Breakdown.objects.create(
        campaign_id=sending.pk, dimension="domain", value="a-long-domain-name.of.somebody.example", sent=6_000_000
    )
    segment = Segment.objects.create(name="All", condition={"all": []})
    row = LeadImport.objects.create(file_name="a-long-file-name-of-leads.csv", file_path="/x", state="done")
    provider = Provider.objects.create(name="Relay", host="smtp.example.com")
    warm_up.start(provider_id=provider.pk, mailbox_group="microsoft", ramp=[100_000, 200_000], by="somebody")
    WarmUp.objects.create(provider=provider, state="frozen", frozen_reason="complaints rose on Tuesday")
    alert = Alert.objects.create(key="blocked:3:microsoft", subject="Microsoft blocks Relay", text="550 No.", tried=8)
    pool = Pool.objects.create(name="A pool with a long name")
    PoolMember.objects.create(pool=pool, provider=provider)
    domain = SendingDomain.objects.create(domain="news.example.com", dns_report=DNS_REPORT)
    domain_keys.generate(domain_id=domain.pk, today=date(2026, 11, 26), with_ed25519=True)
    watched = visit(width=width, scheme=scheme)
    lists = ("campaign", "lead", "mailinglist", "segment", "template", "leadimport", "suppression")
    addresses = [
        reverse("admin:index"),
        *(reverse(f"admin:campaigns_{name}_{page}") for name in lists for page in ("changelist", "add")),
        reverse("admin:campaigns_campaign_change", args=[draft.pk]),
        reverse("admin:campaigns_campaign_change", args=[sending.pk]),
        reverse("admin:campaigns_lead_change", args=[lead.pk]),
        reverse("admin:campaigns_segment_change", args=[segment.pk]),
        reverse("admin:campaigns_template_change", args=[a_template().pk]),
        reverse("admin:campaigns_leadimport_change", args=[row.pk]),
        *(
            reverse(f"admin:delivery_{name}_{page}")
            for name in ("provider", "pool", "sendingdomain", "retrypolicy")
            for page in ("changelist", "add")
        ),
        reverse("admin:delivery_provider_change", args=[provider.pk]),
        reverse("admin:delivery_sendingpolicy_changelist"),
        reverse("admin:delivery_pool_change", args=[pool.pk]),
        reverse("admin:delivery_sendingdomain_change", args=[domain.pk]),
        *(reverse(f"admin:delivery_replyrule_{page}") for page in ("changelist", "add", "try", "built_in")),
        reverse("admin:delivery_alert_changelist"),
        reverse("admin:delivery_alert_change", args=[alert.pk]),
        reverse("admin:delivery_alertsettings_changelist"),
        reverse("delivery_dead"),
        reverse("delivery_emails"),
        reverse("delivery_campaign_emails", args=[sending.pk]),
        reverse("delivery_messages"),
        reverse("tracking_reports"),
        reverse("tracking_report", args=[sending.pk]),
        reverse("tracking_recipients", args=[sending.pk]),
        reverse("tracking_breakdown", args=[sending.pk, "domain"]),
        reverse("tracking_timeline", args=[lead.pk]),
        reverse("admin:tracking_reportsettings_changelist"),
        *(reverse(f"admin:auth_{name}_{page}") for name in ("user", "group") for page in ("changelist", "add")),
        reverse("admin:auth_user_change", args=[User.objects.get().pk]),
        reverse("admin:django_celery_beat_periodictask_changelist"),
        reverse("admin:django_celery_beat_periodictask_add"),
    ]

    too_wide = []
    for address in addresses:
        page = watched.open(address)
        page.wait_for_function("!document.querySelector('html[x-cloak], .htmx-request')")
        is_dark = page.evaluate("document.documentElement.classList.contains('dark')")
        assert is_dark == (scheme == "dark"), address
        if watched.is_too_wide():
            too_wide.append(address)

    assert too_wide == []
