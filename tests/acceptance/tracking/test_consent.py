"""From a form in a real browser to a campaign in the mailbox, and from a choice on the page to a skipped e-mail."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from playwright.sync_api import Page, expect, sync_playwright

from campaigns.models import Campaign, Lead, MailingList, SubscriptionForm, Topic
from delivery.models import Email
from delivery.providers import add_provider
from massmailer.processes.background import BackgroundStack
from massmailer.sandbox import mailbox
from massmailer.sandbox.mailbox import Message
from tests.browser import CHROMIUM, FLAGS, NEEDS_BROWSER, PATIENCE_MS

BODY = (
    '<html><body><p>Dear {{ lead.first_name }}</p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>'
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    NEEDS_BROWSER,
]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    # playwright keeps an event loop in this thread, which Django would take for asynchronous code
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = chromium.new_page()
        opened.set_default_timeout(PATIENCE_MS)
        yield opened
        chromium.close()


def mail_to(address: str, subject: str) -> Message:
    """The newest e-mail of the sandbox mailbox with this recipient and subject, waited for."""

    def find() -> Message | None:
        for entry in mailbox.list_messages(settings.SANDBOX_DIR, search=address).entries:
            found = mailbox.read_message(settings.SANDBOX_DIR, entry.id)
            if found.subject == subject:
                return found
        return None

    return wait_for(find, 30, f"an e-mail “{subject}” to {address}")


def wait_for(find: Callable[[], Any], seconds: float, what: str) -> Any:
    until = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return found


def send(**fields: object) -> Campaign:
    campaign = Campaign.objects.create(
        from_email="news@sender.example",
        body=BODY,
        body_format="html",
        mailing_list=MailingList.objects.get(),
        **fields,
    )
    call_command("launch", str(campaign.pk), "--wait", "--timeout", "60")
    return campaign


def test_from_the_form_to_the_mailbox_and_from_a_choice_to_a_skipped_e_mail(stack: BackgroundStack, page: Page) -> None:
    add_provider(name="Sandbox", url=f"smtp://127.0.0.1:{settings.SANDBOX_SMTP_PORT}")
    readers = MailingList.objects.create(name="Readers", title="The Reader", is_public=True)
    topic = Topic.objects.create(name="Offers")
    form = SubscriptionForm.objects.create(
        name="Website", slug="reader", questions=[{"field": "first_name", "label": "First name", "required": True}]
    )
    form.lists.add(readers)

    # the mailbox may hold e-mails of an earlier run
    address = f"ada{time.time_ns()}@example.com"
    page.goto(f"{stack.url}/f/reader")
    page.get_by_label("E-mail address").fill(address.title())
    page.get_by_label("First name").fill("Ada")
    page.get_by_role("checkbox").check()
    # the script has found its proof, so nobody is asked to add two numbers
    expect(page.get_by_label("What is")).to_be_hidden()
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert Lead.objects.get().status == "pending"

    asking = mail_to(address, "Please confirm your subscription")
    link = re.search(r"http://\S+/confirm/[\w-]+", asking.text or "")
    assert link
    page.goto(link[0])
    assert Lead.objects.get().status == "pending"
    page.get_by_role("button", name="Yes, subscribe me").click()
    expect(page.get_by_text("The Reader")).to_be_visible()
    assert Lead.objects.get().status == "subscribed"

    send(name="First", subject="First news")
    news = mail_to(address, "First news")
    assert "Dear Ada" in (news.html or "")
    unsubscribe = re.search(r"<(http[^>]+)>", dict(news.headers)["List-Unsubscribe"])
    assert unsubscribe

    page.goto(unsubscribe[1])
    page.get_by_role("link", name="Choose what you get").click()
    page.get_by_label("Offers").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Saved")).to_be_visible()

    offers = send(name="Offers", subject="An offer", topic=topic)
    row = wait_for(lambda: Email.objects.filter(campaign_id=offers.pk).first(), 20, "the second campaign is recorded")
    assert (row.status, row.reply) == ("skipped", "topic declined: Offers")
    assert not mailbox.list_messages(settings.SANDBOX_DIR, search=address).entries[2:]
