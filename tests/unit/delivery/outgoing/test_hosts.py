"""Every class of address, in every spelling: what may be called and what not."""

from __future__ import annotations

import ipaddress

import pytest

from delivery.outgoing.hosts import refusal
from delivery.outgoing.target import Policy, UrlRefused, parse

PUBLIC = [
    "8.8.8.8", "93.184.216.34", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8",
]  # fmt: skip
PRIVATE = [
    "127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
    "100.127.255.255", "fc00::1", "fd12:3456::1", "fec0::1", "192.0.0.8", "198.18.0.1", "203.0.113.7", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "2002:7f00:1::", "2002:c0a8:101::1", "2001:0:7f00:1::1",
]  # fmt: skip
NEVER = [
    "0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "239.255.255.250", "ff02::1", "255.255.255.255", "240.0.0.1",
    "169.254.169.254", "169.254.170.2", "169.254.0.1", "fe80::1", "100.100.100.200", "168.63.129.16", "192.0.0.192",
    "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "64:ff9b:1::1",
    "::ffff:0.0.0.0", "::ffff:224.0.0.1", "64:ff9b::a83f:8110",
]  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_may_be_called(text: str) -> None:
    assert refusal(ipaddress.ip_address(text)) == ""


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_are_called_for_listed_hosts_alone(text: str) -> None:
    assert refusal(ipaddress.ip_address(text))
    assert refusal(ipaddress.ip_address(text), is_trusted=True) == ""


@pytest.mark.parametrize("text", NEVER)
def test_some_addresses_are_never_called(text: str) -> None:
    assert refusal(ipaddress.ip_address(text))
    assert refusal(ipaddress.ip_address(text), is_trusted=True)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)", "//example.com/",
        "example.com", "http://", "http:///x", "http://user@example.com/", "http://user:secret@example.com/",
        "http://@example.com/", "http://example.com\\@127.0.0.1/", "http://example.com /", "http://exam\tple.com/",
        "http://example.com/\r\nX: y", "http://example.com:0/", "http://example.com:99999/", "http://example.com:x/",
        "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://0x7f.1/",
        "http://127.0.0.0x1/", "http://1.2.3.4.5/", "http://127.0.0.1.example.0/", "http://[::1%25eth0]/",
        "http://[::1/", "http://[v1.x]/", "http://ex_ample..com/", "http://-a.com/", "http://a,b/", "http://%31/",
        f"http://example.com/{'x' * 2000}",
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        parse(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://Example.COM", "example.com", 443, "/", "example.com"),
        ("http://example.com.:8080/a?b=c#d", "example.com", 8080, "/a?b=c", "example.com:8080"),
        ("https://bücher.example/ü?q=ä b".replace(" ", "%20"), "xn--bcher-kva.example", 443, "/%C3%BC?q=%C3%A4%20b",
         "xn--bcher-kva.example"),
        ("http://203.0.113.7//x", "203.0.113.7", 80, "//x", "203.0.113.7"),
        ("https://[2001:DB8::1]:8443/", "2001:db8::1", 8443, "/", "[2001:db8::1]:8443"),
        ("http://my_host/%2e%2e/x", "my_host", 80, "/%2e%2e/x", "my_host"),
        ("http://\uff11\uff12\uff17.0.0.1/", "127.0.0.1", 80, "/", "127.0.0.1"),
    ],
)  # fmt: skip
def test_an_address_is_read_in_one_way(url: str, host: str, port: int, path: str, authority: str) -> None:
    target = parse(url)
    assert (target.host, target.port, target.path, target.authority) == (host, port, path, authority)


@pytest.mark.parametrize(
    ("url", "listed", "trusted"),
    [
        ("http://hooks.internal/", [], False),
        ("http://hooks.internal/", ["hooks.internal"], True),
        ("http://hooks.internal/", [" Hooks.Internal "], True),
        ("http://hooks.internal:9093/", ["hooks.internal"], False),
        ("http://hooks.internal:9093/", ["hooks.internal:9093"], True),
        ("http://hooks.internal/", ["hooks.internal:9093"], False),
        ("http://evil.hooks.internal/", ["hooks.internal"], False),
        ("http://[::1]/", ["::1"], True),
        ("http://[::1]:9/", ["[::1]:9"], True),
    ],
)
def test_a_listed_host_is_trusted_at_its_ports(url: str, listed: list[str], trusted: bool) -> None:
    assert Policy([80, 443], listed).is_trusted(parse(url)) is trusted


def test_only_ports_on_the_list_are_called() -> None:
    policy = Policy([443], ["relay:25"])
    policy.demand_port(parse("https://example.com/"))
    policy.demand_port(parse("http://relay:25/"))
    with pytest.raises(UrlRefused, match="Port 25 is not called; these are: 443"):
        policy.demand_port(parse("http://example.com:25/"))
