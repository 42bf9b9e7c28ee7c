"""How each ESP reads a request, what its recipients get of it, and how it answers."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import getaddresses
from typing import Any
from urllib.parse import parse_qs, unquote

SUBSTITUTION_BYTES = 10_000
MAILJET_REFUSES = ("list-id", "x-feedback-id", "x-mailer", "user-agent", "x-mj-customid")


@dataclass(frozen=True, slots=True)
class Accepted:
    """One message that would be delivered. visible_to: every address that its recipient could read in it."""

    esp: str
    recipient: str
    visible_to: tuple[str, ...]
    sender: str
    subject: str
    html: str
    text: str
    headers: Mapping[str, str]
    metadata: Mapping[str, Any]
    message_id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. path: after the ESP's name."""

    esp: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def basic_auth(self) -> tuple[str, str]:
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        user, _, password = base64.b64decode(value if scheme == "Basic" else "").decode().partition(":")
        return user, password

    @property
    def bearer(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; body: JSON, or a text as it is."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


Sent = tuple[Answer, Sequence[Accepted]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One ESP. version: path of its API. check: answers the harmless GET. send: answers a sending request."""

    version: str
    check: Callable[[Any, Asked], Answer]
    send: Callable[[Any, Asked], Sent]


def _guarded(
    has_key: Callable[[Any, Asked], bool], refusal: Answer, found: Any, send: Callable[[Any, Asked], Sent], version: str
) -> Dialect:
    def check(esp: Any, asked: Asked) -> Answer:
        return Answer(200, found) if has_key(esp, asked) else refusal

    def guarded(esp: Any, asked: Asked) -> Sent:
        return send(esp, asked) if has_key(esp, asked) else (refusal, [])

    return Dialect(version, check, guarded)


def _address(text: str) -> str:
    return getaddresses([text])[0][1]


# --- Mailgun --------------------------------------------------------------------------------------------------------
def _mailgun(esp: Any, asked: Asked) -> Sent:
    form = parse_qs(asked.body.decode(), keep_blank_values=True)
    recipients = form.get("to", [])
    if any(esp.refusal_of(_address(one)) == "invalid" for one in recipients):
        return Answer(400, {"message": "to parameter is not a valid address. please check documentation"}), []
    variables = json.loads(form["recipient-variables"][0]) if "recipient-variables" in form else None
    message_id = f"<{uuid.uuid4().hex}@mailgun.example>"
    everybody = tuple(_address(one) for one in recipients)
    messages = []
    for address in everybody:
        fill = _mailgun_fill((variables or {}).get(address, {}))
        messages.append(
            Accepted(
                "mailgun",
                address,
                everybody if variables is None else (address,),
                form["from"][0],
                fill(form["subject"][0]),
                fill(form["html"][0]),
                fill(form["text"][0]),
                {name[2:]: fill(values[0]) for name, values in form.items() if name.startswith("h:")},
                {name[2:]: fill(values[0]) for name, values in form.items() if name.startswith("v:")},
                message_id,
            )
        )
    return Answer(200, {"id": message_id, "message": "Queued. Thank you."}), messages


def _mailgun_fill(values: Mapping[str, Any]) -> Callable[[str], str]:
    def fill(text: str) -> str:
        for name, value in values.items():
            text = text.replace(f"%recipient.{name}%", str(value))
        return text

    return fill


# --- SendGrid -------------------------------------------------------------------------------------------------------
def _sendgrid(esp: Any, asked: Asked) -> Sent:
    body = asked.json()
    messages = []
    for number, one in enumerate(body["personalizations"]):
        substitutions = one.get("substitutions", {})
        size = sum(len(name.encode()) + len(value.encode()) for name, value in substitutions.items())
        if size > SUBSTITUTION_BYTES:
            return _sendgrid_error(400, f"personalizations.{number}.substitutions", "exceeds 10000 bytes"), []
        everybody = tuple(to["email"] for to in one["to"])
        if any(esp.refusal_of(address) == "invalid" for address in everybody):
            field_name = f"personalizations.{number}.to.0.email"
            return _sendgrid_error(400, field_name, "Does not contain a valid address."), []
        content = {part["type"]: part["value"] for part in body["content"]}
        for address in everybody:
            fill = _sendgrid_fill(substitutions)
            messages.append(
                Accepted(
                    "sendgrid",
                    address,
                    everybody,
                    body["from"]["email"],
                    fill(body["subject"]),
                    fill(content["text/html"]),
                    fill(content["text/plain"]),
                    {**body.get("headers", {}), **one.get("headers", {})},
                    {**body.get("custom_args", {}), **one.get("custom_args", {})},
                )
            )
    return Answer(202, "", {"X-Message-Id": uuid.uuid4().hex}), messages


def _sendgrid_fill(values: Mapping[str, str]) -> Callable[[str], str]:
    def fill(text: str) -> str:
        for name, value in values.items():
            text = text.replace(name, value)
        return text

    return fill


def _sendgrid_error(status: int, field_name: str | None, words: str) -> Answer:
    return Answer(status, {"errors": [{"field": field_name, "message": words, "help": None}]})


# --- Postmark -------------------------------------------------------------------------------------------------------
def _postmark(esp: Any, asked: Asked) -> Sent:
    messages: list[Accepted] = []
    answers = []
    for one in asked.json():
        address = _address(one["To"])
        match esp.refusal_of(address):
            case "invalid":
                answers.append({"ErrorCode": 300, "Message": f"Invalid 'To' address: '{address}'."})
                continue
            case "inactive":
                words = "You tried to send to a recipient that has been marked as inactive."
                answers.append({"ErrorCode": 406, "Message": words})
                continue
        headers = {item["Name"]: item["Value"] for item in one.get("Headers", [])}
        messages.append(
            Accepted(
                "postmark",
                address,
                tuple(found for _, found in getaddresses([one["To"]])),
                one["From"],
                one["Subject"],
                one["HtmlBody"],
                one["TextBody"],
                headers,
                one.get("Metadata", {}),
            )
        )
        answers.append({"ErrorCode": 0, "Message": "OK", "To": one["To"], "MessageID": messages[-1].message_id})
    return Answer(200, answers), messages


# --- Brevo ----------------------------------------------------------------------------------------------------------
def _brevo(esp: Any, asked: Asked) -> Sent:
    body = asked.json()
    versions = body.get("messageVersions")
    messages = []
    for own in versions or [body]:
        one = {**body, **own}
        everybody = tuple(to["email"] for to in one["to"])
        if any(esp.refusal_of(address) == "invalid" for address in everybody):
            return Answer(400, {"code": "invalid_parameter", "message": "email is not valid in to"}), []
        headers = {**body.get("headers", {}), **own.get("headers", {})}
        metadata = json.loads(headers.pop("X-Mailin-custom", "{}"))
        messages += [
            Accepted(
                "brevo", address, everybody, one["sender"]["email"], one["subject"], one["htmlContent"],
                one["textContent"], headers, metadata,
            )
            for address in everybody
        ]  # fmt: skip
    ids = [f"<{message.message_id}@brevo.example>" for message in messages]
    return Answer(201, {"messageIds": ids} if versions else {"messageId": ids[0]}), messages


# --- Resend ---------------------------------------------------------------------------------------------------------
def _resend(esp: Any, asked: Asked) -> Sent:
    if not esp.is_new_key(asked.headers["Idempotency-Key"]):
        return Answer(409, {"name": "invalid_idempotent_request", "message": "the key was used before"}), []
    is_permissive = asked.headers.get("x-batch-validation") == "permissive"
    errors: list[dict[str, Any]] = []
    messages = []
    for index, one in enumerate(asked.json()):
        everybody = tuple(_address(to) for to in one["to"])
        if any(esp.refusal_of(address) == "invalid" for address in everybody):
            errors.append({"index": index, "message": "Invalid `to` field."})
            continue
        headers = dict(one.get("headers", {}))
        metadata = json.loads(headers.pop("X-Metadata", "{}"))
        messages.append(
            Accepted(
                "resend", everybody[0], everybody, one["from"], one["subject"], one["html"], one["text"], headers,
                metadata,
            )
        )  # fmt: skip
    if errors and not is_permissive:
        return Answer(422, {"statusCode": 422, "name": "validation_error", "message": errors[0]["message"]}), []
    return Answer(200, {"data": [{"id": message.message_id} for message in messages], "errors": errors}), messages


# --- Mailjet --------------------------------------------------------------------------------------------------------
def _mailjet(esp: Any, asked: Asked) -> Sent:
    messages: list[Accepted] = []
    answers = list(_mailjet_each(esp, asked.json(), messages))
    status = 400 if any(answer["Status"] == "error" for answer in answers) else 200
    return Answer(status, {"Messages": answers}), messages


def _mailjet_each(esp: Any, body: Mapping[str, Any], messages: list[Accepted]) -> Iterator[dict[str, Any]]:
    if len(body["Messages"]) > 50:
        raise ValueError("Mailjet takes 50 messages a call")
    for one in body["Messages"]:
        everybody = tuple(to["Email"] for to in one["To"])
        if any(esp.refusal_of(address) == "invalid" for address in everybody):
            words = f'"{everybody[0]}" is an invalid email address.'
            error = {"ErrorCode": "mj-0013", "StatusCode": 400, "ErrorMessage": words}
            yield {"Status": "error", "Errors": [{**error, "ErrorRelatedTo": ["To[0].Email"]}]}
            continue
        if any(name.lower() in MAILJET_REFUSES for name in one.get("Headers", {})):
            error = {"ErrorCode": "send-0011", "StatusCode": 400, "ErrorMessage": "Header cannot be customized."}
            yield {"Status": "error", "Errors": [{**error, "ErrorRelatedTo": ["Headers"]}]}
            continue
        message = Accepted(
            "mailjet", everybody[0], everybody, one["From"]["Email"], one["Subject"], one["HTMLPart"],
            one["TextPart"], one.get("Headers", {}), json.loads(one.get("EventPayload", "{}")),
            str(uuid.uuid4().int)[:18],
        )  # fmt: skip
        messages.append(message)
        yield {"Status": "success", "To": [{"Email": everybody[0], "MessageID": int(message.message_id)}]}


# --- Amazon SES -----------------------------------------------------------------------------------------------------
def _ses(esp: Any, asked: Asked) -> Sent:
    body = asked.json()
    parsed = email.message_from_bytes(base64.b64decode(body["Content"]["Raw"]["Data"]), policy=email.policy.default)
    to = body["Destination"]["ToAddresses"]
    if any(esp.refusal_of(address) == "invalid" for address in to):
        return _ses_error(400, "BadRequestException", "Illegal address"), []
    text, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    headers = {name: str(value) for name, value in parsed.items()}
    message = Accepted(
        "ses", to[0], tuple(address for _, address in getaddresses([str(parsed["To"])])), str(parsed["From"]),
        str(parsed["Subject"]), html.get_content() if html else "", text.get_content() if text else "", headers,
        json.loads(headers.get("X-Metadata", "{}")),
    )  # fmt: skip
    return Answer(200, {"MessageId": message.message_id}), [message]


def _ses_error(status: int, code: str, words: str) -> Answer:
    return Answer(status, {"message": words}, {"x-amzn-ErrorType": code})


def _ses_key(esp: Any, asked: Asked) -> bool:
    return f"Credential={esp.api_key}/" in unquote(asked.headers.get("Authorization", ""))


DIALECTS: dict[str, Dialect] = {
    "mailgun": _guarded(
        lambda esp, asked: asked.basic_auth == ("api", esp.api_key),
        Answer(401, "Forbidden"), {"items": [], "total_count": 0}, _mailgun, "v3",
    ),
    "sendgrid": _guarded(
        lambda esp, asked: asked.bearer == esp.api_key,
        _sendgrid_error(401, None, "The provided authorization grant is invalid, expired, or revoked"),
        {"scopes": ["mail.send"]}, _sendgrid, "v3/",
    ),
    "postmark": _guarded(
        lambda esp, asked: asked.headers.get("X-Postmark-Server-Token") == esp.api_key,
        Answer(401, {"ErrorCode": 10, "Message": "Request does not contain a valid Server token."}),
        {"ID": 1, "Name": "Server"}, _postmark, "",
    ),
    "brevo": _guarded(
        lambda esp, asked: {name.lower(): value for name, value in asked.headers.items()}.get("api-key") == esp.api_key,
        Answer(401, {"code": "unauthorized", "message": "Key not found"}),
        {"email": "me@example.com"}, _brevo, "v3/",
    ),
    "resend": _guarded(
        lambda esp, asked: asked.bearer == esp.api_key,
        Answer(401, {"statusCode": 401, "name": "validation_error", "message": "API key is invalid"}),
        {"data": []}, _resend, "",
    ),
    "mailjet": _guarded(
        lambda esp, asked: asked.basic_auth == (esp.api_key, esp.secret_key),
        Answer(401, {"ErrorCode": "mj-0002", "StatusCode": 401, "ErrorMessage": "API key authentication failure"}),
        {"Count": 1, "Data": []}, _mailjet, "v3.1/",
    ),
    "ses": _guarded(
        _ses_key,
        _ses_error(403, "UnrecognizedClientException", "The security token included in the request is invalid."),
        {"SendingEnabled": True, "SendQuota": {"Max24HourSend": 50000.0, "MaxSendRate": 14.0}}, _ses, "",
    ),
}  # fmt: skip
