"""Emptying a mailbox: connect, take each message, and delete or mark it only when what it says is committed."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from campaigns import crypto
from campaigns.alone import alone, key_of
from delivery.stop import is_stopping
from tracking import returned, stream
from tracking.inbound.mail_servers import MailServer, ServerTrouble, open_server
from tracking.inbound.receive import receive
from tracking.models import MailAccount

log = logging.getLogger(__name__)

MAX_MESSAGES = 200
VISIT_SECONDS = 50.0
VISIT_LOCK = 7_205_100


@dataclass
class Visit:
    """What one visit did. error: why it ended before its time, "" when all went well."""

    taken: int = 0
    error: str = ""


def visit_all() -> dict[str, Visit]:
    """Visit every active mailbox, one after the other; what each visit did, by name."""
    accounts = MailAccount.objects.filter(is_active=True).order_by(F("last_visit_at").asc(nulls_first=True))
    return {account.name: visit(account.pk) for account in accounts if not is_stopping()}


def visit(account_id: int) -> Visit:
    """Take up to 200 messages, for a minute at most. Two visits at once are harmless: the second finds the lock taken.

    A message whose taking was committed and that was not deleted before the connection was lost comes again, and
    changes nothing.
    """
    with alone(key_of(VISIT_LOCK, account_id)) as is_alone:
        if not is_alone:
            return Visit(error="Somebody else is emptying it now.")
        account = MailAccount.objects.get(pk=account_id)
        done = Visit()
        try:
            with open_server(account) as server:
                _take_all(server, done)
        except (ServerTrouble, crypto.SecretUnreadable, stream.StreamAway, *returned.DatabaseAway) as error:
            done.error = str(error)[:300] or type(error).__name__
            log.warning("the mailbox %s could not be emptied: %s", account, error)
        with transaction.atomic():
            MailAccount.objects.filter(pk=account_id).update(
                last_visit_at=Now(), last_error=done.error, taken=F("taken") + done.taken
            )
    return done


def _take_all(server: MailServer, done: Visit) -> None:
    deadline = time.monotonic() + VISIT_SECONDS
    for name in server.names()[:MAX_MESSAGES]:
        if time.monotonic() >= deadline or is_stopping():
            return
        receive(server.fetch(name), via="mailbox")
        server.forget(name)
        done.taken += 1
