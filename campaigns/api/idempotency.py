"""A POST with an Idempotency-Key happens once, however often it is sent within a day."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from campaigns import crypto
from campaigns.api import sql
from campaigns.api.errors import ApiError, At, invalid
from campaigns.models import ApiKey

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
MOST_CHARACTERS = 255
# how long a second request waits for the first with the same key
WAIT_MILLISECONDS = 5_000
PRUNED_AT_ONCE = 10_000
KEPT_HEADERS = ("Content-Type", "Location", "ETag")
_CLAIM = sql.CLAIM_ANSWER.format(wait_milliseconds=WAIT_MILLISECONDS)

Work = Callable[[], HttpResponseBase]


@dataclass(frozen=True, slots=True)
class _Stored:
    fingerprint: bytes
    response: HttpResponse


def once(request: HttpRequest, key: ApiKey, name: str, work: Work) -> HttpResponseBase:
    """Do the work, or give the answer that it gave before. name: what stood in the header.

    Work and stored answer commit together. An answer that refuses the request is not stored, and what was done before
    it is rolled back: the same key may be used again once the request is put right.
    Raises ApiError: 422 for a name that cannot be, 409 where it came with another request, or another request with it
    is still under way.
    """
    _check_name(name)
    return run_once(key.pk, name, _fingerprint(request), work)


def run_once(key_id: int, name: str, fingerprint: bytes, work: Work) -> HttpResponseBase:
    """As `once`, for a request that is known by its fingerprint: SHA-256 of what makes it the same."""

    def claimed() -> HttpResponseBase:
        stored = _claim(key_id, name)
        if stored is not None:
            return _replay(stored, fingerprint)
        response = work()
        if response.status_code < 400 and isinstance(response, HttpResponse):
            _store(key_id, name, fingerprint, response)
        return response

    return whole(claimed)


def whole(work: Work) -> HttpResponseBase:
    """Do the work in one transaction, which an answer that refuses takes back."""
    with transaction.atomic():
        response = work()
        if response.status_code >= 400:
            transaction.set_rollback(True)
    return response


def prune() -> int:
    """Forget answers that are older than a day; how many."""
    pruned = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(sql.PRUNE_ANSWERS, {"limit": PRUNED_AT_ONCE})
            pruned += cursor.rowcount
            if cursor.rowcount < PRUNED_AT_ONCE:
                return pruned


def _check_name(name: str) -> None:
    if not (1 <= len(name) <= MOST_CHARACTERS and name.isascii() and name.isprintable()):
        detail = f"Use 1 to {MOST_CHARACTERS} printable ASCII characters, such as a UUID."
        raise invalid(At(detail, header=HEADER))


def _fingerprint(request: HttpRequest) -> bytes:
    head = f"{request.method} {request.get_full_path()} {request.content_type}\n"
    return hashlib.sha256(head.encode() + request.body).digest()


def _claim(key_id: int, name: str) -> _Stored | None:
    """Wait for an earlier request with this name; its answer, None where there is none and the name is ours."""
    lock = int.from_bytes(hashlib.sha256(f"{key_id}:{name}".encode()).digest()[:8], "big", signed=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, {"lock": lock, "api_key": key_id, "key": name})
            while cursor.nextset():
                pass
            row = cursor.fetchone()
    except OperationalError as error:
        if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise
        detail = f"Another request with this {HEADER} is still under way. Send it again to get its answer."
        raise ApiError(409, detail, "idempotency-in-progress", headers={"Retry-After": "1"}) from error
    if row is None:
        return None
    fingerprint, status, headers, sealed = row
    known = json.loads(headers) if isinstance(headers, str) else headers
    return _Stored(bytes(fingerprint), HttpResponse(_opened(bytes(sealed)), status=status, headers=known))


def _opened(sealed: bytes) -> bytes:
    try:
        return crypto.unseal_bytes(sealed)
    except crypto.SecretUnreadable as error:
        detail = f"The answer to this {HEADER} cannot be read any more. Its work was done; use a new one for new work."
        raise ApiError(409, detail, "idempotency-unreadable") from error


def _replay(stored: _Stored, fingerprint: bytes) -> HttpResponse:
    if not hmac.compare_digest(stored.fingerprint, fingerprint):
        detail = f"This {HEADER} came with another request before. Use a new one for a new request."
        raise ApiError(409, detail, "idempotency-mismatch", errors=[At(detail, header=HEADER)])
    stored.response[REPLAYED] = "true"
    return stored.response


def _store(key_id: int, name: str, fingerprint: bytes, response: HttpResponse) -> None:
    headers = {header: response[header] for header in KEPT_HEADERS if header in response}
    with connection.cursor() as cursor:
        cursor.execute(
            sql.STORE_ANSWER,
            {
                "api_key": key_id,
                "key": name,
                "fingerprint": fingerprint,
                "status": response.status_code,
                "headers": json.dumps(headers),
                # some answers hold a secret that is shown once
                "body": crypto.seal_bytes(response.content),
            },
        )
