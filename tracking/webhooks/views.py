"""The address that an ESP calls: proved, read, taken, answered. One for each provider account."""

from __future__ import annotations

import datetime as dt
import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns.public_limits import limited
from tracking.pages import come_back_later, not_found, private
from tracking.returned import DatabaseAway
from tracking.stream import StreamAway
from tracking.unsubscribe import is_too_large
from tracking.webhooks import confirm, state
from tracking.webhooks.door import Door, find_door
from tracking.webhooks.events import read_events
from tracking.webhooks.proof import ProofRefused, demand_proof
from tracking.webhooks.receive import receive

log = logging.getLogger(__name__)


# no CSRF token: the ESP's signature or password is the authority
@csrf_exempt
@require_http_methods(["POST", "HEAD", "GET"])
@limited("webhook")
def webhook(request: HttpRequest, esp: str, provider_id: int) -> HttpResponse:
    """200 when every event of a POST is kept; 404 without a secret; 401, 403 without proof; 413; 503 to come again."""
    try:
        door = find_door(esp, provider_id)
        if door is None or (door.view is None and not (request.method == "HEAD" and door.kind.asks_before_key)):
            return _shut(esp, provider_id, door)
        if request.method != "POST":
            return private(HttpResponse("Webhooks are posted here.", content_type="text/plain"))
        return _post(request, door)
    except (StreamAway, *DatabaseAway) as error:
        log.error("a webhook of %s could not be kept anywhere, the answer is 503: %s", esp, error)
        return come_back_later()


def _shut(esp: str, provider_id: int, door: Door | None) -> HttpResponse:
    if door is not None:
        log.warning(
            "the webhook of %s at provider %s was called and has no secret: set one on the provider's page",
            esp,
            provider_id,
        )
    return not_found()


def _post(request: HttpRequest, door: Door) -> HttpResponse:
    if door.kind.proof == "password" and not request.headers.get("Authorization"):
        # Amazon SNS sends the password only when it is asked for it
        return private(HttpResponse(status=401, headers={"WWW-Authenticate": 'Basic realm="webhook"'}))
    if is_too_large(request, settings.DATA_UPLOAD_MAX_MEMORY_SIZE):
        # Django writes files of a form to disk, however many: to look for a signature in it is to take them all
        return private(HttpResponse("Too large.", status=413, content_type="text/plain"))
    now = dt.datetime.now(dt.UTC)
    try:
        demand_proof(door.kind, door.view, request, now.timestamp())
    except ProofRefused as error:
        log.warning("a request to the webhook of %s at provider %s: %s", door.kind.name, door.provider_id, error)
        state.note_refusal(door.provider_id, door.kind.name, str(error))
        return private(HttpResponse("Not proved.", status=403, content_type="text/plain"))
    if door.kind.name == "ses" and confirm.is_asked(request):
        confirm.answer(door, request)
    else:
        receive(door, read_events(door.kind, door.view, request), now)
    return private(HttpResponse(status=200))
