"""What a reply of a mail server means, and what MassMailer does after it."""

from __future__ import annotations

import json as json_module
import sys

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from campaigns.addresses import MAILBOX_GROUPS
from delivery.engine.classify import BUILT_IN, Classifier
from delivery.models import Provider
from delivery.reply_rules import load_classifier_sync
from delivery.reply_words import Judged, NoReply, judge_text


class Command(BaseCommand):
    help = "Say which class a reply falls in, by which rule, and what follows."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("reply", help='the reply, such as "550 5.1.1 User unknown"; - reads it from standard input')
        parser.add_argument("--provider", metavar="NAME", help="rules of this provider count too")
        parser.add_argument("--group", default="", help="mailbox group of the recipient, such as gmail")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *, reply: str, provider: str | None, group: str, json: bool, **_: object) -> None:
        if group and group not in MAILBOX_GROUPS:
            raise CommandError(f"There is no mailbox group {group!r}. Groups: {', '.join(MAILBOX_GROUPS)}.")
        try:
            judged = judge_text(
                sys.stdin.read() if reply == "-" else reply,
                self.rules(),
                group=group,
                provider_id=_provider_id(provider),
            )
        except NoReply as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json_module.dumps(judged.as_dict()) if json else _for_people(judged))

    def rules(self) -> Classifier:
        """All rules; the built-in ones alone, said aloud, while the database is away."""
        try:
            return load_classifier_sync()
        except OperationalError:
            self.stderr.write("The database is away: rules of your own were not looked at.")
            return BUILT_IN


def _provider_id(name: str | None) -> int | None:
    if name is None:
        return None
    try:
        return Provider.objects.values_list("pk", flat=True).get(name=name)
    except Provider.DoesNotExist as error:
        known = ", ".join(Provider.objects.values_list("name", flat=True)) or "none yet"
        raise CommandError(f"There is no provider {name!r}. Providers: {known}.") from error


def _for_people(judged: Judged) -> str:
    whose = "your rule" if judged.is_own else "built in"
    lines = [
        f" class  {judged.class_words} ({judged.verdict.kind})",
        f"  rule  {judged.verdict.rule} ({whose})",
        f"reason  {judged.verdict.reason}",
        *(f"{'then' if not place else '':>6}  {sentence}" for place, sentence in enumerate(judged.follows)),
    ]
    if judged.is_other_than_built_in:
        lines.append(f"  else  {judged.built_in.rule} ({judged.built_in.kind}), built in, would have decided")
    return "\n".join(lines)
