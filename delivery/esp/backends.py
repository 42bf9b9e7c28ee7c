"""anymail's backends, made from an account by explicit arguments: no setting of Django's is ever read for them."""

from __future__ import annotations

import warnings
from typing import Any

from anymail.backends import amazon_ses, brevo, mailgun, mailjet, postmark, resend, sendgrid
from anymail.exceptions import AnymailNotSupportedWarning
from botocore.config import Config

from delivery.engine.headers import MAX_LINE_LENGTH
from delivery.esp.account import EspAccount
from delivery.esp.wire import OnceSession

# ours counts opens and clicks: an ESP that rewrites the links as well would count scanners of its own
NO_TRACKING = {"track_opens": False, "track_clicks": False}
WITHOUT_TRACKING = {"sendgrid", "mailgun", "postmark", "mailjet"}


def open_backend(account: EspAccount) -> Any:
    """The backend of an account, its session open, for many threads. Any: anymail has no types."""
    backend = _MAKERS[account.kind.name](account)
    if account.kind.name == "ses":
        backend.open()
    else:
        backend.session = OnceSession(account.calls)
    if account.kind.name in WITHOUT_TRACKING:
        backend.send_defaults = NO_TRACKING
    return backend


def _common(account: EspAccount) -> dict[str, Any]:
    # every setting that anymail would look for in Django's is given here
    return {
        "api_url": account.base_url,
        "timeout": account.timeouts,
        "send_defaults": {},
        "debug_api_requests": False,
        "ignore_recipient_status": False,
        "ignore_unsupported_features": False,
    }


def _sendgrid(account: EspAccount) -> Any:
    with warnings.catch_warnings():
        # anymail does not test it against the real SendGrid any more; the API is stable and tests here cover its use
        warnings.simplefilter("ignore", AnymailNotSupportedWarning)
        return sendgrid.EmailBackend(
            api_key=account.api_key,
            generate_message_id=True,
            merge_field_format=account.kind.placeholder,
            **_common(account),
        )


def _mailgun(account: EspAccount) -> Any:
    return mailgun.EmailBackend(api_key=account.api_key, sender_domain=account.domain, **_common(account))


def _postmark(account: EspAccount) -> Any:
    return postmark.EmailBackend(
        server_token=account.api_key,
        message_stream=account.message_stream or None,
        use_bulk_api=False,
        generate_message_id=False,
        **_common(account),
    )


def _brevo(account: EspAccount) -> Any:
    return brevo.EmailBackend(api_key=account.api_key, **_common(account))


def _resend(account: EspAccount) -> Any:
    return resend.EmailBackend(api_key=account.api_key, **_common(account))


def _mailjet(account: EspAccount) -> Any:
    return mailjet.EmailBackend(api_key=account.api_key, secret_key=account.secret_key, **_common(account))


def _ses(account: EspAccount) -> Any:
    common = {name: value for name, value in _common(account).items() if name not in ("api_url", "timeout")}
    return _SesBackend(
        session_params=ses_session(account),
        client_params=ses_client(account),
        configuration_set_name=account.configuration_set or None,
        message_tag_name=None,
        **common,
    )


class _SesPayload(amazon_ses.AmazonSESV2SendEmailPayload):
    """Headers that machines read stay on one line: Python's folding leaves List-Unsubscribe an empty first one."""

    def generate_raw_message(self) -> Any:
        self.mime_message.policy = self.mime_message.policy.clone(max_line_length=MAX_LINE_LENGTH)
        return super().generate_raw_message()


class _SesBackend(amazon_ses.EmailBackend):
    def build_message_payload(self, message: Any, defaults: Any) -> Any:
        return _SesPayload(message, defaults, self)


def ses_session(account: EspAccount) -> dict[str, Any]:
    """Arguments of boto3.session.Session; without keys it finds those of the machine it runs on."""
    keys = {"aws_access_key_id": account.api_key, "aws_secret_access_key": account.secret_key}
    return {"region_name": account.region, **{name: value for name, value in keys.items() if value}}


def ses_client(account: EspAccount) -> dict[str, Any]:
    """Arguments of the client. boto3 repeats requests by itself unless it is told to try once."""
    connect, read = account.timeouts
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=connect,
        read_timeout=read,
        max_pool_connections=account.calls,
    )
    return {"config": config, **({"endpoint_url": account.base_url} if account.base_url else {})}


_MAKERS = {
    "ses": _ses,
    "sendgrid": _sendgrid,
    "mailgun": _mailgun,
    "postmark": _postmark,
    "brevo": _brevo,
    "resend": _resend,
    "mailjet": _mailjet,
}
