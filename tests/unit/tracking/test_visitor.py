"""What is kept of a request."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from tracking import visitor


@pytest.mark.parametrize(
    ("remote", "forwarded", "expected"),
    [
        ("203.0.113.77", "", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "", "203.0.113.0/24"),
        ("127.0.0.1", "198.51.100.9", "198.51.100.0/24"),
        ("10.0.0.3", "1.2.3.4, 198.51.100.9", "198.51.100.0/24"),
        ("", "198.51.100.9", "198.51.100.0/24"),
        # a stranger's word about where it comes from is not taken
        ("8.8.8.8", "198.51.100.9", "8.8.8.0/24"),
        ("127.0.0.1", "nonsense", ""),
        ("", "", ""),
    ],
)
def test_only_the_network_of_a_caller_is_kept(remote: str, forwarded: str, expected: str) -> None:
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    request = RequestFactory().get("/", REMOTE_ADDR=remote, **headers)
    assert visitor.network(request) == expected


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("6.6.6.6, 203.0.113.9, 198.51.100.9", "203.0.113.0/24"),
        ("203.0.113.9, 198.51.100.9", "203.0.113.0/24"),
        ("198.51.100.9", "198.51.100.0/24"),
    ],
)
def test_behind_two_proxies_everybody_is_not_the_first_of_them(forwarded: str, expected: str, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 2
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.3", HTTP_X_FORWARDED_FOR=forwarded)
    assert visitor.network(request) == expected


@pytest.mark.parametrize("name", ["Purpose", "Sec-Purpose", "X-Purpose", "X-Moz"])
def test_every_spelling_of_a_prefetch_is_seen(name: str) -> None:
    request = RequestFactory().get("/", headers={name: "Prefetch"})
    assert visitor.visit("click", request.META).purpose == "prefetch"
