"""Write leads as CSV."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from campaigns.leads.export import export_rows
from campaigns.management.output import write_out
from campaigns.models import MailingList
from campaigns.segments import SegmentInvalid


class Command(BaseCommand):
    help = "Write leads as CSV (UTF-8) to standard output or a file; import_leads takes it back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--list", metavar="NAME", help="only who is subscribed to this list")
        parser.add_argument("--segment", metavar="FILE.json", help="only who meets the condition in this file")
        parser.add_argument("--output", metavar="FILE", help="write to this file; standard output when left out")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            chunks = export_rows(mailing_list=_list(options["list"]), condition=_condition(options["segment"]))
        except SegmentInvalid as error:
            raise CommandError(f"{options['segment']}: {error}") from error
        write_out(chunks, options["output"])


def _list(name: str | None) -> MailingList | None:
    if not name:
        return None
    found = MailingList.objects.filter(name=name).first()
    if found is None:
        known = ", ".join(MailingList.objects.values_list("name", flat=True)[:20]) or "none yet"
        raise CommandError(f"There is no list {name!r}. Lists: {known}.")
    return found


def _condition(path: str | None) -> Any:
    if not path:
        return None
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CommandError(f"{path} is not JSON: {error}.") from error
