"""The ways a request goes to an ESP: each is exactly one HTTP request, and one outcome for each of its letters."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urljoin
from uuid import uuid4

from anymail.exceptions import AnymailError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
)

from delivery.engine.outcome import Outcome
from delivery.esp import answers, outcomes, wire
from delivery.esp.account import EspAccount
from delivery.esp.backends import open_backend
from delivery.esp.planner import Piece, Request
from delivery.esp.rendering import MergeText, merged_message, render, whole_message


class Way(Protocol):
    """One ESP account, called from many threads."""

    def deliver(self, request: Request) -> list[Outcome]:
        """Hand over one request; one outcome for each piece, in order. Raises only for faults of ours."""
        ...

    def may_have_written(self) -> bool:
        """False where this thread's last request surely did not leave."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


def open_way(account: EspAccount) -> Way:
    """The way that the account's ESP takes."""
    if account.kind.name == "ses":
        return SesWay(account)
    return MergeWay(account) if account.kind.way == "merge" else ListWay(account)


class HttpWay:
    """What the ways over `requests` share."""

    def __init__(self, account: EspAccount) -> None:
        self._label, self._without = account.kind.label, account.kind.own_headers
        self._backend = open_backend(account)

    def close(self) -> None:
        self._backend.close()

    def may_have_written(self) -> bool:
        return wire.has_written()

    def _failure(self, error: Exception) -> Outcome:
        """The outcome of each message of the request that ended in this error."""
        response = getattr(error, "response", None)
        if response is not None:
            return outcomes.of_response(self._label, response.status_code, response.headers, response.text)
        if wire.has_written():
            return outcomes.unknown(f"{self._label} did not answer: {_cause(error)}")
        return outcomes.not_attempted(f"{self._label} cannot be reached: {_cause(error)}")


class MergeWay(HttpWay):
    """Mailgun and SendGrid: one text with placeholders, and each recipient's values."""

    def deliver(self, request: Request) -> list[Outcome]:
        wire.begin()
        try:
            message = (
                _merged(request.text, request, self._without)
                if request.text
                else _whole(request.pieces[0], self._without)
            )
            self._backend.send_messages([message])
        except AnymailError as error:
            if not wire.has_written() and isinstance(error, ValueError | TypeError):
                return [outcomes.unsendable(error)] * len(request.pieces)
            return [self._failure(error)] * len(request.pieces)
        statuses = message.anymail_status.recipients
        return [answers.of_status(self._label, statuses.get(piece.letter.head.to_address)) for piece in request.pieces]


class ListWay(HttpWay):
    """Postmark, Brevo, Resend and Mailjet: many different messages in one request, answered one by one."""

    def __init__(self, account: EspAccount) -> None:
        super().__init__(account)
        self._join = _JOINS[account.kind.name]
        self._read = answers.READERS[account.kind.name]

    def deliver(self, request: Request) -> list[Outcome]:
        wire.begin()
        built = [self._build(piece) for piece in request.pieces]
        ready = [one for one in built if not isinstance(one, Outcome)]
        answered = iter(self._post(ready) if ready else [])
        return [one if isinstance(one, Outcome) else next(answered) for one in built]

    def _build(self, piece: Piece) -> dict[str, Any] | Outcome:
        """What anymail would post for one message, or the outcome of one that it cannot express for this ESP."""
        try:
            payload = self._backend.build_message_payload(_whole(piece, self._without), self._backend.send_defaults)
            return dict(payload.get_request_params(self._backend.api_url))
        except AnymailError as error:
            return outcomes.unsendable(error)

    def _post(self, singly: Sequence[dict[str, Any]]) -> list[Outcome]:
        try:
            response = self._backend.post_to_esp(_ListPayload(singly, self._join), None)
        except AnymailError as error:
            return [self._failure(error)] * len(singly)
        try:
            read = self._read(self._label, response, len(singly))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            read = [outcomes.unknown(f"{self._label}'s answer cannot be read: {error!r}")] * len(singly)
        return [*read, *[outcomes.absent(self._label)] * (len(singly) - len(read))][: len(singly)]


Join = Callable[[Sequence[Any]], tuple[str, Any, Mapping[str, str]]]


class _ListPayload:
    """Many of anymail's payloads as one: what its backends ask of a payload when they post it."""

    def __init__(self, singly: Sequence[dict[str, Any]], join: Join) -> None:
        """singly: the arguments with which each of them would be posted."""
        self._singly = singly
        self._join = join

    def get_request_params(self, api_url: str) -> dict[str, Any]:
        """Arguments of requests.Session.request."""
        endpoint, data, headers = self._join([json.loads(params["data"]) for params in self._singly])
        own = {"url": urljoin(api_url, endpoint), "data": json.dumps(data)}
        return {**self._singly[0], **own, "headers": {**self._singly[0]["headers"], **headers}}


def _join_postmark(messages: Sequence[Any]) -> tuple[str, Any, Mapping[str, str]]:
    return "email/batch", messages, {}


def _join_resend(messages: Sequence[Any]) -> tuple[str, Any, Mapping[str, str]]:
    # permissive: one bad address does not refuse the others. The key is fresh: nothing is ever sent again by it, but
    # no box on the way can make two of one request.
    return "emails/batch", messages, {"x-batch-validation": "permissive", "Idempotency-Key": str(uuid4())}


def _join_mailjet(bodies: Sequence[Any]) -> tuple[str, Any, Mapping[str, str]]:
    return "send", {"Messages": [{**body["Globals"], **body["Messages"][0]} for body in bodies]}, {}


def _join_brevo(messages: Sequence[Any]) -> tuple[str, Any, Mapping[str, str]]:
    messages = [_without_braces(message) for message in messages]
    if len(messages) == 1:
        return "smtp/email", messages[0], {}
    versions = [{name: value for name, value in message.items() if name != "sender"} for message in messages]
    # the base is asked for and used for nothing, so it holds nothing of anybody
    base = {"sender": messages[0]["sender"], "subject": "Message", "htmlContent": "<html><body></body></html>"}
    return "smtp/email", {**base, "messageVersions": versions}, {}


def _without_braces(message: Mapping[str, Any]) -> dict[str, Any]:
    """Brevo runs a template language over what it gets: no lead's data may be taken for a piece of it."""
    closed = dict(message)
    closed["htmlContent"] = message["htmlContent"].replace("{{", "{&#123;").replace("{%", "&#123;%")
    for name in ("subject", "textContent"):
        if name in closed:
            closed[name] = closed[name].replace("{{", "{\u200b{").replace("{%", "{\u200b%")
    return closed


_JOINS: Mapping[str, Join] = {
    "postmark": _join_postmark,
    "resend": _join_resend,
    "mailjet": _join_mailjet,
    "brevo": _join_brevo,
}


class SesWay:
    """Amazon SES: one message a request, through boto3."""

    def __init__(self, account: EspAccount) -> None:
        self._label, self._without = account.kind.label, account.kind.own_headers
        self._backend = open_backend(account)

    def close(self) -> None:
        self._backend.close()

    def may_have_written(self) -> bool:
        return True  # boto3 does not tell

    def deliver(self, request: Request) -> list[Outcome]:
        return [self._deliver(piece) for piece in request.pieces]

    def _deliver(self, piece: Piece) -> Outcome:
        try:
            message = _whole(piece, self._without)
            self._backend.send_messages([message])
        except AnymailError as error:
            return _ses_failure(self._label, error)
        return answers.of_status(self._label, message.anymail_status.recipients.get(piece.letter.head.to_address))


def _ses_failure(label: str, error: AnymailError) -> Outcome:
    cause = error.__cause__
    if isinstance(cause, ClientError):
        return answers.of_ses(label, cause.response)
    if isinstance(cause, EndpointConnectionError | ConnectTimeoutError):
        return outcomes.not_attempted(f"{label} cannot be reached: {cause}")
    if isinstance(cause, BotoCoreError) and not isinstance(cause, HTTPClientError | ConnectionError):
        return outcomes.not_attempted(f"{label} was not called: {cause} Check the keys and the region.")
    if cause is None and isinstance(error, ValueError | TypeError):
        return outcomes.unsendable(error)
    return outcomes.unknown(f"{label} did not answer: {_cause(error)}")


def _merged(text: MergeText, request: Request, without: Collection[str]) -> Any:
    letters = [piece.letter for piece in request.pieces]
    return merged_message(text, letters, [piece.values for piece in request.pieces], without)


def _whole(piece: Piece, without: Collection[str]) -> Any:
    return whole_message(piece.letter, piece.content or render(piece.letter), without)


def _cause(error: BaseException) -> str:
    return str(error.__cause__ or error)[:300]
