"""The findings for a person, or for a program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from massmailer.doctor.check import Check

MARKS = {"ok": Text("ok", style="green"), "warn": Text("look", style="yellow"), "fail": Text("FAIL", style="bold red")}


def is_healthy(findings: Sequence[Check]) -> bool:
    return all(check.state != "fail" for check in findings)


def as_json(findings: Sequence[Check]) -> str:
    """One object: {"healthy": …, "checks": [{"name", "state", "detail", "cure"}]}."""
    return json.dumps({"healthy": is_healthy(findings), "checks": [asdict(check) for check in findings]}, indent=2)


def print_table(findings: Sequence[Check], console: Console) -> None:
    """All findings in their order, each with its cure below what is wrong."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in findings:
        text = Text(check.detail)
        if check.cure:
            text.append(f"\n→ {check.cure}", style="bold")
        table.add_row(MARKS[check.state], check.name, text)
    console.print(table)
    console.print(summary(findings))


def summary(findings: Sequence[Check]) -> str:
    """The last line, such as "27 ok, 2 to look at, 1 failed"."""
    count = {state: sum(check.state == state for check in findings) for state in MARKS}
    return f"\n{count['ok']} ok, {count['warn']} to look at, {count['fail']} failed."
