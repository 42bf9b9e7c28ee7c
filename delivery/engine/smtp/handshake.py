"""From a host name to a session that takes mail: connect, greeting, EHLO, TLS, EHLO again, AUTH."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import ssl
import time
from dataclasses import dataclass

from delivery.engine.classify import Classifier
from delivery.engine.smtp.connection import Connection, Host
from delivery.engine.smtp.endpoint import Endpoint
from delivery.engine.smtp.envelope import Capabilities
from delivery.engine.smtp.failures import (
    ConnectionGone,
    SetupFailed,
    broken_step,
    connect_failure,
    refused_step,
)
from delivery.engine.smtp.flying import FlyingConnection
from delivery.engine.smtp.replies import Reply
from delivery.engine.smtp.window import not_attempted


def tls_context(endpoint: Endpoint) -> ssl.SSLContext | None:
    """Build the TLS settings of an endpoint (None for plain): TLS 1.2 or newer, certificate and name verified.

    Costs some 10 ms (CA files are read): once a pool, never once a connection.
    Raises SetupFailed when the CA file cannot be read.
    """
    if endpoint.security == "plain":
        return None
    try:
        context = ssl.create_default_context(cafile=endpoint.ca_file or None)
    except OSError as error:
        reply = f"The CA file {endpoint.ca_file} cannot be read ({error}). Give the path of a PEM file."
        raise SetupFailed(not_attempted(reply), permanent=True) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not endpoint.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def open_session(
    endpoint: Endpoint, context: ssl.SSLContext | None, host: Host, *, serving: bool = True
) -> Connection:
    """Return a session that is ready for its first transaction. Raises SetupFailed with the cure.

    serving: replies drive transactions from now on; False leaves it to `Connection.command`.
    """
    loop = asyncio.get_running_loop()
    connection = FlyingConnection(endpoint, loop, host)
    handshake = _Handshake(endpoint, context, loop, connection, host.classifier)
    is_ready = False
    try:
        await handshake.run()
        is_ready = True
    finally:
        if not is_ready:
            connection.cut("the set-up failed")
    if serving:
        connection.serve()
    return connection


@dataclass(slots=True)
class _Handshake:
    endpoint: Endpoint
    context: ssl.SSLContext | None
    loop: asyncio.AbstractEventLoop
    connection: Connection
    classifier: Classifier

    async def run(self) -> None:
        limits = self.endpoint.timeouts
        await self._connect()
        greeting = await self._await("the greeting", None, limits.greeting)
        if greeting.code >= 300:
            raise refused_step(
                self.classifier,
                "the connection",
                greeting,
                "Ask the provider whether this machine's address may connect.",
            )
        await self._ehlo()
        if self.endpoint.security == "starttls":
            await self._starttls()
            await self._ehlo()
        tls = self.connection.transport.get_extra_info("ssl_object")
        self.connection.tls_version = tls.version() if tls is not None else ""
        if self.endpoint.username:
            await self._authenticate()

    async def _connect(self) -> None:
        endpoint, implicit = self.endpoint, self.endpoint.security == "tls"
        local = (endpoint.local_address, 0) if endpoint.local_address else None
        limit = endpoint.timeouts.connect + (endpoint.timeouts.tls if implicit else 0.0)
        try:
            async with asyncio.timeout(limit):
                await self.loop.create_connection(
                    lambda: self.connection,
                    endpoint.host,
                    endpoint.port,
                    ssl=self.context if implicit else None,
                    server_hostname=endpoint.host if implicit else None,
                    ssl_handshake_timeout=endpoint.timeouts.tls if implicit else None,
                    local_addr=local,
                )
        except (OSError, TimeoutError) as error:
            raise connect_failure(endpoint, error) from error

    async def _await(self, step: str, line: bytes | None, limit: float) -> Reply:
        try:
            if line is None:
                return await self.connection.reply(limit)
            return await self.connection.command(line, limit)
        except ConnectionGone as error:
            raise broken_step(self.endpoint, step, str(error)) from error
        except TimeoutError as error:
            raise broken_step(self.endpoint, step, f"no answer within {limit:g} s") from error

    async def _ehlo(self) -> None:
        name = (self.endpoint.helo or self._address_literal()).encode("ascii")
        began = time.monotonic()
        reply = await self._await("EHLO", b"EHLO " + name, self.endpoint.timeouts.ehlo)
        self.connection.round_trip = time.monotonic() - began
        if 500 <= reply.code <= 504:
            reply = await self._await("HELO", b"HELO " + name, self.endpoint.timeouts.ehlo)
            if reply.code < 300:
                self.connection.capabilities = Capabilities()
                return
        if reply.code >= 300:
            raise refused_step(
                self.classifier, "EHLO", reply, "Set the provider's HELO name to this machine's public name."
            )
        self.connection.capabilities = Capabilities.from_ehlo(reply.text)

    def _address_literal(self) -> str:
        address = str(self.connection.transport.get_extra_info("sockname")[0]).partition("%")[0]
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    async def _starttls(self) -> None:
        endpoint, connection = self.endpoint, self.connection
        if not connection.capabilities.starttls:
            place = f"{endpoint.host}:{endpoint.port}"
            reply = f"{place} does not offer STARTTLS. Use smtps:// with the TLS port, if it has one."
            raise SetupFailed(not_attempted(reply), permanent=True)
        answer = await self._await("STARTTLS", b"STARTTLS", endpoint.timeouts.tls)
        if answer.code >= 300:
            raise refused_step(self.classifier, "STARTTLS", answer, "Ask the provider which port speaks TLS.")
        if not connection.is_quiet:
            # plain-text replies smuggled in before TLS would be read as if they came through it
            reply = f"{endpoint.host}:{endpoint.port} sent data before TLS began. Somebody may be on the line."
            raise SetupFailed(not_attempted(reply), permanent=True)
        await self._start_tls_layer()

    async def _start_tls_layer(self) -> None:
        endpoint, connection = self.endpoint, self.connection
        context = self.context
        if context is None:
            raise RuntimeError("an endpoint with STARTTLS needs a TLS context")
        try:
            async with asyncio.timeout(endpoint.timeouts.tls):
                transport = await self.loop.start_tls(
                    connection.transport,
                    connection,
                    context,
                    server_hostname=endpoint.host,
                    ssl_handshake_timeout=endpoint.timeouts.tls,
                )
        except (OSError, TimeoutError) as error:
            raise connect_failure(endpoint, error) from error
        if transport is None:
            raise connect_failure(endpoint, ConnectionGone("the connection was lost during the TLS handshake"))
        connection.transport = transport

    async def _authenticate(self) -> None:
        offered = self.connection.capabilities.auth
        if not self._may_show_password():
            reply = "The password is not sent over an unencrypted connection. Use smtp+starttls:// or smtps://."
            raise SetupFailed(not_attempted(reply), permanent=True)
        if "PLAIN" in offered:
            answer = await self._auth_plain()
        elif "LOGIN" in offered:
            answer = await self._auth_login()
        else:
            known = ", ".join(sorted(offered)) or "no way to log in"
            cure = "Check the port, or remove user and password."
            reply = f"The server offers {known}; this program knows PLAIN and LOGIN. {cure}"
            raise SetupFailed(not_attempted(reply), permanent=True)
        if answer.code >= 300:
            cure = "Check user name and password of the provider."
            raise refused_step(self.classifier, "the login", answer, cure, permanent=answer.code >= 500)

    def _may_show_password(self) -> bool:
        if self.connection.tls_version:
            return True
        return is_loopback(str(self.connection.transport.get_extra_info("peername")[0]))

    async def _auth_plain(self) -> Reply:
        secret = f"\0{self.endpoint.username}\0{self.endpoint.password}".encode()
        return await self._await("AUTH", b"AUTH PLAIN " + base64.b64encode(secret), self.endpoint.timeouts.auth)

    async def _auth_login(self) -> Reply:
        answer = await self._await("AUTH", b"AUTH LOGIN", self.endpoint.timeouts.auth)
        for secret in (self.endpoint.username, self.endpoint.password):
            if answer.code != 334:
                return answer
            line = base64.b64encode(secret.encode())
            answer = await self._await("AUTH", line, self.endpoint.timeouts.auth)
        return answer


def is_loopback(address: str) -> bool:
    """True for an IP address of this machine alone: what goes there is not seen by anybody else."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
