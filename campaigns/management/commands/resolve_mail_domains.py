"""Find the mailbox groups of all leads' domains now, instead of waiting for the workers."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError

from campaigns import mail_domains


class Command(BaseCommand):
    help = "Note the domains of all leads and look up those that are due. Needs a resolver; ten minutes or more."

    def handle(self, **_options: object) -> None:
        self.stdout.write(f"{mail_domains.note_all():,} new domains, {mail_domains.due().count():,} to look up")
        while asked := mail_domains.resolve_due():
            self.stdout.write(f"{asked:,} looked up")
        left = mail_domains.due().count()
        if left:
            raise CommandError(f"{left:,} domains are left: DNS does not answer, or a worker is at it already.")
