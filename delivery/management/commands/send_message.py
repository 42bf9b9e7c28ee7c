"""Send one transactional e-mail."""

from __future__ import annotations

import json
import time
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns.addresses import AddressInvalid
from campaigns.content import ContentInvalid
from delivery.models import Message
from delivery.transactional import queue_message

OPEN = (Message.Status.QUEUED, Message.Status.SENDING)


class Command(BaseCommand):
    help = "Queue one transactional e-mail and print its id."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", required=True)
        parser.add_argument("--subject", required=True)
        parser.add_argument("--html", required=True, metavar="FILE", help="may have {{ data.name }}")
        parser.add_argument("--from", dest="sender", default="", help='"Name <address>"')
        parser.add_argument("--data", default="{}", metavar="JSON", help="values for {{ data.… }}")
        parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="wait for its outcome")

    def handle(self, *, to: str, subject: str, html: str, sender: str, data: str, wait: float, **_: object) -> None:
        try:
            body = Path(html).read_text(encoding="utf-8")
            values = json.loads(data)
            message_id = queue_message(to=to, subject=subject, html=body, sender=sender, data=values)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"The file {html} cannot be read: {error}") from error
        except json.JSONDecodeError as error:
            raise CommandError(f"--data is not JSON: {error}") from error
        except AddressInvalid as error:
            raise CommandError(f"An address is not valid: {error}") from error
        except ContentInvalid as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(message_id))
        if wait:
            self._wait(message_id, wait)

    def _wait(self, message_id: int, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            message = Message.objects.get(id=message_id)
            if message.status not in OPEN:
                self.stderr.write(f"{message.status}: {message.reply or ''}")
                return
            time.sleep(0.1)
        raise CommandError("It is accepted and still waiting: is bin/up running?")
