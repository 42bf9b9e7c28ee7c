"""What every request passes: the doors of operators, and a content security policy."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from massmailer import health
from massmailer.metrics.views import metrics

# the admin's Alpine needs eval; scripts need no 'unsafe-inline'; no page asks an outside host
DEFAULT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; form-action 'self'; "
    "base-uri 'self'; object-src 'none'"
)

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


class ContentSecurityPolicyMiddleware:
    """Set `Content-Security-Policy` unless the view has set a stricter one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", DEFAULT_POLICY)
        return response
