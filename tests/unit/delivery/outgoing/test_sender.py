"""Posting to real servers on loopback that answer, redirect, drip, flood, or are somebody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from delivery.outgoing import Delivery, check_url, new_secret, post
from delivery.outgoing.hosts import Address
from delivery.outgoing.target import UrlRefused
from tests.unit.delivery.outgoing.servers import Receiver, certificate, raw, receiving

SECRET = new_secret()
BODY = json.dumps({"type": "alert", "text": "Grüße"}).encode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def send(port: int, path: str = "/hook", **options: Any) -> Delivery:
    """A post to loopback, which the operator has listed with this port."""
    return post(f"http://127.0.0.1:{port}{path}", BODY, SECRET, allow_private=[f"127.0.0.1:{port}"], **options)


class Answers:
    """A resolver that gives the first answer first, then the second: DNS rebinding."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = [[ipaddress.ip_address(text) for text in answer] for answer in answers]
        self.calls = 0

    def __call__(self, host: str, port: int) -> list[Address]:
        self.calls += 1
        return self.answers[min(self.calls, len(self.answers)) - 1]


def test_a_post_arrives_as_it_was_sent(receiver: Receiver) -> None:
    delivery = send(receiver.port, "/hook?a=1", headers={"x-more": "yes"})

    assert (delivery.status, delivery.error, delivery.response_excerpt) == (200, "", "ok")
    assert 0 < delivery.seconds < 5
    ((path, headers, body),) = receiver.seen
    assert (path, body) == ("/hook?a=1", BODY)
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (headers["content-type"], headers["x-more"]) == ("application/json", "yes")
    assert headers["accept-encoding"] == "identity"


def test_a_receiver_can_verify_the_signature_by_itself(receiver: Receiver) -> None:
    old, new = new_secret(), new_secret()
    url = f"http://127.0.0.1:{receiver.port}/"
    post(url, BODY, [new, old], message_id="alert_7", allow_private=[f"127.0.0.1:{receiver.port}"])

    ((_, headers, body),) = receiver.seen
    assert headers["webhook-id"] == "alert_7"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 10
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body.decode()}"
    given = headers["webhook-signature"].split(" ")
    for secret in (new, old):
        key = base64.b64decode(secret.split("_")[1])
        expected = base64.b64encode(hmac.new(key, content.encode(), hashlib.sha256).digest()).decode()
        assert f"v1,{expected}" in given
    assert len(given) == 2


def test_the_signature_is_that_of_the_specification() -> None:
    from delivery.outgoing import sign

    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    found = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", [[], "whsec_", "whsec_!!!", ""])
def test_nothing_is_sent_without_a_usable_secret(receiver: Receiver, secret: Any) -> None:
    with pytest.raises(ValueError, match="secret"):
        post(f"http://127.0.0.1:{receiver.port}/", BODY, secret)
    assert not receiver.seen


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.status = 307
        receiver.headers = {"location": f"http://127.0.0.1:{elsewhere.port}/"}
        delivery = send(receiver.port)
        assert delivery.status == 307
        assert "redirects are not followed" in delivery.error
        assert not elsewhere.seen
    assert len(receiver.seen) == 1


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_a_refusal_is_a_failure_with_its_words(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.answer = status, b"not today"
    delivery = send(receiver.port)
    assert (delivery.status, delivery.error, delivery.response_excerpt) == (
        status, f"The answer was {status}.", "not today",
    )  # fmt: skip
    assert len(receiver.seen) == 1


def test_a_huge_answer_is_read_no_further_than_64_kilobytes() -> None:
    written = 0

    def flood(connection: socket.socket, over: threading.Event) -> None:
        nonlocal written
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not over.is_set():
            written += connection.send(b"x" * 65536)

    with raw(flood) as port:
        delivery = send(port)
    assert (delivery.status, delivery.error) == (200, "")
    assert delivery.response_excerpt == "x" * 500
    # what the kernels' buffers took is not ours
    assert written < 20 * 1024 * 1024


@pytest.mark.parametrize(
    "begin", [b"", b"HTTP/1.1 200 OK\r\nx-slow: ", b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n"]
)
def test_an_answer_that_drips_is_cut_at_the_deadline(begin: bytes) -> None:
    def drip(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(begin)
        while not over.wait(0.02):
            connection.sendall(b"H")

    with raw(drip) as port:
        delivery = send(port, timeout=0.4)
    assert "within 0.4 seconds" in delivery.error
    assert 0.3 < delivery.seconds < 2


def test_a_handshake_that_drips_is_cut_too() -> None:
    def drip(connection: socket.socket, over: threading.Event) -> None:
        # a TLS record is announced and comes byte by byte
        connection.sendall(b"\x16\x03\x03\x40\x00")
        while not over.wait(0.02):
            connection.sendall(b"\0")

    with raw(drip) as port:
        delivery = post(f"https://127.0.0.1:{port}/", BODY, SECRET, timeout=0.4, allow_private=[f"127.0.0.1:{port}"])
    assert delivery.error
    assert delivery.status is None
    assert delivery.seconds < 2


def test_a_name_server_that_hangs_costs_no_more_than_the_time_out() -> None:
    over = threading.Event()

    def hang(host: str, port: int) -> list[Address]:
        over.wait(10)
        return []

    delivery = post("https://slow.example/", BODY, SECRET, timeout=0.3, resolver=hang)
    over.set()
    assert delivery.error
    assert delivery.seconds < 2


def test_a_connection_that_is_cut_is_a_failure() -> None:
    def hang_up(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)

    with raw(hang_up) as port:
        delivery = send(port)
    assert delivery.status is None
    assert "broke" in delivery.error


def test_a_port_where_nobody_listens_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "Nothing answers" in send(port).error


def test_the_next_address_is_tried_where_one_takes_no_connection(receiver: Receiver) -> None:
    resolver = Answers(["127.0.0.2", "127.0.0.1"])
    url = f"http://two.example:{receiver.port}/"
    delivery = post(url, BODY, SECRET, allow_private=[f"two.example:{receiver.port}"], resolver=resolver)
    assert delivery.status == 200
    assert receiver.seen[0][1]["host"] == f"two.example:{receiver.port}"


def test_this_machine_is_not_called_unless_it_is_listed(receiver: Receiver) -> None:
    for url in (f"http://127.0.0.1:{receiver.port}/", f"http://localhost:{receiver.port}/"):
        delivery = post(url, BODY, SECRET, allow_private=[])
        assert delivery.is_refused
        assert delivery.status is None
    assert not receiver.seen


@pytest.mark.parametrize(
    "answer", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["::1"]]
)
def test_a_public_name_with_a_private_address_is_refused(answer: list[str]) -> None:
    resolver = Answers(answer)
    delivery = post("https://hooks.example/", BODY, SECRET, allow_private=[], resolver=resolver)
    assert delivery.is_refused
    assert "private" in delivery.error
    with pytest.raises(UrlRefused, match="private"):
        check_url("https://hooks.example/", allow_private=[], resolver=resolver)


def test_a_name_is_asked_for_once_and_only_the_checked_address_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the second answer would lead to loopback. The first, where nobody listens, is what counts."""
    called: list[Any] = []
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        called.append(address)
        if address[0] == "93.184.216.34":
            raise ConnectionRefusedError
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    resolver = Answers(["93.184.216.34"], ["127.0.0.1"])
    url = "http://rebind.example:8080/"
    delivery = post(url, BODY, SECRET, allow_private=[], resolver=resolver)
    assert "Nothing answers" in delivery.error
    assert resolver.calls == 1
    assert called == [("93.184.216.34", 8080)]
    assert not receiver.seen


def test_proxies_of_the_environment_are_ignored(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert send(receiver.port).status == 200
        assert not proxy.seen


def test_an_ipv6_literal_is_called() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        with receiving(host="::1") as receiver:
            listed = [f"[::1]:{receiver.port}"]
            assert post(f"http://[::1]:{receiver.port}/", BODY, SECRET, allow_private=listed).status == 200
            assert receiver.seen[0][1]["host"] == f"[::1]:{receiver.port}"
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """An HTTPS server whose certificate is for hooks.example and which the machine trusts."""
    cert, key = certificate(tmp_path, "hooks.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    with receiving(tls=context) as running:
        yield running


def send_secure(host: str, port: int) -> Delivery:
    """Posted to `host`, which resolves to loopback."""
    url = f"https://{host}:{port}/"
    return post(url, BODY, SECRET, allow_private=[f"{host}:{port}"], resolver=Answers(["127.0.0.1"]))


def test_the_certificate_must_show_the_name_that_was_typed(secure: Receiver) -> None:
    delivery = send_secure("hooks.example", secure.port)
    assert (delivery.status, delivery.error) == (200, "")
    assert secure.server_names == ["hooks.example"]
    delivery = send_secure("other.example", secure.port)
    assert delivery.status is None
    assert "No safe connection to other.example" in delivery.error
    assert len(secure.seen) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    delivery = send_secure("hooks.example", secure.port)
    assert delivery.status is None
    assert "No safe connection" in delivery.error
    assert not secure.seen
