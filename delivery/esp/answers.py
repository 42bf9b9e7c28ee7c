"""What ESPs write back, message by message."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from delivery.engine.outcome import Kind, Outcome
from delivery.esp import outcomes

# Postmark's ErrorCode of what is the account's fault: token, sender signature, allowance, approval, message stream
_POSTMARK_ACCOUNT = frozenset({10, 400, 401, 402, 405, 411, 412, 413, 1226, 1228, 1235})
_POSTMARK_INACTIVE = 406
_POSTMARK_INVALID = 300
_SES_ACCOUNT = frozenset(
    {
        "AccountSuspendedException", "SendingPausedException", "MailFromDomainNotVerifiedException",
        "NotFoundException", "AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException",
        "SignatureDoesNotMatch", "InvalidClientTokenId", "ExpiredTokenException", "IncompleteSignature",
        "MissingAuthenticationToken", "OptInRequired",
    }
)  # fmt: skip
_SES_THROTTLE = frozenset(
    {"TooManyRequestsException", "LimitExceededException", "ThrottlingException", "Throttling", "ServiceUnavailable"}
)


def of_status(label: str, status: Any) -> Outcome:
    """From anymail's status of one recipient; None where the answer did not name him."""
    match getattr(status, "status", None):
        case "queued" | "sent":
            return outcomes.accepted(status.message_id)
        case "invalid":
            return Outcome(Kind.HARD, reply=f"{label}: the address is not valid.", rule="esp-invalid-address")
        case "rejected":
            return Outcome(Kind.BLOCK, reply=f"{label} refuses this recipient.", rule="esp-rejected")
        case "failed":
            return Outcome(Kind.UNDETERMINED, reply=f"{label} refused the message and does not say why.")
    return outcomes.absent(label)


def read_postmark(label: str, response: Any, _count: int) -> list[Outcome]:
    """/email/batch answers 200 with one object for each message, in order. Raises for another shape."""
    parsed = response.json()
    if isinstance(parsed, dict):  # 422 for the whole: nothing was taken
        return [_postmark(label, parsed, response.status_code)] * _count
    return [_postmark(label, one, None) for one in parsed]


def _postmark(label: str, answer: Mapping[str, Any], status: int | None) -> Outcome:
    code, words = answer["ErrorCode"], str(answer.get("Message", ""))
    if code == 0:
        return outcomes.accepted(answer["MessageID"])
    if code == _POSTMARK_INACTIVE:
        return Outcome(Kind.HARD, status, reply=f"{label} 406: {words}", rule="esp-inactive")
    if code in _POSTMARK_ACCOUNT:
        return outcomes.not_attempted(f"{label} does not let this account send. Check the provider. {code}: {words}")
    if code == _POSTMARK_INVALID and re.search(r"'(To|Cc|Bcc)'", words):
        return Outcome(Kind.HARD, status, reply=f"{label} 300: {words}", rule="esp-invalid-address")
    return outcomes.refused(label, status, f"{code}: {words}")


def read_resend(label: str, response: Any, count: int) -> list[Outcome]:
    """/emails/batch answers the ids of what was taken, in order, and the errors with their places."""
    parsed = response.json()
    errors = {int(one["index"]): str(one.get("message", "")) for one in parsed.get("errors") or []}
    taken = iter(parsed["data"])
    return [
        outcomes.refused(label, None, errors[index]) if index in errors else _taken(label, next(taken, None))
        for index in range(count)
    ]


def _taken(label: str, answer: Mapping[str, Any] | None) -> Outcome:
    return outcomes.absent(label) if answer is None else outcomes.accepted(answer["id"])


def read_brevo(label: str, response: Any, count: int) -> list[Outcome]:
    """/smtp/email answers one id, or the ids of all versions in order; a version without one is left unknown."""
    parsed = response.json()
    ids = parsed["messageIds"] if "messageIds" in parsed else [parsed["messageId"]]
    # which one is missing cannot be told from fewer ids than versions
    return [outcomes.accepted(one) for one in ids] if len(ids) == count else [outcomes.absent(label)] * count


def read_mailjet(label: str, response: Any, count: int) -> list[Outcome]:
    """/send answers one object for each message, in order, also under an HTTP error; or one error for all of them."""
    parsed = response.json()
    if "Messages" not in parsed:
        return [outcomes.of_response(label, response.status_code, response.headers, response.text)] * count
    return [_mailjet(label, one) for one in parsed["Messages"]]


def _mailjet(label: str, answer: Mapping[str, Any]) -> Outcome:
    if answer["Status"] == "success":
        return outcomes.accepted(answer["To"][0]["MessageID"])
    if answer["Status"] != "error":
        return outcomes.absent(label)
    error = answer["Errors"][0]
    words, status = f"{error.get('ErrorCode', '')}: {error.get('ErrorMessage', '')}", int(error.get("StatusCode", 400))
    if status in (401, 403):
        return outcomes.not_attempted(f"{label} does not let this account send. Check the provider. {words}")
    if any(str(place).startswith("To") for place in error.get("ErrorRelatedTo", ())):
        return Outcome(Kind.HARD, reply=f"{label} {words}", rule="esp-invalid-address")
    return outcomes.refused(label, None, words)


def of_ses(label: str, response: Mapping[str, Any]) -> Outcome:
    """From the error that boto3 parsed."""
    code, words = response["Error"].get("Code", ""), response["Error"].get("Message", "")
    metadata = response.get("ResponseMetadata", {})
    status, text = int(metadata.get("HTTPStatusCode", 0)), f"{code}: {words}"
    if code in _SES_THROTTLE:
        return outcomes.of_response(label, 429, _titled(metadata), text)
    if code in _SES_ACCOUNT:
        return outcomes.not_attempted(f"{label} does not let this account send. Check the provider. {text}", status)
    return outcomes.of_response(label, status, _titled(metadata), text)


def _titled(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {str(name).title(): str(value) for name, value in metadata.get("HTTPHeaders", {}).items()}


Reader = Callable[[str, Any, int], list[Outcome]]
READERS: Mapping[str, Reader] = {
    "postmark": read_postmark,
    "resend": read_resend,
    "brevo": read_brevo,
    "mailjet": read_mailjet,
}
