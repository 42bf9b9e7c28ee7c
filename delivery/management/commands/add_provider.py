"""Add or change a provider: an SMTP relay or an ESP account."""

from __future__ import annotations

import os
import sys
from argparse import BooleanOptionalAction
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from campaigns.crypto import SecretUnreadable
from delivery.esp.kinds import KINDS
from delivery.models import Pool, Provider
from delivery.providers import GivenLimits, add_esp, add_provider, check_connection, set_limits

FROM_STDIN = "-"
# where a secret is looked for when it is not given: an argument can be read by everybody on the machine
VARIABLES = {"api_key": "MASSMAILER_ESP_KEY", "secret_key": "MASSMAILER_ESP_SECRET"}


class Command(BaseCommand):
    help = "Add a provider to the default pools, or change the one of that name: an SMTP relay or an ESP account."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True)
        way = parser.add_mutually_exclusive_group(required=True)
        way.add_argument("--smtp", metavar="URL", help="smtp://, smtp+starttls:// or smtps://user:password@host:port")
        way.add_argument("--esp", choices=sorted(KINDS), help="an account at this ESP")
        for name, words in (("api-key", "API key, server token or access key ID"), ("api-secret", "secret key")):
            variable = VARIABLES["api_key" if name == "api-key" else "secret_key"]
            parser.add_argument(
                f"--{name}",
                default="",
                metavar="KEY",
                help=f"{words}; - reads a line of standard input, or set {variable}",
            )
        parser.add_argument(
            "--option",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="such as domain=… or region=… (repeatable)",
        )
        parser.add_argument("--recipients", type=int, default=None, help="recipients a call of an ESP (default 50)")
        parser.add_argument("--weight", type=int, default=1, help="share of the traffic (default 1)")
        parser.add_argument("--rate", type=_rate, default=None, metavar="N/s", help="at most so many e-mails a second")
        parser.add_argument("--rate-hour", type=int, default=None, metavar="N", help="at most so many an hour")
        parser.add_argument(
            "--rate-day", type=int, default=None, metavar="N", help="at most so many a day, from 0:00 UTC"
        )
        parser.add_argument(
            "--group-rate",
            action="append",
            default=[],
            metavar="GROUP=N/s",
            help="at most so many a second to one mailbox group, such as gmail=5/s (repeatable)",
        )
        parser.add_argument("--tier", type=int, default=None, help="1 is used first, others when it cannot send")
        parser.add_argument("--local-address", default=None, metavar="IP", help="address of this machine to send from")
        parser.add_argument("--connections", type=int, default=20, help="connections per worker process (default 20)")
        parser.add_argument(
            "--chunking",
            action=BooleanOptionalAction,
            default=None,
            help="several messages at once where the relay offers CHUNKING (default: yes)",
        )
        parser.add_argument("--pool", action="append", default=[], help="put it into this pool instead (repeatable)")
        parser.add_argument("--check", action="store_true", help="connect and log in before adding it for good")

    def handle(self, **options: Any) -> None:
        try:
            with transaction.atomic():
                provider = _add(options)
                set_limits(provider, _limits(options))
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        except (ValueError, SecretUnreadable) as error:
            raise CommandError(str(error)) from error
        except Pool.DoesNotExist as error:
            known = ", ".join(Pool.objects.values_list("name", flat=True)) or "none yet"
            raise CommandError(f"There is no such pool. Pools: {known}.") from error
        if options["check"]:
            report = check_connection(provider.pk)
            if report.error:
                raise CommandError(f"Added, but it does not answer as it should: {report.error}")
        self.stdout.write(str(provider.pk))


def _add(options: dict[str, Any]) -> Provider:
    shared = {
        "name": options["name"],
        "weight": options["weight"],
        "tier": options["tier"],
        "rate_per_second": options["rate"],
        "max_connections": options["connections"],
        "pools": options["pool"],
    }
    if options["smtp"]:
        return add_provider(url=options["smtp"], chunking=options["chunking"], **shared)
    return add_esp(
        kind=options["esp"],
        secrets={
            "api_key": _secret(options["api_key"], "api_key"),
            "secret_key": _secret(options["api_secret"], "secret_key"),
        },
        options=dict(_pair(text) for text in options["option"]),
        batch_size=options["recipients"],
        **shared,
    )


def _limits(options: dict[str, Any]) -> GivenLimits:
    return GivenLimits(
        per_hour=options["rate_hour"],
        per_day=options["rate_day"],
        local_address=options["local_address"],
        group_rates={group: _rate(rate) for group, rate in map(_pair, options["group_rate"])},
    )


def _secret(given: str, name: str) -> str:
    if given == FROM_STDIN:
        return sys.stdin.readline().strip()
    return given or os.environ.get(VARIABLES[name], "")


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name or not value:
        raise CommandError(f"{text!r} is not of the form NAME=VALUE, such as domain=mail.example.com or gmail=5/s.")
    return name.strip(), value.strip()


def _rate(text: str) -> float:
    """ "50/s", "3000/m" or "50" as e-mails a second."""
    number, _, unit = text.partition("/")
    seconds = {"": 1, "s": 1, "m": 60, "h": 3600}
    if unit not in seconds or not number.replace(".", "", 1).isdigit() or float(number) <= 0:
        raise CommandError(f"{text!r} is not a rate: write 50/s, 3000/m or 9000/h.")
    return float(number) / seconds[unit]
