"""What requests of the API pass: a short way for programs, and problem details where no handler was reached."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, ResolverMatch, get_resolver
from django.utils import translation

from campaigns.api.errors import MEDIA_TYPE, ApiError, respond
from massmailer.middleware import DEFAULT_POLICY

PREFIX = "/api/"
WORDS = {
    400: "The request cannot be read.",
    404: "There is nothing at this address. All addresses stand in /api/v1/docs.",
    405: "This address does not take that method.",
    413: "The body is too large.",
    500: "A mistake of ours. It is in the log of the server; tell whoever runs it.",
}


class ApiProblemsMiddleware:
    """Under /api/, turn every refusal that is not problem details into them: of unknown addresses and methods, and of
    mistakes of our own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_ours = request.path_info.startswith(PREFIX) and response.status_code >= 400
        if not is_ours or response.get("Content-Type", "").startswith(MEDIA_TYPE):
            return response
        detail = WORDS.get(response.status_code, response.reason_phrase)
        headers = {"Content-Security-Policy": DEFAULT_POLICY, "X-Frame-Options": settings.X_FRAME_OPTIONS}
        headers |= {name: response[name] for name in ("Allow", *headers) if name in response}
        return respond(ApiError(response.status_code, detail, headers=headers))


class ProgramsMiddleware:
    """Take requests that bear a key straight to the API.

    Programs have no session, user, messages, language of their own or form to forge: a fifth of a request's processor
    time went there. Whatever bears no key, and every address that is unknown, goes the long way.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        bears_key = request.META.get("HTTP_AUTHORIZATION", "").startswith("Bearer ")
        if not bears_key or not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        try:
            request.resolver_match = _resolve(request.path_info)
        except Resolver404:
            return self.get_response(request)
        view, arguments, named = request.resolver_match
        # refuses a host that is not ours
        request.get_host()
        # this thread may have answered somebody in another language
        translation.deactivate()
        response: HttpResponse = view(request, *arguments, **named)
        if not response.streaming:
            response.headers.setdefault("Content-Length", str(len(response.content)))
        response.headers.setdefault("X-Frame-Options", settings.X_FRAME_OPTIONS)
        response.headers.setdefault("Content-Security-Policy", DEFAULT_POLICY)
        return response


@lru_cache(maxsize=256)
def _resolve(path: str) -> ResolverMatch:
    """What answers there: most requests of programs go to a few addresses. Raises Resolver404."""
    return get_resolver().resolve(path)
