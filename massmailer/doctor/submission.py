"""The SMTP door for applications: is it open, and would a key travel encrypted?"""

from __future__ import annotations

import datetime as dt
import smtplib
from pathlib import Path

from cryptography import x509
from django.conf import settings

from massmailer.doctor.check import Check, fail, ok, warn

NAME = "submission"
ANSWER_SECONDS = 3.0
RENEW_DAYS = 14


def door() -> Check:
    """Greets the door where it should be, and looks at its certificate."""
    port, tls_port = settings.SUBMISSION_PORT, settings.SUBMISSION_TLS_PORT
    if not port and not tls_port:
        return ok(NAME, "the SMTP door is not wanted (MASSMAILER_SUBMISSION_PORT is not set)")
    host = "127.0.0.1" if settings.SUBMISSION_HOST in ("", "0.0.0.0", "::") else settings.SUBMISSION_HOST  # noqa: S104
    try:
        _greet(host, port)
    except (OSError, smtplib.SMTPException) as error:
        return fail(NAME, f"{host}:{port} does not answer: {error}", "Start it: bin/up does, or the Procfile's line.")
    return _certificate(host) or ok(
        NAME, f"open at {host}, ports {', '.join(str(one) for one in (port, tls_port) if one)}"
    )


def _greet(host: str, port: int) -> None:
    if not port:
        return
    with smtplib.SMTP(host, port, timeout=ANSWER_SECONDS) as session:
        session.ehlo()


def _certificate(host: str) -> Check | None:
    """What is wrong with the certificate; None where nothing is, or none is needed."""
    path = settings.SUBMISSION_CERTIFICATE
    if not path:
        if host in ("127.0.0.1", "::1", "localhost"):
            return None
        detail = "no certificate: keys are only taken from this machine"
        if settings.SUBMISSION_PLAIN_AUTH:
            detail = "keys travel unencrypted (MASSMAILER_SUBMISSION_PLAIN_AUTH)"
        return warn(NAME, detail, "Set MASSMAILER_SUBMISSION_CERTIFICATE to a PEM file.")
    found = x509.load_pem_x509_certificates(Path(path).read_bytes())[0]
    left = found.not_valid_after_utc - dt.datetime.now(dt.UTC)
    if left < dt.timedelta(days=RENEW_DAYS):
        return warn(NAME, f"the certificate ends in {left.days} days", "Renew it; the door reads it again each hour.")
    return None
