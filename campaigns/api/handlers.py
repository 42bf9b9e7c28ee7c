"""From what services and libraries raise to problem details: registered once, for every operation of the API."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ObjectDoesNotExist, RequestDataTooBig
from django.core.exceptions import ValidationError as ModelInvalid
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as RequestInvalid

from campaigns.addresses import AddressInvalid
from campaigns.api.errors import ApiError, At, invalid, pointer_to, respond
from campaigns.content import ContentInvalid, Problem
from campaigns.content.problems import WRITTEN
from campaigns.leads.errors import FileRefused
from campaigns.segments import CountTimedOut, NodeError, SegmentInvalid
from campaigns.services.errors import CampaignInvalid, StateConflict
from campaigns.services.pool_choice import PoolRefused

logger = logging.getLogger(__name__)

# which field of a request a problem of the content or of a campaign is about
FIELD_OF_CODE = {
    "from-address": "from_email", "reply-to-address": "reply_to", "no-name": "name", "priority": "priority",
    "max-per-hour": "max_per_hour", "closed-hours": "send_from", "weekdays": "send_weekdays", "past": "at",
}  # fmt: skip
FIELD_OF_PART = {
    "subject": "subject", "preheader": "preheader", "body": "body", "text": "text", "sender": "from_email",
    "audience": "segment_id",
}  # fmt: skip
_STEP = re.compile(r"[^.\[\]]+")


def install(api: NinjaAPI) -> None:
    """Answer every exception that means something to the caller. Others stay exceptions: they are mistakes of ours."""
    for kind, translate in TRANSLATIONS:
        api.add_exception_handler(kind, _handler(translate))


def _handler(translate: Any) -> Any:
    def handle(_request: HttpRequest, error: Exception) -> HttpResponse:
        return respond(translate(error))

    return handle


def from_request(error: RequestInvalid) -> ApiError:
    return invalid(*(_place(one) for one in error.errors))


def _place(one: dict[str, Any]) -> At:
    source, *steps = one["loc"]
    detail = str(one["msg"]).removeprefix("Value error, ")
    code = str(one["type"])
    if source == "body":
        # the first step is the name that our own function gives to the body
        return At(detail, pointer=pointer_to(*steps[1:]), code=code)
    if source == "header":
        return At(detail, header=str(steps[-1]), code=code)
    return At(detail, parameter=str(steps[-1]) if steps else source, code=code)


def from_model(error: ModelInvalid) -> ApiError:
    """Of full_clean and of the validators that the admin's forms use too."""
    if not hasattr(error, "error_dict"):
        return invalid(*(At(message, pointer="#") for message in error.messages))
    fields: Iterable[tuple[str, list[str]]] = error.message_dict.items()
    places = [(pointer_to() if name == NON_FIELD_ERRORS else pointer_to(name), words) for name, words in fields]
    return invalid(*(At(word, pointer=pointer) for pointer, words in places for word in words))


def at_problem(problem: Problem) -> At:
    """A problem of content or of a campaign, at the field of the request that it is about."""
    name = FIELD_OF_CODE.get(problem.code) or FIELD_OF_PART.get(problem.part)
    place = (problem.line, problem.column) if problem.part in WRITTEN else (None, None)
    detail = problem.message[:1].upper() + problem.message[1:]
    return At(detail, pointer=pointer_to(name) if name else "#", code=problem.code, line=place[0], column=place[1])


def from_problems(error: CampaignInvalid | ContentInvalid) -> ApiError:
    return invalid(*(at_problem(one) for one in error.problems), detail="This cannot be sent like this; see `errors`.")


def at_node(error: NodeError, *before: str) -> At:
    """A mistake in a segment's condition: `all[1].not` is "#/condition/all/1/not"."""
    return At(error.message, pointer=pointer_to(*before, *_STEP.findall(error.path)))


def from_segment(error: SegmentInvalid) -> ApiError:
    return invalid(*(at_node(one, "condition") for one in error.errors), detail="The condition cannot be used.")


def _away(error: Exception) -> ApiError:
    logger.warning("a request of the API found the database away: %s", error)
    # a COMMIT whose answer was lost may have happened
    detail = "The database does not answer. Send the request again as it was: its Idempotency-Key makes that safe."
    return ApiError(503, detail, headers={"Retry-After": "2"})


def _clash(error: Exception) -> ApiError:
    logger.info("a request of the API clashed: %s", error)
    return ApiError(409, "Another request has just changed the same thing. Look at it again.", "conflict")


def _http_error(error: HttpError) -> ApiError:
    if isinstance(error.__cause__, ApiError):  # of our parser, wrapped by ninja
        return error.__cause__
    if error.status_code == 400:
        return ApiError(400, "The body is no JSON that can be read.", "unreadable-body")
    return ApiError(error.status_code, error.message)


def unauthorized(_error: Exception | None = None) -> ApiError:
    detail = "Send a valid key in the header `Authorization: Bearer mm_…`. Keys are made in the admin under API keys."
    return ApiError(401, detail, headers={"WWW-Authenticate": 'Bearer realm="MassMailer"'})


# the nearest class of an exception wins, whatever stands first
TRANSLATIONS: tuple[tuple[type[Exception], Any], ...] = (
    (ApiError, lambda error: error),
    (RequestInvalid, from_request),
    (ModelInvalid, from_model),
    (CampaignInvalid, from_problems),
    (ContentInvalid, from_problems),
    (SegmentInvalid, from_segment),
    (StateConflict, lambda error: ApiError(409, str(error), "state-conflict")),
    (PoolRefused, lambda error: invalid(At(str(error), pointer="#/pool_id"))),
    (AddressInvalid, lambda error: invalid(At(str(error), pointer="#"))),
    (FileRefused, lambda error: invalid(At(str(error), pointer="#"))),
    (CountTimedOut, lambda error: ApiError(503, str(error), "count-timed-out", headers={"Retry-After": "60"})),
    (RequestDataTooBig, lambda _error: ApiError(413, "The body is too large.")),
    (ObjectDoesNotExist, lambda _error: not_here()),
    (Http404, lambda _error: not_here()),
    (IntegrityError, _clash),
    (OperationalError, _away),
    (InterfaceError, _away),
    (AuthenticationError, unauthorized),
    (HttpError, _http_error),
)  # fmt: skip


def not_here() -> ApiError:
    return ApiError(404, "There is nothing at this address.")
