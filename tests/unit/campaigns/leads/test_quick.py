"""The fast ways through an address give what the library gives, to the letter."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns import addresses
from campaigns.leads import quick
from campaigns.leads.quick import AddressReader

LABEL = st.text(alphabet="abcXYZ019-", min_size=1, max_size=8) | st.sampled_from(
    ["xn--", "ab--c", "-a", "a-", "a" * 63, "a" * 64, "münchen", "xn--mnchen-3ya", "例え", ""]
)
TOP = st.sampled_from(
    ["com", "ORG", "test", "local", "invalid", "onion", "arpa", "localhost", "123", "c0m", "c-", "x", "xn--p1ai", "рф"]
)
DOMAIN = st.builds(lambda labels, top: ".".join([*labels, top]), st.lists(LABEL, max_size=4), TOP)
LOCAL = st.text(
    alphabet=st.sampled_from("abcABC019.!#$%&'*+-/=?^_`{|}~\"\\ @<>(),:;[]\u212aİßéΩ\u200d\x00\t"), max_size=12
)
PADDING = st.sampled_from(["", " ", "\t", "\u00a0", "\n"])
ADDRESS = st.builds(
    lambda before, local, domain, after: f"{before}{local}@{domain}{after}", PADDING, LOCAL, DOMAIN, PADDING
)


def slow(text: str) -> tuple[str, str] | str:
    try:
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        return str(error)
    email = f"{found.local_part.lower()}@{found.ascii_domain}"
    return email, addresses.mailbox_group(email)


def normalised(text: str) -> tuple[str, str]:
    email = addresses.normalise(text)
    return email, addresses.mailbox_group(email)


def fast(read: Callable[[str], tuple[str, str]], text: str) -> tuple[str, str] | str:
    try:
        return read(text)
    except addresses.AddressInvalid as error:
        return str(error)


READER = AddressReader()


@settings(max_examples=500, deadline=None)
@given(ADDRESS | st.text(max_size=30))
def test_every_address_is_read_as_the_slow_way_reads_it(text: str) -> None:
    # one reader for all examples: what it remembers of a domain must not change a later address
    assert fast(READER.read, text) == fast(normalised, text) == slow(text)


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.com", "ANN@EXAMPLE.COM", " ann.b+c@mail.example.org ", "o'brien@gmail.com", "a@b.co",
        "'=x@example.com", "x@foo.test", "x@test", "x@localhost", "x@sub.local", "a@-b.com", "a@b-.com", "a..b@x.com",
        ".a@x.com", "a.@x.com", "a@x.c1", "a@1.2.3.4", "a@[1.2.3.4]", "a@xn--mnchen-3ya.de", "a@münchen.de",
        "a@ab--cd.com", "Ann <ann@example.com>", "a@b@example.com", "@example.com", "ann@", "ann", "", "a b@x.com",
        "a" * 64 + "@example.com", "a" * 242 + "@example.com", "a" * 243 + "@example.com", f"a@{'b' * 63}.com",
        f"a@{'b' * 64}.com", "a@" + "b." * 125 + "com", "ann\uff20example.com", "\u212a@example.com", "a@EXAMPLE.İ.com",
    ],
)  # fmt: skip
def test_the_corners_of_an_address_are_read_as_the_slow_way_reads_them(text: str) -> None:
    assert fast(AddressReader().read, text) == fast(normalised, text) == slow(text)


def test_a_plain_address_does_not_take_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(text: str, **_: object) -> str:
        raise AssertionError(f"slow for {text}")

    monkeypatch.setattr(addresses, "validate_email", refuse)
    assert normalised(" Ann.B@GMail.com") == ("ann.b@gmail.com", "gmail")
    monkeypatch.setattr(addresses, "normalise", refuse)
    assert AddressReader().read(" Ann.B@GMail.com") == ("ann.b@gmail.com", "gmail")


def test_the_memory_of_domains_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "MAX_DOMAINS_REMEMBERED", 10)
    reader = AddressReader()
    for number in range(100):
        reader.read(f"ann@d{number}.example.com")
    assert len(reader._domains) <= 10
