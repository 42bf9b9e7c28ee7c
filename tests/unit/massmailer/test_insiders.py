"""Inner numbers are for this machine or for the bearer of the token."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from massmailer.insiders import is_insider


@pytest.mark.parametrize(
    ("token", "extra", "allowed"),
    [
        ("", {"REMOTE_ADDR": "127.0.0.1"}, True),
        ("", {"REMOTE_ADDR": "::1"}, True),
        ("", {"REMOTE_ADDR": "203.0.113.9"}, False),
        ("", {"REMOTE_ADDR": ""}, False),
        # a proxy on this machine asks for a stranger
        ("", {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}, False),
        ("", {"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=203.0.113.9"}, False),
        ("s3cret", {"REMOTE_ADDR": "203.0.113.9", "HTTP_AUTHORIZATION": "Bearer s3cret"}, True),
        ("s3cret", {"REMOTE_ADDR": "203.0.113.9", "HTTP_AUTHORIZATION": "Bearer wrong"}, False),
        ("s3cret", {"REMOTE_ADDR": "203.0.113.9", "HTTP_AUTHORIZATION": "Bearer ünïcode"}, False),
        ("s3cret", {"REMOTE_ADDR": "203.0.113.9", "HTTP_AUTHORIZATION": "Basic s3cret"}, False),
        # no token set: an empty one opens nothing
        ("", {"REMOTE_ADDR": "203.0.113.9", "HTTP_AUTHORIZATION": "Bearer "}, False),
    ],
)
def test_who_is_an_insider(settings, token: str, extra: dict[str, str], allowed: bool):
    settings.METRICS_TOKEN = token
    assert is_insider(RequestFactory().get("/metrics", **extra)) is allowed
