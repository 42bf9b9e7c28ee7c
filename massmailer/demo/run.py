"""The demo from its beginning to its end, one step after the other."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.conf import settings

from campaigns.models import LeadImport
from massmailer.demo import furnish, leads, mailbox, places, reading, report, sending
from massmailer.demo.errors import DemoFailed
from massmailer.demo.leaving import Leaving, Stopped
from massmailer.demo.places import Places
from massmailer.demo.show import Show
from massmailer.demo.visitors import Visitor
from massmailer.processes.background import BackgroundStack
from massmailer.processes.prepare import prepare


@dataclass(frozen=True)
class Wishes:
    """What was asked for on the command line."""

    lead_count: int
    port: int
    once: bool


def run(wishes: Wishes, show: Show) -> None:
    """Set up, send, read, report, and stay up unless --once.

    Whatever ends it, the processes are stopped. Raises DemoFailed, StackError or EngineError with the reason, and
    Stopped on a signal.
    """
    with Leaving() as leaving:
        chosen = places.choose(wishes.port)
        for sentence in chosen.moved:
            show.note(sentence)
        places.adopt(chosen)
        prepare()
        show.step("PostgreSQL and Valkey run, tables are there")
        stack = BackgroundStack(chosen.stack_options())
        try:
            # the processes come up while the leads are imported
            with leaving.held():
                stack.begin()
            _play(wishes, chosen, stack, show)
        finally:
            leaving.ignore_more()
            stack.stop()
            show.step("All processes have stopped")


def _play(wishes: Wishes, chosen: Places, stack: BackgroundStack, show: Show) -> None:
    login = furnish.admin_login()
    pool = furnish.sandbox_pool(chosen.sandbox)
    show.step("Admin login, sandbox provider and pools are there")
    imported = leads.import_samples(wishes.lead_count, show)
    show.step(f"{imported.created_count + imported.updated_count:,} leads imported")
    segment = leads.sample_segment()
    leads.suppress_some(segment)
    campaign = sending.make_campaign(segment, pool)
    show.step("Segment and MJML campaign are there")
    stack.wait_until_ready()
    show.step(f"Web, workers, beat, Flower and mailbox run: {chosen.url}/admin/")
    story = _send_and_read(campaign.pk, imported, pool.pk, chosen, show)
    report.print_report(story, show.console)
    report.print_addresses(chosen, login, show.console, stays=not wishes.once)
    if not wishes.once:
        _stay(stack)


def _send_and_read(campaign_id: int, imported: LeadImport, pool_id: int, chosen: Places, show: Show) -> report.Story:
    """Launch, count, look into the mailbox, read some of it, and count again."""
    since = time.time()
    sending.launch(campaign_id)
    numbers, rate = sending.watch(campaign_id, show)
    show.step(f"Campaign sent: {numbers.sent:,} e-mails, {rate:,.0f} a second")
    sending.prove(campaign_id)
    arrived = _look_into_mailbox(campaign_id, since)
    show.step("Every lead is accounted for: counters, ledger and mailbox agree, nobody got it twice")
    receipt_seconds = reading.send_receipt(pool_id, settings.SANDBOX_DIR)
    show.step(f"Transactional message arrived after {receipt_seconds:.2f} s")
    deeds = reading.read_some(campaign_id, settings.SANDBOX_DIR, arrived, Visitor(chosen.url))
    campaign = reading.wait_for_counters(campaign_id, deeds)
    show.step(f"{deeds.opened} e-mails opened, {deeds.clicked} clicked, one reader unsubscribed, all counted")
    sending.prove(campaign_id)
    return report.Story(imported, campaign, sending.reasons(campaign_id), rate, receipt_seconds)


def _look_into_mailbox(campaign_id: int, since: float) -> list[mailbox.Arrived]:
    """The messages of this campaign. Raises DemoFailed unless each address of the ledger has it exactly once."""
    arrived = mailbox.of_campaign(settings.SANDBOX_DIR, campaign_id, since)
    sent, unknown = sending.addresses(campaign_id, "sent"), sending.addresses(campaign_id, "unknown")
    problems = mailbox.compare(arrived, sent, unknown)
    if problems:
        raise DemoFailed("; ".join(problems) + ".")
    return arrived


def _stay(stack: BackgroundStack) -> None:
    """Stay until a signal comes: that is how a demo that stays up is meant to end."""
    try:
        while stack.is_running():
            time.sleep(0.5)
    except Stopped:
        return
    raise DemoFailed("the processes have ended by themselves: see var/log/stack.log.")
