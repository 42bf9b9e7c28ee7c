"""Requests as ESPs make them, signed with keys of the test's own."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SVIX_KEY = b"0123456789abcdef0123456789abcdef"


def public_of(key: Any) -> str:
    """A public key as ESPs show it: PEM without its frame."""
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "".join(line for line in pem.decode().splitlines() if not line.startswith("-----"))


SECRETS = {
    "sendgrid": public_of(EC_KEY),
    "mailgun": "key-mailgun",
    "resend": "whsec_" + base64.b64encode(SVIX_KEY).decode(),
    "mandrill": "key-mandrill",
    "postal": public_of(RSA_KEY),
    "mailersend": "key-mailersend",
}
PASSWORD = "massmailer:secret-of-the-test"


@dataclass(frozen=True)
class Post:
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def login() -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(PASSWORD.encode()).decode()}


def post(esp: str, events: list[dict[str, Any]], *, url: str, signed_at: float | None = None) -> Post:
    """One request with these events, in the ESP's own form. ESPs that tell one event a request get one."""
    now = dt.datetime.now(dt.UTC).timestamp() if signed_at is None else signed_at
    stamp = str(int(now))
    is_json = {"Content-Type": "application/json"}
    if esp == "sendgrid":
        body = json.dumps(events).encode()
        signature = EC_KEY.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        signed = {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
        }
        return Post(body, is_json | signed)
    if esp == "mailgun":
        signature = hmac.digest(b"key-mailgun", f"{stamp}tok".encode(), hashlib.sha256).hex()
        told = {"signature": {"token": "tok", "timestamp": stamp, "signature": signature}, "event-data": events[0]}
        return Post(json.dumps(told).encode(), is_json)
    if esp == "resend":
        body = json.dumps(events[0]).encode()
        signature = base64.b64encode(hmac.digest(SVIX_KEY, f"msg_1.{stamp}.".encode() + body, hashlib.sha256)).decode()
        signed = {"svix-id": "msg_1", "svix-timestamp": stamp, "svix-signature": f"v1,{signature}"}
        return Post(body, is_json | signed)
    if esp == "mandrill":
        text = json.dumps(events)
        signature = hmac.digest(b"key-mandrill", f"{url}mandrill_events{text}".encode(), hashlib.sha1)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return Post(
            urlencode({"mandrill_events": text}).encode(),
            form | {"X-Mandrill-Signature": base64.b64encode(signature).decode()},
        )
    if esp == "postal":
        body = json.dumps(events[0]).encode()
        signature = RSA_KEY.sign(body, padding.PKCS1v15(), hashes.SHA1())
        return Post(body, is_json | {"X-Postal-Signature": base64.b64encode(signature).decode()})
    if esp == "mailersend":
        body = json.dumps(events[0]).encode()
        return Post(body, is_json | {"Signature": hmac.digest(b"key-mailersend", body, hashlib.sha256).hex()})
    if esp == "ses":
        notice = {
            "Type": "Notification", "MessageId": "sns-1", "TopicArn": "arn:aws:sns:eu-central-1:1:bounces",
            "Timestamp": events[0].pop("at"), "Message": json.dumps(events[0]),
        }  # fmt: skip
        signed = {"x-amz-sns-message-type": "Notification", "x-amz-sns-message-id": "sns-1"}
        return Post(json.dumps(notice).encode(), {"Content-Type": "text/plain"} | signed | login())
    body = json.dumps(events if esp in ("mailjet", "sparkpost") else events[0]).encode()
    return Post(body, is_json | login())


def event(esp: str, kind: str, *, token: str, recipient: str, at: dt.datetime, **more: Any) -> dict[str, Any]:
    """One event of our kind `kind` in the ESP's own words."""
    return _MAKERS[esp](kind, token, recipient, at) | more


def _sendgrid(kind: str, token: str, recipient: str, at: dt.datetime) -> dict[str, Any]:
    said = {
        "bounce": {"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 No such user here"},
        "rejected": {"event": "dropped", "reason": "Bounced Address"},
        "deferred": {"event": "deferred", "response": "451 4.7.1 Please try again later"},
        "delivered": {"event": "delivered", "response": "250 OK"},
        "complaint": {"event": "spamreport"},
        "unsubscribe": {"event": "unsubscribe"},
        "open": {"event": "open", "useragent": "Mozilla/5.0 Firefox", "sg_machine_open": True},
        "click": {"event": "click", "useragent": "Mozilla/5.0 (X11) Firefox/128.0", "url": "https://shop.example/"},
    }[kind]
    # a test sends many of one kind
    return {"email": recipient, "timestamp": int(at.timestamp()), "token": token, **said}


def _mailgun(kind: str, token: str, recipient: str, at: dt.datetime) -> dict[str, Any]:
    said = {
        "bounce": {
            "event": "failed", "severity": "permanent", "reason": "bounce",
            "delivery-status": {"code": 550, "message": "550 5.1.1 No such user here"},
        },
        "deferred": {
            "event": "failed", "severity": "temporary", "reason": "generic",
            "delivery-status": {"code": 451, "message": "451 4.7.1 Please try again later"},
        },
        "rejected": {"event": "rejected", "reject": {"reason": "Sandbox subdomains are for test purposes only"}},
        "delivered": {"event": "delivered"},
        "complaint": {"event": "complained"},
        "unsubscribe": {"event": "unsubscribed"},
        "open": {"event": "opened", "client-info": {"bot": "apple", "user-agent": "Mozilla/5.0"}},
        "click": {"event": "clicked", "client-info": {"user-agent": "Mozilla/5.0 (X11) Firefox/128.0"}},
    }[kind]  # fmt: skip
    return {"timestamp": at.timestamp(), "recipient": recipient, "user-variables": {"token": token}, **said}


def _postmark(kind: str, token: str, recipient: str, at: dt.datetime) -> dict[str, Any]:
    time = at.isoformat().replace("+00:00", "Z")
    said = {
        "bounce": {
            "RecordType": "Bounce", "Type": "HardBounce", "ID": 42, "Details": "smtp;550 5.1.1 No such user here",
            "Description": "The server was unable to deliver your message", "Email": recipient, "BouncedAt": time,
        },
        "deferred": {"RecordType": "Bounce", "Type": "Transient", "ID": 43, "Email": recipient, "BouncedAt": time},
        "rejected": {"RecordType": "Bounce", "Type": "BadEmailAddress", "ID": 4, "Email": recipient, "BouncedAt": time},
        "delivered": {"RecordType": "Delivery", "Recipient": recipient, "DeliveredAt": time},
        "complaint": {"RecordType": "SpamComplaint", "Type": "SpamComplaint", "Email": recipient, "BouncedAt": time},
        "unsubscribe": {
            "RecordType": "SubscriptionChange", "SuppressSending": True, "SuppressionReason": "ManualSuppression",
            "Recipient": recipient, "ChangedAt": time,
        },
        "open": {"RecordType": "Open", "Recipient": recipient, "ReceivedAt": time, "UserAgent": "Mozilla/5.0"},
        "click": {"RecordType": "Click", "Recipient": recipient, "ReceivedAt": time, "UserAgent": "python-requests"},
    }[kind]  # fmt: skip
    return {"MessageID": "883953f4", "Metadata": {"token": token}, **said}


def _brevo(kind: str, token: str, recipient: str, at: dt.datetime) -> dict[str, Any]:
    said = {
        "bounce": {"event": "hard_bounce", "reason": "550 5.1.1 No such user here"},
        "deferred": {"event": "deferred", "reason": "451 4.7.1 Please try again later"},
        "rejected": {"event": "blocked"},
        "delivered": {"event": "delivered"},
        "complaint": {"event": "spam"},
        "unsubscribe": {"event": "unsubscribe"},
        "open": {"event": "proxy_open"},
        "click": {"event": "click", "link": "https://shop.example/"},
    }[kind]
    custom = json.dumps({"token": token})
    return {"email": recipient, "ts_epoch": int(at.timestamp() * 1000), "X-Mailin-custom": custom, **said}


def _resend(kind: str, token: str, recipient: str, at: dt.datetime) -> dict[str, Any]:
    name = {
        "bounce": "bounced", "deferred": "delivery_delayed", "delivered": "delivered", "complaint": "complained",
        "open": "opened", "click": "clicked",
    }[kind]  # fmt: skip
    data: dict[str, Any] = {
        "email_id": "56761188", "to": [recipient],
        "headers": [{"name": "X-Metadata", "value": json.dumps({"token": token})}],
    }  # fmt: skip
    if kind == "bounce":
        data["bounce"] = {"type": "Permanent", "message": "The recipient's email provider sent a hard bounce message."}
    if kind == "click":
        data["click"] = {"link": "https://shop.example/", "userAgent": "Mozilla/5.0 (X11) Firefox/128.0"}
    return {"type": f"email.{name}", "created_at": at.isoformat(), "data": data}


def _mailjet(kind: str, token: str, recipient: str, at: dt.datetime) -> dict[str, Any]:
    said = {
        "bounce": {"event": "bounce", "hard_bounce": True, "error": "user unknown", "error_related_to": "recipient"},
        "deferred": {"event": "bounce", "hard_bounce": False, "error": "greylisted"},
        "rejected": {"event": "blocked", "error": "preblocked"},
        "delivered": {"event": "sent", "smtp_reply": "sent (250 2.0.0 OK)"},
        "complaint": {"event": "spam", "source": "JMRPP"},
        "unsubscribe": {"event": "unsub"},
        "open": {"event": "open", "agent": "Mozilla/5.0"},
        "click": {"event": "click", "agent": "Mozilla/5.0 (X11) Firefox/128.0", "url": "https://shop.example/"},
    }[kind]
    payload = json.dumps({"token": token})
    return {"time": int(at.timestamp()), "email": recipient, "MessageID": 13792286917004336, "Payload": payload, **said}


def _sparkpost(kind: str, token: str, recipient: str, at: dt.datetime) -> dict[str, Any]:
    group, said = {
        "bounce": ("message_event", {"type": "bounce", "bounce_class": "10", "raw_reason": "550 5.1.1 No such user"}),
        "deferred": ("message_event", {"type": "delay", "bounce_class": "21", "raw_reason": "454 4.4.4 later"}),
        "rejected": ("message_event", {"type": "policy_rejection", "bounce_class": "25"}),
        "delivered": ("message_event", {"type": "delivery"}),
        "complaint": ("message_event", {"type": "spam_complaint"}),
        "unsubscribe": ("unsubscribe_event", {"type": "link_unsubscribe"}),
        "open": ("track_event", {"type": "open", "is_prefetched": True, "user_agent": "Mozilla/5.0 (X11)"}),
        "click": ("track_event", {"type": "click", "user_agent": "Mozilla/5.0 (X11) Firefox/128.0"}),
    }[kind]
    inner = {"timestamp": str(int(at.timestamp())), "event_id": f"id-{kind}", "raw_rcpt_to": recipient}
    return {"msys": {group: {**inner, "rcpt_meta": {"token": token}, **said}}}


def _mandrill(kind: str, token: str, recipient: str, at: dt.datetime) -> dict[str, Any]:
    name = {
        "bounce": "hard_bounce", "deferred": "deferral", "rejected": "reject", "complaint": "spam",
        "unsubscribe": "unsub", "open": "open", "click": "click",
    }[kind]  # fmt: skip
    msg = {"_id": "abc", "email": recipient, "metadata": {"token": token}, "diag": ""}
    if kind == "bounce":
        msg["diag"] = "smtp;550 5.1.1 No such user here"
    return {"event": name, "ts": int(at.timestamp()), "msg": msg, "user_agent": "Mozilla/5.0 (X11) Firefox/128.0"}


def _postal(kind: str, token: str, recipient: str, at: dt.datetime) -> dict[str, Any]:
    message = {"id": 12345, "to": recipient, "from": f"b+{token}@bounces.example", "direction": "outgoing"}
    payload: dict[str, Any] = {
        "bounce": {"original_message": message, "bounce": {"id": 5, "subject": "Mail Delivery Failed"}},
        "rejected": {"status": "HardFail", "output": "550 5.1.1 No such user here", "message": message},
        "deferred": {"status": "SoftFail", "output": "451 4.7.1 Please try again later", "message": message},
        "delivered": {"status": "Sent", "output": "250 OK", "message": message},
        "click": {"url": "https://shop.example/", "user_agent": "Mozilla/5.0 (X11) Firefox/128.0", "message": message},
    }[kind]
    return {"event": kind, "timestamp": at.timestamp(), "uuid": f"uuid-{kind}", "payload": payload}


def _mailersend(kind: str, token: str, recipient: str, at: dt.datetime) -> dict[str, Any]:
    name = {
        "bounce": "hard_bounced", "delivered": "delivered", "complaint": "spam_complaint",
        "unsubscribe": "unsubscribed", "open": "opened", "click": "clicked",
    }[kind]  # fmt: skip
    # it shows no metadata, but the envelope's sender
    email = {
        "from": f"b+{token}@bounces.example", "recipient": {"email": recipient}, "message": {"id": "62f114"},
    }  # fmt: skip
    return {
        "type": f"activity.{name}",
        "data": {"id": f"a-{kind}", "type": name, "created_at": at.isoformat(), "email": email},
    }


def _ses(kind: str, token: str, recipient: str, at: dt.datetime) -> dict[str, Any]:
    name, details = {
        "bounce": (
            "Bounce",
            {
                "bounceType": "Permanent", "bounceSubType": "General",
                "bouncedRecipients": [
                    {"emailAddress": recipient, "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
                ],
            },
        ),
        "complaint": ("Complaint", {"complainedRecipients": [{"emailAddress": recipient}]}),
        "delivered": ("Delivery", {"recipients": [recipient]}),
        "rejected": ("Reject", {"reason": "Bad content"}),
        "open": ("Open", {"userAgent": "Mozilla/5.0"}),
        "click": ("Click", {"userAgent": "Mozilla/5.0 (X11) Firefox/128.0", "link": "https://shop.example/"}),
    }[kind]  # fmt: skip
    mail = {
        "messageId": "ses-1", "destination": [recipient],
        "headers": [{"name": "X-Metadata", "value": json.dumps({"token": token})}],
    }  # fmt: skip
    return {"eventType": name, "mail": mail, name.lower(): details, "at": at.isoformat()}


_MAKERS = {
    "sendgrid": _sendgrid, "mailgun": _mailgun, "postmark": _postmark, "brevo": _brevo, "resend": _resend,
    "mailjet": _mailjet, "sparkpost": _sparkpost, "mandrill": _mandrill, "postal": _postal,
    "mailersend": _mailersend, "ses": _ses,
}  # fmt: skip
# what each of them can tell at all
KINDS = {
    "sendgrid": ("bounce", "rejected", "deferred", "delivered", "complaint", "unsubscribe", "open", "click"),
    "mailgun": ("bounce", "rejected", "deferred", "delivered", "complaint", "unsubscribe", "open", "click"),
    "postmark": ("bounce", "rejected", "deferred", "delivered", "complaint", "unsubscribe", "open", "click"),
    "brevo": ("bounce", "rejected", "deferred", "delivered", "complaint", "unsubscribe", "open", "click"),
    "resend": ("bounce", "deferred", "delivered", "complaint", "open", "click"),
    "mailjet": ("bounce", "rejected", "deferred", "delivered", "complaint", "unsubscribe", "open", "click"),
    "sparkpost": ("bounce", "rejected", "deferred", "delivered", "complaint", "unsubscribe", "open", "click"),
    "mandrill": ("bounce", "rejected", "deferred", "complaint", "unsubscribe", "open", "click"),
    "postal": ("bounce", "rejected", "deferred", "delivered", "click"),
    "mailersend": ("bounce", "delivered", "complaint", "unsubscribe", "open", "click"),
    "ses": ("bounce", "rejected", "delivered", "complaint", "open", "click"),
}
