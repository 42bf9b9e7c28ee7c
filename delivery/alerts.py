"""Telling operators what they must see to: kept in PostgreSQL first, then written to them and posted to their webhook.

Keys are "what" or "what:whom", such as "dead-letters", "blocked:3:gmail", "domain-paused:12", "circuit:3": one key is
one trouble, and the same trouble is told once within the repeat time. A key needs no registration.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from campaigns import crypto
from campaigns.addresses import AddressInvalid
from delivery import outgoing, transactional
from delivery.models import Alert, AlertSettings
from delivery.storable import storable

# one run shares its worker with the sweeper: it begins no post later than this, and a post takes 5 s at most
RUN_SECONDS = 1.0
# a runner that died in the middle of a post is not waited for any longer
LEASE_SECONDS = 120
MAIL_PRIORITY = 9
TEST_KEY = "test"

# Whoever holds the key's lock looks for the last alert and writes the next one: two at once cannot both write.
LOCK_KEY = "SELECT pg_advisory_xact_lock(hashtextextended('alert:' || %(key)s, 0))"

# The next post that is due. It is put off before it is made, so that nobody else makes it meanwhile.
CLAIM_DUE = """
UPDATE delivery_alert SET tried = tried + 1, next_try_at = statement_timestamp() + %(lease)s * interval '1 second'
 WHERE id = (SELECT id FROM delivery_alert
              WHERE next_try_at <= statement_timestamp() AND (%(id)s::bigint IS NULL OR id = %(id)s::bigint)
              ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, tried
"""

HTML = """<html><body style="font-family: sans-serif">
<h1 style="font-size: 18px">{{ data.subject }}</h1>
{% for paragraph in data.paragraphs %}<p>{{ paragraph }}</p>
{% endfor %}{% if data.link != "" %}<p><a href="{{ data.link }}">{{ data.link }}</a></p>{% endif %}
</body></html>"""
TEXT = """{% for paragraph in data.paragraphs %}{{ paragraph }}

{% endfor %}{{ data.link }}
"""


def alert_settings() -> AlertSettings:
    """The settings as they are; their defaults where nobody has saved any."""
    return AlertSettings.objects.filter(pk=1).first() or AlertSettings()


def raise_alert(*, key: str, subject: str, text: str, link: str = "") -> Alert | None:
    """Tell the operators, once: the alert, or None where the same key was told within the repeat time.

    text: plain, paragraphs apart by an empty line. link: a path of the admin ("/admin/…"), "" for none.
    The alert and its e-mails are committed together, inside the caller's transaction where there is one; the webhook
    follows by `deliver_due`. Never raises for an address that cannot be written to: that stands in the alert.
    """
    told = alert_settings()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(LOCK_KEY, {"key": key[:100]})
        since = Now() - timedelta(hours=told.repeat_hours)
        if Alert.objects.filter(key=key[:100], created_at__gt=since).exists():
            return None
        return tell(told, key=key, subject=subject, text=text, link=link)


def tell(told: AlertSettings, *, key: str, subject: str, text: str, link: str = "") -> Alert:
    """Write an alert and its e-mails, whatever was told before; inside a transaction."""
    clean = {"key": key[:100], "subject": storable(subject)[:200], "text": storable(text)}
    alert = Alert.objects.create(**clean, link=link[:200], next_try_at=Now() if told.webhook_url else None)
    addresses = told.emails.split()
    wrong = [reason for address in addresses if (reason := _write_to(address, alert))]
    if addresses and len(wrong) < len(addresses):
        alert.emailed_at = Now()
    alert.error = " ".join(wrong)
    alert.save(update_fields=["emailed_at", "error"])
    alert.refresh_from_db()
    return alert


def _write_to(address: str, alert: Alert) -> str:
    """Queue the e-mail; why it could not be, "" where it was."""
    data = {
        "subject": alert.subject,
        "paragraphs": [" ".join(part.split()) for part in alert.text.split("\n\n") if part.strip()],
        "link": link_of(alert),
    }
    try:
        transactional.queue_message(
            to=address,
            # what the alert quotes is data, never a template
            subject="[MassMailer] {{ data.subject }}",
            html=HTML,
            text=TEXT,
            data=data,
            priority=MAIL_PRIORITY,
            tags=["alert"],
            metadata={"alert": alert.pk},
        )
    except AddressInvalid as error:
        return f"Nobody was written to at {address}: {error}"
    return ""


def link_of(alert: Alert) -> str:
    """The whole address of what the alert is about, "" for none."""
    return f"{settings.PUBLIC_URL}{alert.link}" if alert.link else ""


def deliver_due(
    *,
    rng: random.Random | None = None,
    clock: Callable[[], float] = time.monotonic,
    post: Callable[..., outgoing.Delivery] = outgoing.post,
) -> int:
    """Post the alerts that are due, one after the other until about a second is over; how many were posted well."""
    chance = rng or random.Random()  # noqa: S311 - jitter, not a secret
    begun, posted = clock(), 0
    while claim := _claim():
        posted += _deliver(*claim, chance, post)
        if clock() - begun > RUN_SECONDS:
            break
    return posted


def send_test(*, by_name: str) -> Alert:
    """Tell the operators that this is only a test, and post it at once; the alert with what became of it.

    It takes as long as a post, 5 s at most. Tests are never held back by the repeat time.
    """
    with transaction.atomic():
        text = f"{by_name} wants to see that alerts arrive. Nothing is wrong."
        alert = tell(alert_settings(), key=TEST_KEY, subject="A test alert", text=text)
    if claim := _claim(alert.pk):
        _deliver(*claim, random.Random(), outgoing.post)  # noqa: S311 - jitter, not a secret
        alert.refresh_from_db()
    return alert


def post_again(alert_id: int) -> bool:
    """Begin anew with the posts of an alert that did not arrive; False where it did, or where there is no webhook."""
    if not alert_settings().webhook_url:
        return False
    return bool(Alert.objects.filter(pk=alert_id, posted_at=None).update(tried=0, next_try_at=Now()))


def _claim(alert_id: int | None = None) -> tuple[Alert, int] | None:
    """An alert that is due, this one or any, with the number of its try; None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM_DUE, {"lease": LEASE_SECONDS, "id": alert_id})
        row = cursor.fetchone()
    return (Alert.objects.get(pk=row[0]), row[1]) if row else None


def _deliver(alert: Alert, tried: int, rng: random.Random, post: Callable[..., outgoing.Delivery]) -> bool:
    """One post and what became of it; whether it arrived. Only the claim that made the post writes it down."""
    mine = Alert.objects.filter(pk=alert.pk, tried=tried)
    error = _post(alert, post)
    if not error:
        mine.update(posted_at=Now(), next_try_at=None, error="")
        return True
    wait = outgoing.wait_after(tried, rng)
    mine.update(next_try_at=Now() + wait if wait is not None else None, error=error)
    return False


def _post(alert: Alert, post: Callable[..., outgoing.Delivery]) -> str:
    told = alert_settings()
    if not told.webhook_url:
        return "There is no webhook address any more."
    try:
        secrets = told.signing_secrets(timezone.now())
    except crypto.SecretUnreadable:
        return "None of the ENCRYPTION_KEYS opens the webhook's secret. Put the old key back, or make a new secret."
    if not secrets:
        return "The webhook has no secret. Make one in the alert settings."
    return post(told.webhook_url, body_of(alert), secrets, message_id=f"alert_{alert.pk}").error


def body_of(alert: Alert) -> bytes:
    """The JSON that is posted, the same for every try."""
    data = {"id": alert.pk, "key": alert.key, "subject": alert.subject, "text": alert.text, "link": link_of(alert)}
    return json.dumps({"type": "alert.raised", "timestamp": alert.created_at.isoformat(), "data": data}).encode()
