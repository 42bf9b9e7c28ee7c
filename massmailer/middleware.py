"""What every request passes: the doors of operators, and a content security policy."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import get_resolver

from massmailer import health
from massmailer.metrics.views import metrics

# the admin's Alpine needs eval; scripts need no 'unsafe-inline'; no page asks an outside host
DEFAULT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; form-action 'self'; "
    "base-uri 'self'; object-src 'none'"
)

# addresses of the public doors that take the short way; that urlconf has a page for every address that begins so
DOORS = "tracking.urls"
SHORT_WAY = ("/o/", "/c/")

OPERATIONS: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "/health/live": health.live,
    "/health/ready": health.ready,
    "/metrics": metrics,
}


class OperationsMiddleware:
    """Answer health checks and scrapes before anything else looks at the request.

    They come by address instead of name, from load balancers and containers: the check of ALLOWED_HOSTS would refuse
    them, and a process would be restarted for being asked wrongly.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = OPERATIONS.get(request.path_info)
        return view(request) if view else self.get_response(request)


class DoorsMiddleware:
    """Answer pixels and links before anything else looks at the request.

    They come by the thousand a second and need no session, language, user or token against forged forms: half of the
    processor time that they took went there. Other methods and all other pages go the long way.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.resolver = get_resolver(DOORS)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(SHORT_WAY) or request.method not in ("GET", "HEAD"):
            return self.get_response(request)
        view, arguments, named = self.resolver.resolve(request.path_info)
        return guarded(view(request, *arguments, **named))


def guarded(response: HttpResponse) -> HttpResponse:
    """The answer of a door with what an image or a redirect needs of all that it has passed by."""
    # without it a server has to send even a pixel in chunks
    response.headers.setdefault("Content-Length", str(len(response.content)))
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Content-Security-Policy", DEFAULT_POLICY)
    return response


class ContentSecurityPolicyMiddleware:
    """Set `Content-Security-Policy` unless the view has set a stricter one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", DEFAULT_POLICY)
        return response
