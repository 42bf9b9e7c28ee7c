"""Add or change an SMTP provider."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from delivery.models import Pool
from delivery.providers import add_provider, check_connection


class Command(BaseCommand):
    help = "Add an SMTP provider to the default pools, or change the one of that name."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument(
            "--smtp", required=True, metavar="URL", help="smtp://, smtp+starttls:// or smtps://user:password@host:port"
        )
        parser.add_argument("--weight", type=int, default=1, help="share of the traffic (default 1)")
        parser.add_argument("--rate", type=_rate, default=None, metavar="N/s", help="at most so many e-mails a second")
        parser.add_argument("--connections", type=int, default=20, help="connections per worker process (default 20)")
        parser.add_argument("--pool", action="append", default=[], help="put it into this pool instead (repeatable)")
        parser.add_argument("--check", action="store_true", help="connect and log in before adding it for good")

    def handle(self, **options: object) -> None:
        try:
            provider = add_provider(
                name=str(options["name"]),
                url=str(options["smtp"]),
                weight=int(str(options["weight"])),
                rate_per_second=options["rate"],  # type: ignore[arg-type]  # _rate returns a float or None
                max_connections=int(str(options["connections"])),
                pools=options["pool"],  # type: ignore[arg-type]  # a list of texts
            )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        except ValueError as error:
            raise CommandError(str(error)) from error
        except Pool.DoesNotExist as error:
            known = ", ".join(Pool.objects.values_list("name", flat=True)) or "none yet"
            raise CommandError(f"There is no such pool. Pools: {known}.") from error
        if options["check"]:
            report = check_connection(provider.pk)
            if report.error:
                raise CommandError(f"Added, but it does not answer as it should: {report.error}")
        self.stdout.write(str(provider.pk))


def _rate(text: str) -> float:
    """ "50/s", "3000/m" or "50" as e-mails a second."""
    number, _, unit = text.partition("/")
    seconds = {"": 1, "s": 1, "m": 60, "h": 3600}
    if unit not in seconds or not number.replace(".", "", 1).isdigit() or float(number) <= 0:
        raise CommandError(f"--rate {text!r} is not a rate: write 50/s, 3000/m or 9000/h.")
    return float(number) / seconds[unit]
