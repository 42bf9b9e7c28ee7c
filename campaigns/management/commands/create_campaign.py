"""Make a campaign from files; every mistake is said with its place, and then nothing is made."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from campaigns.content import Problem
from campaigns.content.problems import WRITTEN
from campaigns.management.pace_options import add_pace_arguments, pace_of
from campaigns.models import Campaign, MailingList, Topic
from campaigns.segments import ValueInvalid
from campaigns.segments.members import find_list
from campaigns.services.campaigns import CampaignInvalid, FeedInvalid, FeedResult, create_campaign, load_feed
from campaigns.services.preflight import written_problems

MAX_BODY_BYTES = 5_000_000
MAX_SEGMENT_BYTES = 1_000_000
LINES_SHOWN = 20


class Command(BaseCommand):
    help = "Make a draft campaign and print its id. Send it with: launch ID"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="for your own lists; recipients see it in no place")
        parser.add_argument("--subject", required=True, help="merge tags such as {{ lead.first_name }} work")
        parser.add_argument("--from", required=True, dest="sender", metavar="SENDER", help='"Name <name@example.com>"')
        body = parser.add_mutually_exclusive_group(required=True)
        body.add_argument("--html", type=Path, metavar="FILE", help="the body, in HTML")
        body.add_argument("--mjml", type=Path, metavar="FILE", help="the body, in MJML")
        audience = parser.add_mutually_exclusive_group(required=True)
        audience.add_argument("--segment", type=Path, metavar="FILE.json", help="send to the leads of this condition")
        audience.add_argument("--list", dest="list_name", metavar="NAME", help="send to the members of this list")
        parser.add_argument(
            "--feed", type=Path, metavar="FILE", help="a line of NDJSON or CSV for each lead: {{ feed }}"
        )
        parser.add_argument("--preheader", default="", help="the line that inboxes show after the subject")
        parser.add_argument(
            "--text", type=Path, metavar="FILE", help="the plain-text part; made from the body if left out"
        )
        parser.add_argument("--topic", metavar="NAME", help="who declined this topic is skipped")
        parser.add_argument("--reply-to", default="", metavar="ADDRESS")
        parser.add_argument(
            "--priority", type=int, default=5, metavar="N", help="0 to 9; 9 is the most urgent (default: 5)"
        )

        add_pace_arguments(parser)

    def handle(self, **options: Any) -> None:
        body_path: Path = options["html"] or options["mjml"]
        body = read_text(body_path, MAX_BODY_BYTES)
        text = read_text(options["text"], MAX_BODY_BYTES) if options["text"] else ""
        condition = read_condition(options["segment"]) if options["segment"] else None
        places = places_of(options)
        try:
            with transaction.atomic():
                campaign = create_campaign(
                    name=options["name"],
                    subject=options["subject"],
                    sender=options["sender"],
                    body=body,
                    body_format="html" if options["html"] else "mjml",
                    preheader=options["preheader"],
                    text=text,
                    reply_to=options["reply_to"],
                    priority=options["priority"],
                    pace=pace_of(options),
                    by_local_time=options["local_time"],
                    segment=condition,
                    mailing_list=list_named(options["list_name"]) if options["list_name"] is not None else None,
                    topic=topic_named(options["topic"]) if options["topic"] is not None else None,
                )
                if options["feed"]:
                    self.load(campaign, options["feed"])
        except CampaignInvalid as error:
            raise CommandError("\n".join(with_place(problem, places) for problem in error.problems)) from error
        self.warn(campaign, places)
        self.stdout.write(str(campaign.pk))

    def warn(self, campaign: Campaign, places: dict[str, str]) -> None:
        for problem in written_problems(campaign):
            self.stderr.write(f"Warning: {with_place(problem, places)}")

    def load(self, campaign: Campaign, path: Path) -> None:
        """The feed; lines that cannot be read refuse the whole campaign, lines for unknown leads are only said."""
        try:
            with path.open(encoding="utf-8", newline="") as lines:
                result = load_feed(campaign_id=campaign.pk, lines=lines)
        except OSError as error:
            raise CommandError(unreadable(path, error)) from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{path}: the feed is not UTF-8 text; save it as UTF-8") from error
        except FeedInvalid as error:
            raise CommandError(f"{path}: {error}") from error
        if result.bad_count:
            raise CommandError("\n".join(feed_lines(path, result)))
        if result.unknown_count:
            self.stderr.write(f"Warning: {path}: {result.unknown_count:,} lines are for leads that do not exist")
            for line in result.unknown[:LINES_SHOWN]:
                self.stderr.write(f"Warning: {path}, {line}")
        if result.repeated:
            self.stderr.write(
                f"Warning: {path}: {result.repeated:,} lines were replaced by a later line for the same lead"
            )


def feed_lines(path: Path, result: FeedResult) -> list[str]:
    shown = [f"{path}, {line}" for line in result.bad[:LINES_SHOWN]]
    if result.bad_count > len(shown):
        shown.append(f"{path}: {result.bad_count - len(shown):,} more lines cannot be read")
    return shown


def places_of(options: dict[str, Any]) -> dict[str, str]:
    """Where the user wrote each part of the campaign."""
    return {
        "body": str(options["html"] or options["mjml"]),
        "text": str(options["text"] or "the plain text"),
        "subject": "--subject",
        "preheader": "--preheader",
        "sender": "--from",
        "audience": str(options["segment"] or "--list"),
        "delivery": "the pace",
    }


def with_place(problem: Problem, places: dict[str, str]) -> str:
    where = "--reply-to" if problem.code == "reply-to-address" else places.get(problem.part, "the campaign")
    if problem.part in WRITTEN:
        where += f", line {problem.line}, column {problem.column}"
    return f"{where}: {problem.message}"


def list_named(name: str) -> MailingList:
    try:
        return MailingList.objects.get(pk=find_list(name).pk)
    except ValueInvalid as error:
        raise CommandError(f"--list: {error}") from error


def topic_named(name: str) -> Topic:
    found = Topic.objects.filter(name=name).first()
    if found is None:
        known = ", ".join(Topic.objects.values_list("name", flat=True)[:LINES_SHOWN]) or "none yet"
        raise CommandError(f"--topic: there is no topic {name!r}; topics: {known}")
    return found


def read_text(path: Path, limit_bytes: int) -> str:
    """The file's text. Raises CommandError that names the file, and the line where it is not UTF-8."""
    try:
        with path.open("rb") as file:
            raw = file.read(limit_bytes + 1)
    except OSError as error:
        raise CommandError(unreadable(path, error)) from error
    if len(raw) > limit_bytes:
        raise CommandError(f"{path}: larger than {limit_bytes // 1_000_000} MB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise CommandError(f"{path}, line {line}: not UTF-8 text; save the file as UTF-8") from error


def unreadable(path: Path, error: OSError) -> str:
    return f"{path}: cannot be read: {error.strerror or error}"


def read_condition(path: Path) -> Any:
    """The JSON of a segment's file. Raises CommandError with line and column."""
    text = read_text(path, MAX_SEGMENT_BYTES)
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        raise CommandError(f"{path}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from error
    except RecursionError as error:
        raise CommandError(f"{path}: nested too deeply") from error
    except ValueError as error:
        raise CommandError(f"{path}: {error}") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON readers keep the last of two equal keys: half of an audience's condition would be lost without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        repeated = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {repeated!r} stands twice in one object; keep one of them")
    return found
