"""Problem details also where no handler of the API was reached: unknown addresses and methods, and our own mistakes."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from campaigns.api.errors import MEDIA_TYPE, ApiError, respond

PREFIX = "/api/"
WORDS = {
    400: "The request cannot be read.",
    404: "There is nothing at this address. All addresses stand in /api/v1/docs.",
    405: "This address does not take that method.",
    413: "The body is too large.",
    500: "A mistake of ours. It is in the log of the server; tell whoever runs it.",
}


class ApiProblemsMiddleware:
    """Under /api/, turn every refusal that is not problem details into them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_ours = request.path_info.startswith(PREFIX) and response.status_code >= 400
        if not is_ours or response.get("Content-Type", "").startswith(MEDIA_TYPE):
            return response
        detail = WORDS.get(response.status_code, response.reason_phrase)
        headers = {name: response[name] for name in ("Allow", "Content-Security-Policy") if name in response}
        return respond(ApiError(response.status_code, detail, headers=headers))
