"""Does an account's key work? One harmless call that changes nothing and sends nothing."""

from __future__ import annotations

import time
from urllib.parse import urljoin

import boto3
import requests
from botocore.exceptions import BotoCoreError, ClientError

from delivery.esp import outcomes
from delivery.esp.account import EspAccount
from delivery.esp.answers import of_ses
from delivery.esp.backends import ses_client, ses_session
from delivery.esp.report import EspReport
from delivery.esp.wire import OnceSession

MAILGUN_HINT = " A domain's sending key may not be asked this: send yourself one message instead."


def check(account: EspAccount) -> EspReport:
    """Ask the ESP something that only a right key may ask. Never raises for what network or ESP do."""
    return _check_ses(account) if account.kind.name == "ses" else _check_http(account)


def _check_http(account: EspAccount) -> EspReport:
    url = urljoin(account.base_url, account.kind.check_path)
    headers, auth = _authorisation(account)
    with OnceSession(1) as session:
        began = time.monotonic()
        try:
            response = session.request("GET", url, headers=headers, auth=auth, timeout=account.timeouts)
        except requests.RequestException as error:
            return EspReport(f"{account.kind.label} cannot be reached at {url}: {error}")
        seconds = time.monotonic() - began
    if response.status_code == requests.codes.ok:
        return EspReport(latency_seconds=seconds)
    if "restricted" in response.text and account.kind.name == "resend":
        return EspReport(latency_seconds=seconds, details="it may send and nothing else")
    outcome = outcomes.of_response(account.kind.label, response.status_code, response.headers, response.text)
    hint = (
        MAILGUN_HINT if account.kind.name == "mailgun" and response.status_code == requests.codes.unauthorized else ""
    )
    return EspReport(outcome.reply + hint, seconds)


def _authorisation(account: EspAccount) -> tuple[dict[str, str], tuple[str, str] | None]:
    key = account.api_key
    match account.kind.name:
        case "mailgun":
            return {}, ("api", key)
        case "mailjet":
            return {}, (key, account.secret_key)
        case "postmark":
            return {"X-Postmark-Server-Token": key, "Accept": "application/json"}, None
        case "brevo":
            return {"api-key": key}, None
    return {"Authorization": f"Bearer {key}"}, None


def _check_ses(account: EspAccount) -> EspReport:
    began = time.monotonic()
    try:
        client = boto3.session.Session(**ses_session(account)).client("sesv2", **ses_client(account))
        found = client.get_account()
    except ClientError as error:
        return EspReport(of_ses(account.kind.label, error.response).reply, time.monotonic() - began)
    except (BotoCoreError, ValueError) as error:
        return EspReport(f"{account.kind.label} cannot be called: {error}")
    if not found.get("SendingEnabled", True):
        return EspReport("Amazon SES has paused sending for this account. See its console.")
    return EspReport(latency_seconds=time.monotonic() - began, details=_quota(found))


def _quota(found: dict[str, dict[str, float]]) -> str:
    quota = found.get("SendQuota") or {}
    if not quota:
        return ""
    is_sandbox = found.get("ProductionAccessEnabled") is False
    rate = f"up to {quota.get('MaxSendRate', 0):g} a second and {quota.get('Max24HourSend', 0):,.0f} in 24 hours"
    return f"{rate}; only to verified addresses, the account is in SES's sandbox" if is_sandbox else rate
