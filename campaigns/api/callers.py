"""Who calls: the key in the Authorization header, from an address that it admits, with the scope that is needed."""

from __future__ import annotations

from ipaddress import ip_address
from typing import cast

from django.conf import settings
from django.http import HttpRequest
from ninja.security import HttpBearer

from campaigns.api import keys
from campaigns.api.errors import ApiError, At
from campaigns.api.handlers import unauthorized
from campaigns.models import ApiKey


class BearerKey(HttpBearer):
    """Demands one scope of the key. The name of this class is the name of the scheme in OpenAPI."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey:
        key = keys.find(token.strip())
        if key is None:
            raise unauthorized()
        address = client_address(request)
        if not key.admits(address):
            raise ApiError(403, f"This key may not be used from {address or 'an unknown address'}.", "address-refused")
        _demand(key, self.scope)
        keys.note_use(key, address or None)
        return key


def caller(request: HttpRequest) -> ApiKey:
    """The key behind a request that has passed BearerKey."""
    return cast(ApiKey, request.auth)  # type: ignore[attr-defined]  # set by ninja


def demand_scope(request: HttpRequest, scope: str, pointer: str) -> None:
    """For a field that takes more than its operation's scope. Raises ApiError 403 that names it."""
    _demand(caller(request), scope, At(f"Only keys with the scope {scope} may set this.", pointer=pointer))


def _demand(key: ApiKey, scope: str, *errors: At) -> None:
    if not key.has_scope(scope):
        detail = f"This key lacks the scope {scope}. Give it in the admin, or use another key."
        raise ApiError(403, detail, "scope-missing", errors=errors)


def client_address(request: HttpRequest) -> str:
    """Where the request comes from; "" where that is not known (a Unix socket).

    X-Forwarded-For is believed for as many proxies of ours as settings.TRUSTED_PROXIES says and no further: whatever
    stands to the left was written by a stranger.
    """
    direct = str(request.META.get("REMOTE_ADDR") or "")
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    if settings.TRUSTED_PROXIES < 1 or len(hops) < settings.TRUSTED_PROXIES:
        return direct
    try:
        # some proxies write "unknown" or add a port: what is no address cannot be written down as one
        return str(ip_address(hops[-settings.TRUSTED_PROXIES]))
    except ValueError:
        return ""
