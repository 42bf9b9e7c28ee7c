"""The page that the demo ends with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from campaigns.models import Campaign, LeadImport
from massmailer.demo.furnish import Login
from massmailer.demo.places import Places
from massmailer.processes.options import flower_credentials

STAYS = "Look around. Everything stays up until Ctrl-C:"
GOES = "Without --once these would stay up now:"


@dataclass(frozen=True)
class Story:
    """What happened, for the report. rate: e-mails in a second; receipt_seconds: of the transactional message."""

    leads: LeadImport
    campaign: Campaign
    reasons: dict[str, int]
    rate: float
    receipt_seconds: float


def print_report(story: Story, console: Console) -> None:
    """Import, campaign and what the readers did."""
    leads, campaign = story.leads, story.campaign
    rows: list[tuple[str, str]] = [
        ("Leads", f"{leads.created_count:,} new, {leads.updated_count:,} updated, {leads.repeated_count:,} repeated"),
        (
            "Rejected lines",
            f"{leads.rejected_count:,}" + (f", listed in {leads.rejects_path}" if leads.rejects_path else ""),
        ),
        ("Campaign", f"{campaign.name} to {campaign.audience:,} leads"),
        ("Sent", f"{campaign.sent:,} at {story.rate:,.0f} a second, each exactly once"),
        *[("Not sent", f"{count:,} {reason}") for reason, count in story.reasons.items()],
        ("Opened", f"{campaign.opened:,}"),
        ("Clicked", f"{campaign.clicked:,}"),
        ("Unsubscribed", f"{campaign.unsubscribed:,} by one click"),
        ("Transactional", f"1 message, in the mailbox after {story.receipt_seconds:.2f} s"),
    ]
    console.print()
    _print_rows(rows, console)


def print_addresses(places: Places, login: Login, console: Console, *, stays: bool) -> None:
    """Where to look, and with which login. stays: whether the processes go on after the report."""
    password = f"password {login.password}" if login.password else "with the password that you have set"
    flower_user, _, flower_password = flower_credentials().partition(":")
    rows = [
        ("Admin", f"{places.url}/admin/   user {login.username}, {password}"),
        ("Sandbox mailbox", f"{places.url}/admin/sandbox/   same login"),
        ("Flower", f"http://localhost:{places.flower}/   user {flower_user}, password {flower_password}"),
    ]
    console.print(f"\n{STAYS if stays else GOES}")
    _print_rows(rows, console)


def _print_rows(rows: Sequence[tuple[str, str]], console: Console) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(name, text)
    console.print(table, highlight=False)
