"""The short way for plain addresses says what the library says."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns import addresses

LETTERS = "abzAZ09._+-'@ \t!#=\"()<>,;:\\/xn\u00e4\u0130\u212a\uff0e\u3002"
LABEL = st.one_of(
    st.text("abzAZ09-", min_size=1, max_size=8),
    st.sampled_from(["xn--nxasmq6b", "xn--", "a--b", "-a", "a-", "x" * 63, "x" * 64, "b\u00fccher", "Shop"]),
)
LAST = st.one_of(
    LABEL, st.sampled_from(["com", "COM", "de", "test", "local", "localhost", "invalid", "arpa", "onion", "example", "c", "123"])
)  # fmt: skip
DOMAIN = st.builds(lambda labels, last: ".".join([*labels, last]), st.lists(LABEL, max_size=5), LAST)
LOCAL = st.one_of(
    st.text(LETTERS, max_size=12),
    st.text("aZ9._+-", min_size=1, max_size=70),
    st.sampled_from(["a" * 64, "a" * 65, ".a", "a.", "a..b", "postmaster", '"a b"']),
)
ADDRESS = st.one_of(st.builds(lambda local, domain: f"{local}@{domain}", LOCAL, DOMAIN), st.text(LETTERS, max_size=40))


def by_the_library(text: str) -> str | None:
    try:
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return f"{found.local_part.lower()}@{found.ascii_domain}"


def by_us(text: str) -> str | None:
    try:
        return addresses.normalise(text)
    except addresses.AddressInvalid:
        return None


@settings(max_examples=2_000, deadline=None)
@given(ADDRESS)
@example("a@" + ".".join(["x" * 60] * 4) + ".com")
@example("a" * 64 + "@" + ".".join(["x" * 60] * 3) + ".com")
@example("a@b.c")
@example("a@b.com\n")
@example("a@b.com.")
@example("a@1.2.3.4")
@example("a@123.456")
def test_both_ways_say_the_same(text: str) -> None:
    assert by_us(text) == by_the_library(text)


@pytest.mark.parametrize("text", ["Ada.Lovelace+news@Shop.Example-Shop.COM", " a_b@x9.io ", "1@2.de"])
def test_usual_addresses_take_the_short_way(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = by_the_library(text)
    monkeypatch.setattr(addresses, "validate_email", None)
    assert addresses.normalise(text) == expected
