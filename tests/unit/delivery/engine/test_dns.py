"""Verdicts on a domain, asked of a real DNS server on loopback; what nobody answers gets no verdict."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from delivery.engine import dkim_keys
from delivery.engine.dns import ask
from delivery.engine.dns.ask import Unasked
from delivery.engine.dns.check import check, worst
from delivery.engine.dns.facts import DomainFacts, PublishedKey, SmtpSender
from delivery.engine.dns.line import Line
from tests.dns_server import DnsServer

PEM = dkim_keys.new_ed25519_key()
KEY = PublishedKey("mm1", "mm1._domainkey.acme.example", dkim_keys.record_value(PEM), is_next=False)
RELAY = SmtpSender("Relay", "smtp.relay.example")
OWN = SmtpSender("Own", "smtp.relay.example", "5.9.0.7")
FACTS = DomainFacts("acme.example", "back.acme.example", True, (KEY,), (OWN,), "t.acme.example")


@pytest.fixture
def dns_server() -> Iterator[DnsServer]:
    """Everything is as it should be."""
    with DnsServer() as server:
        server.txt("back.acme.example", "v=spf1 ip4:5.9.0.0/24 ~all", "google-site-verification=x")
        server.put("back.acme.example", "MX", "10 t.acme.example.")
        server.txt(KEY.name, KEY.value)
        server.txt("_dmarc.acme.example", "v=DMARC1; p=quarantine; rua=mailto:d@acme.example")
        server.put("t.acme.example", "A", "5.9.0.9")
        server.put("out.acme.example", "A", "5.9.0.7")
        server.pointer("5.9.0.7", "out.acme.example")
        server.put("smtp.relay.example", "A", "8.8.4.4")
        yield server


def report(server: DnsServer, facts: DomainFacts = FACTS) -> dict[str, Line]:
    return {line.name: line for line in asyncio.run(check(facts, server.resolver()))}


def test_a_domain_as_it_should_be_is_ok_in_every_line(dns_server: DnsServer) -> None:
    found = report(dns_server)
    assert list(found) == ["DKIM mm1", "SPF", "DMARC", "Bounces", "Tracking", "Sending address of Own"]
    assert {line.state for line in found.values()} == {"ok"}, found
    assert worst(list(found.values())) == "ok"


# --- nobody answers -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["silent", "broken"])
def test_what_nobody_answers_is_unknown_and_never_wrong(
    dns_server: DnsServer, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "TIMEOUT_SECONDS", 0.3)
    getattr(dns_server, how).add("*")
    found = report(dns_server)
    assert {line.state for line in found.values()} == {"unknown"}
    assert all(line.found.startswith("DNS could not be asked: ") for line in found.values())
    assert all(line.paste is None for line in found.values())
    assert worst(list(found.values())) == "unknown"


def test_a_resolver_that_knows_no_root_is_not_believed_when_it_finds_nothing(dns_server: DnsServer) -> None:
    """Off the net, some resolvers say of every name that it does not exist."""
    dns_server.zone = {KEY.name: dns_server.zone[KEY.name]}
    found = report(dns_server)
    assert found.pop("DKIM mm1").state == "ok", "what it found, it found"
    assert {line.state for line in found.values()} == {"unknown"}


def test_one_part_that_is_silent_leaves_the_others_their_verdict(
    dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "TIMEOUT_SECONDS", 0.3)
    dns_server.txt("back.acme.example", "v=spf1 include:slow.example ip4:5.9.0.0/24 ~all")
    dns_server.silent.add("slow.example")
    found = report(dns_server)
    assert found["SPF"].state == "unknown"
    assert found["DKIM mm1"].state == "ok"


def test_the_whole_check_ends_at_its_deadline(dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.engine.dns.check.DEADLINE_SECONDS", 0.3)
    dns_server.silent.add("back.acme.example")
    began = time.monotonic()
    found = report(dns_server)
    assert time.monotonic() - began < 1.5
    assert (found["SPF"].state, found["DKIM mm1"].state) == ("unknown", "ok")


def test_a_machine_without_a_resolver_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_there() -> None:
        raise Unasked("this machine has no resolver")

    monkeypatch.setattr("delivery.engine.dns.check.system_resolver", none_there)
    (line,) = asyncio.run(check(FACTS))
    assert (line.state, line.found) == ("unknown", "DNS could not be asked: this machine has no resolver.")


# --- SPF ------------------------------------------------------------------------------------------------------------
INCLUDES = " ".join(f"include:s{number}.example" for number in range(5))


@pytest.mark.parametrize(
    ("records", "state", "words"),
    [
        ([], "error", "has no SPF record"),
        (["v=spf10 all"], "error", "has no SPF record"),
        (["v=spf1 -all", "v=spf1 ip4:5.9.0.7 -all"], "error", "2 SPF records"),
        (["v=spf1 ip4:5.9.0.7 -all"], "ok", "0 of 10 look-ups"),
        (["v=spf1 a:out.acme.example -all"], "ok", "1 of 10 look-ups"),
        (["v=spf1 a:t.acme.example/24 -all"], "ok", "1 of 10"),
        (["v=spf1 mx/24 -all"], "ok", "1 of 10"),
        (["v=spf1 redirect=s0.example"], "ok", "3 of 10"),
        (["v=spf1 include:s0.example include:s1.example -all"], "ok", "6 of 10"),
        ([f"v=spf1 {INCLUDES} -all"], "error", "it needs 15 of 10 look-ups"),
        (["v=spf1 include:circle.example -all"], "error", "look-ups: receivers give up"),
        (["v=spf1 include:nothing.example -all"], "error", "nothing.example, which it points to, has no record"),
        (["v=spf1 ip4:5.9.0 -all"], "error", "'5.9.0' in the record of back.acme.example is not a network"),
        (["v=spf1 ipv4:5.9.0.7 -all"], "error", "'ipv4:5.9.0.7' in the record"),
        (["v=spf1 ip4:5.9.0.7 +all"], "warning", "lets everybody send"),
        (["v=spf1 ip4:5.9.1.0/24 -all"], "warning", "does not name ip4:5.9.0.7."),
        (["v=spf1 -ip4:5.9.0.7 ~all"], "warning", "does not name ip4:5.9.0.7."),
        (["v=spf1 exists:%{i}.example -all"], "warning", "as far as can be told"),
    ],
)
def test_spf(dns_server: DnsServer, records: list[str], state: str, words: str) -> None:
    for number in range(5):
        dns_server.txt(f"s{number}.example", "v=spf1 include:t.example a:out.acme.example ~all")
    dns_server.txt("t.example", "v=spf1 ip4:1.2.3.4 ~all")
    dns_server.txt("circle.example", "v=spf1 include:circle.example ~all")
    dns_server.txt("back.acme.example", *records)
    line = report(dns_server)["SPF"]
    assert line.state == state, line
    assert words in line.found


def test_the_spf_record_to_paste_adds_what_is_missing(dns_server: DnsServer) -> None:
    facts = replace(FACTS, senders=(OWN, SmtpSender("SES", "email-smtp.eu-west-1.amazonaws.com"), RELAY))
    dns_server.txt("back.acme.example", "v=spf1 ip4:5.9.0.7 include:_x.example ~all")
    dns_server.txt("_x.example", "v=spf1 -all")
    paste = report(dns_server, facts)["SPF"].paste
    assert paste
    assert paste.value == "v=spf1 include:amazonses.com ip4:8.8.4.4 ip4:5.9.0.7 include:_x.example ~all"

    dns_server.txt("back.acme.example")
    paste = report(dns_server, facts)["SPF"].paste
    assert paste
    assert paste.value == "v=spf1 ip4:5.9.0.7 include:amazonses.com ip4:8.8.4.4 ~all"


def test_a_relay_of_this_machine_is_nobodys_business(dns_server: DnsServer) -> None:
    facts = replace(FACTS, senders=(SmtpSender("Sandbox", "127.0.0.1"),))
    found = report(dns_server, facts)
    assert found["SPF"].state == "ok"
    assert found["Sending address of Sandbox"].state == "unknown"


# --- DKIM -----------------------------------------------------------------------------------------------------------
OTHER = dkim_keys.record_value(dkim_keys.new_ed25519_key())


@pytest.mark.parametrize(
    ("records", "state", "words"),
    [
        ([], "error", "has no record"),
        ([OTHER], "error", "not the one of this key"),
        ([KEY.value.replace("ed25519", "rsa")], "error", "not the one of this key"),
        ([KEY.value[:-1]], "error", "not the one of this key"),
        ([KEY.value, KEY.value], "ok", "matches"),  # DNS itself makes equal records one
        ([KEY.value, OTHER], "error", "2 records"),
        (["v=DKIM1; k=ed25519; p="], "error", "revoked"),
        ([KEY.value + "; t=s:y"], "warning", "only a test"),
        ([KEY.value.replace("; ", " ;\t").replace("v=DKIM1 ;", "")], "ok", "matches"),
    ],
)
def test_dkim(dns_server: DnsServer, records: list[str], state: str, words: str) -> None:
    dns_server.txt(KEY.name, *records)
    line = report(dns_server)["DKIM mm1"]
    assert line.state == state, line
    assert words in line.found
    assert line.state != "error" or (line.paste and line.paste.value == KEY.value)


def test_the_record_of_a_key_of_2048_bits_is_found_in_its_two_strings(dns_server: DnsServer) -> None:
    key = PublishedKey("mm2", "mm2._domainkey.acme.example", dkim_keys.record_value(dkim_keys.new_rsa_key()), True)
    facts = replace(FACTS, keys=(KEY, key))
    assert report(dns_server, facts)["DKIM mm2"].state == "warning", "it signs nothing yet"
    dns_server.txt(key.name, key.value)
    assert report(dns_server, facts)["DKIM mm2"].state == "ok"


def test_a_domain_without_a_key_is_told_so(dns_server: DnsServer) -> None:
    assert "no key yet" in report(dns_server, replace(FACTS, keys=()))["DKIM"].found


# --- DMARC ----------------------------------------------------------------------------------------------------------
UNSIGNED = replace(FACTS, is_signing=False)
ELSEWHERE = replace(UNSIGNED, bounce_domain="back.other.example")


@pytest.mark.parametrize(
    ("facts", "records", "state", "words"),
    [
        (FACTS, [], "error", "has no DMARC record"),
        (FACTS, ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "error", "2 records"),
        (FACTS, ["v=DMARC1; p=monitor"], "error", "p=monitor is no policy"),
        (FACTS, ["v=DMARC1; p=none"], "warning", "nobody gets the reports"),
        (FACTS, ["v=DMARC1; p=none; rua=mailto:a@b.example"], "ok", "aligned by DKIM and SPF"),
        (FACTS, ["v=DMARC1; p=none; aspf=s; rua=mailto:a@b.example"], "ok", "aligned by DKIM."),
        (UNSIGNED, ["v=DMARC1; p=none; rua=mailto:a@b.example"], "ok", "aligned by SPF."),
        (UNSIGNED, ["v=DMARC1; p=none; aspf=s; rua=mailto:a@b.example"], "error", "our mail fails it"),
        (ELSEWHERE, ["v=DMARC1; p=none; rua=mailto:a@b.example"], "error", "our mail fails it"),
    ],
)
def test_dmarc(dns_server: DnsServer, facts: DomainFacts, records: list[str], state: str, words: str) -> None:
    dns_server.txt("_dmarc.acme.example", *records)
    line = report(dns_server, facts)["DMARC"]
    assert line.state == state, line
    assert words in line.found


def test_a_subdomain_falls_under_its_parents_policy_for_subdomains(dns_server: DnsServer) -> None:
    dns_server.txt("_dmarc.acme.example", "v=DMARC1; p=none; sp=reject; rua=mailto:d@acme.example")
    line = report(dns_server, replace(FACTS, domain="a.news.acme.example"))["DMARC"]
    assert line.state == "ok"
    assert "policy reject" in line.found


def test_neighbours_under_a_public_suffix_are_strangers(dns_server: DnsServer) -> None:
    dns_server.txt("_dmarc.acme.co.uk", "v=DMARC1; p=none; rua=mailto:a@b.example")
    facts = replace(UNSIGNED, domain="acme.co.uk", bounce_domain="other.co.uk")
    assert "our mail fails it" in report(dns_server, facts)["DMARC"].found


# --- hosts ----------------------------------------------------------------------------------------------------------
def test_bounces(dns_server: DnsServer) -> None:
    assert report(dns_server, replace(FACTS, bounce_domain=""))["Bounces"].state == "warning"
    dns_server.put("back.acme.example", "MX", "0 .")
    assert "accepts no mail" in report(dns_server)["Bounces"].found
    dns_server.put("back.acme.example", "MX", "10 gone.example.")
    assert "have no address: gone.example" in report(dns_server)["Bounces"].found
    dns_server.put("back.acme.example", "MX")
    line = report(dns_server)["Bounces"]
    assert (line.state, line.paste and line.paste.value) == ("error", "10 t.acme.example")
    dns_server.put("back.acme.example", "A", "5.9.0.1")
    assert report(dns_server)["Bounces"].state == "warning"


def test_an_address_needs_a_name_that_leads_back(dns_server: DnsServer) -> None:
    facts = replace(FACTS, senders=(OWN, RELAY))
    dns_server.put("out.acme.example", "A", "5.9.0.8")
    found = report(dns_server, facts)
    assert found["Sending address of Own"].state == "error"
    assert found["Sending address of Relay"].state == "warning", "the relay's names are not ours to set"


@pytest.mark.parametrize(
    ("host", "state"),
    [
        ("t.acme.example", "ok"), ("gone.acme.example", "error"), ("localhost", "warning"), ("127.0.0.1", "warning"),
        ("5.9.0.9", "ok"), ("", "warning"),
    ],
)  # fmt: skip
def test_tracking(dns_server: DnsServer, host: str, state: str) -> None:
    assert report(dns_server, replace(FACTS, tracking_host=host))["Tracking"].state == state
