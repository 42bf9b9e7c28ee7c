"""What messages that came back say: bounce, complaint or automatic reply, about whom, and why."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from delivery.engine.classify import BUILT_IN, Classifier
from delivery.reply_rules import load_classifier_sync
from tracking.inbound.message import MAX_BYTES
from tracking.inbound.parse import parse
from tracking.inbound.report import MessageKind, Report


class Command(BaseCommand):
    help = "Say what messages that came back are, whom they are about, and why they were refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="a message as it arrived; - reads standard input")
        parser.add_argument("--json", action="store_true", help="one JSON object a file, one a line")

    def handle(self, *, files: list[str], json: bool, **_: object) -> None:
        rules = self.rules()
        unreadable = 0
        for name in files:
            try:
                raw = _read(name)
            except (OSError, ValueError) as error:
                unreadable += 1
                self.stderr.write(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}.")
                continue
            report = parse(raw, rules)
            self.stdout.write(_as_json(name, report) if json else _for_people(name, report))
        if unreadable:
            raise CommandError(f"{unreadable} of {len(files)} files could not be read.")

    def rules(self) -> Classifier:
        """All rules; the built-in ones alone, said aloud, while the database is away."""
        try:
            return load_classifier_sync()
        except OperationalError:
            self.stderr.write("The database is away: rules of your own were not looked at.")
            return BUILT_IN


def _read(name: str) -> bytes:
    """The first bytes of a file, as many as are looked at. Raises OSError, and ValueError for an impossible name."""
    if name == "-":
        return sys.stdin.buffer.read(MAX_BYTES)
    with Path(name).open("rb") as file:
        return file.read(MAX_BYTES)


def _as_json(name: str, report: Report) -> str:
    return json_module.dumps({"file": name, **report.as_dict()})


def _for_people(name: str, report: Report) -> str:
    lines = [f"{_printable(name)}: {report.kind}"]
    for one in report.recipients:
        shown = one.refusal.value if report.kind is MessageKind.BOUNCE else ""
        columns = (one.address or "(no address)", shown, one.status, one.rule, one.reply[:100])
        lines.append(
            "  " + _printable(f"{columns[0]:<36} {columns[1]:<12} {columns[2]:<8} {columns[3]:<20} {columns[4]}")
        )
    return "\n".join(line.rstrip() for line in lines)


def _printable(text: str) -> str:
    """Without control characters: what a stranger wrote must not steer somebody's terminal."""
    return "".join(one if one.isprintable() else "?" for one in text)
