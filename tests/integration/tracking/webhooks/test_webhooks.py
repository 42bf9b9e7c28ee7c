"""Webhooks of ESPs over real HTTP: proof, freshness, batches, repetitions, and what follows in the ledger."""

from __future__ import annotations

import datetime as dt
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Lead, Suppression
from delivery.models import Email, Message, Provider
from delivery.tokens import signer
from delivery.transactional import queue_message
from tests.integration.tracking.conftest import MakeSent, PostgresAway, Sent
from tests.integration.tracking.webhooks import esps
from tests.integration.tracking.webhooks.esps import Post
from tracking import stream
from tracking.consume import drain
from tracking.models import Event, ParkedEvent, StrayEvent, WebhookState
from tracking.webhooks import door
from tracking.webhooks.kinds import KINDS
from tracking.webhooks.secrets import address, set_secret

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh_doors() -> Iterator[None]:
    door.forget_doors()
    yield
    door.forget_doors()


@pytest.fixture
def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def provider_of(esp: str, *, with_secret: bool = True) -> Provider:
    kind = esp if esp in Provider.Kind.values else "smtp"
    options = {"region": "eu-central-1"} if kind == "ses" else {"domain": "mg.example"} if kind == "mailgun" else {}
    made = Provider.objects.create(name=f"{esp} account", kind=kind, host="smtp.example", options=options)
    made.credentials = {"api_key": "k", "secret_key": "s"}
    made.save()
    if with_secret:
        set_secret(made.pk, KINDS[esp], esps.SECRETS.get(esp, esps.PASSWORD))
    return made


def send(live_server: LiveServer, esp: str, provider: Provider, request: Post, method: str = "POST") -> int:
    """The status of the answer."""
    url = f"{live_server.url}/webhooks/{esp}/{provider.pk}/tracking/"
    body = request.body if method == "POST" else None
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, body, request.headers, method=method), timeout=20
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def url_of(esp: str, provider: Provider) -> str:
    return address(provider.pk, KINDS[esp])


def told(sent: Sent, esp: str, kind: str, at: dt.datetime, n: int = 0, **more: Any) -> dict[str, Any]:
    return esps.event(esp, kind, token=sent.tokens(n).bounce, recipient=sent.leads[n].email, at=at, **more)


def test_every_kind_of_every_esp_is_understood(live_server: LiveServer, make_sent: MakeSent, now: dt.datetime) -> None:
    everyone = make_sent(leads=sum(map(len, esps.KINDS.values())))
    for esp, kinds in esps.KINDS.items():
        leads, everyone.leads = everyone.leads[: len(kinds)], everyone.leads[len(kinds) :]
        understood(live_server, Sent(everyone.campaign, leads), now, esp)


def understood(live_server: LiveServer, sent: Sent, now: dt.datetime, esp: str) -> None:
    kinds = esps.KINDS[esp]
    provider = provider_of(esp)
    for n, kind in enumerate(kinds):
        request = esps.post(esp, [told(sent, esp, kind, now, n)], url=url_of(esp, provider))
        assert send(live_server, esp, provider, request) == 200, kind
        # and once more, as ESPs do that have lost the answer
        assert send(live_server, esp, provider, request) == 200, kind
    drain()
    assert not StrayEvent.objects.exists(), StrayEvent.objects.values_list("reason", "payload")
    found = {event.lead_id: event for event in Event.objects.filter(provider_id=provider.pk)}
    assert Event.objects.filter(provider_id=provider.pk).count() == len(kinds), esp
    for n, kind in enumerate(kinds):
        event = found[sent.leads[n].pk]
        assert (event.kind, event.provider_id) == (kind, provider.pk)
        assert event.at == now
    if "bounce" in kinds:
        bounced = kinds.index("bounce")
        assert sent.row(bounced).status in ("bounced_hard", "bounced_soft")
        if esp != "postal":  # it tells no reply with its bounces
            assert found[sent.leads[bounced].pk].data["class"] == "hard"
            assert Suppression.objects.get(value=sent.leads[bounced].email).reason == "hard_bounce"
    if "complaint" in kinds:
        assert Lead.objects.get(pk=sent.leads[kinds.index("complaint")].pk).status == "complained"
    if "unsubscribe" in kinds:
        assert Lead.objects.get(pk=sent.leads[kinds.index("unsubscribe")].pk).status == "unsubscribed"
    if "deferred" in kinds:
        assert sent.row(kinds.index("deferred")).status == "sent"
    if esp in ("sendgrid", "mailgun", "brevo", "sparkpost", "postmark"):
        assert found[sent.leads[kinds.index("open")].pk].who == "machine"
    if esp in ("sendgrid", "mailgun", "sparkpost"):
        assert found[sent.leads[kinds.index("click")].pk].who == "human"
    state = WebhookState.objects.get(provider=provider, esp=esp)
    assert state.last_event_at is not None
    assert (state.strays, state.refused) == (0, 0)


def test_an_esp_tells_only_of_its_own_mail(live_server: LiveServer, make_sent: MakeSent, now: dt.datetime) -> None:
    sent = make_sent(leads=3)
    sender, other = provider_of("postmark"), provider_of("sendgrid")
    same = Provider.objects.create(name="the same account", kind="sendgrid")
    Email.objects.filter(campaign_id=sent.campaign.pk).update(provider_id=sender.pk)
    message_id = queue_message(to="ada@example.com", subject="Order", html="<p>Thanks</p>", sender="a@b.example")
    Message.objects.filter(id=message_id).update(status="sent", provider_id=sender.pk)
    events = [told(sent, "sendgrid", kind, now, n) for n, kind in enumerate(("bounce", "complaint", "open"))]
    token = signer().sign_all("message", message_id, 0).bounce
    events.append(esps.event("sendgrid", "bounce", token=token, recipient="ada@example.com", at=now))
    request = esps.post("sendgrid", events, url=url_of("sendgrid", other))
    assert send(live_server, "sendgrid", other, request) == 200
    drain()
    assert {row.status for row in map(sent.row, range(3))} == {"sent"}
    assert Message.objects.get(id=message_id).status == "sent"
    assert not Suppression.objects.exists()
    assert not Event.objects.exists()
    assert list(StrayEvent.objects.values_list("reason", flat=True)) == ["another provider sent this e-mail"] * 4
    assert WebhookState.objects.get(provider=other).strays == 4

    # one that the sender put off may be in the other's hands by now: the event waits for what is recorded
    Email.objects.filter(campaign_id=sent.campaign.pk, lead_id=sent.leads[0].pk).update(status="deferred")
    assert send(live_server, "sendgrid", other, request) == 200
    assert ParkedEvent.objects.count() == 1
    ParkedEvent.objects.all().delete()
    Email.objects.filter(campaign_id=sent.campaign.pk).update(status="sent")

    # two providers of one account have one secret
    Email.objects.filter(campaign_id=sent.campaign.pk).update(provider_id=same.pk)
    set_secret(same.pk, KINDS["sendgrid"], esps.SECRETS.get("sendgrid", esps.PASSWORD))
    assert send(live_server, "sendgrid", other, request) == 200
    drain()
    assert sent.row().status == "bounced_hard"


def test_without_a_secret_there_is_no_such_address(live_server: LiveServer, sent: Sent, now: dt.datetime) -> None:
    for esp in esps.KINDS:
        no_such_address(live_server, sent, now, esp)


def no_such_address(live_server: LiveServer, sent: Sent, now: dt.datetime, esp: str) -> None:
    provider = provider_of(esp, with_secret=False)
    request = esps.post(esp, [told(sent, esp, "bounce", now)], url=url_of(esp, provider))
    assert send(live_server, esp, provider, request) == 404
    assert sent.row().status == "sent"
    # nor at the account of another ESP, nor at none
    other = Provider.objects.create(name=f"other than {esp}", kind="resend" if esp != "resend" else "brevo")
    set_secret(other.pk, KINDS[other.kind], esps.SECRETS.get(other.kind, esps.PASSWORD))
    assert send(live_server, esp, other, request) == 404
    assert send(live_server, esp, Provider(pk=999_999), request) == 404


def test_a_request_without_proof_is_refused_and_counted(live_server: LiveServer, sent: Sent, now: dt.datetime) -> None:
    for esp in esps.KINDS:
        refused_and_counted(live_server, sent, now, esp)


def refused_and_counted(live_server: LiveServer, sent: Sent, now: dt.datetime, esp: str) -> None:
    provider = provider_of(esp)
    good = esps.post(esp, [told(sent, esp, "bounce", now)], url=url_of(esp, provider))
    unsigned = {name: value for name, value in good.headers.items() if name in ("Content-Type",) or "sns" in name}
    forged = Post(good.body.replace(b"ada0", b"ada1").replace(b"tok", b"t0k"), good.headers)
    wrong_login = {**good.headers, "Authorization": "Basic bWFzc21haWxlcjp3cm9uZw=="}
    is_signed = KINDS[esp].proof == "key"
    if esp != "mailgun":
        assert send(live_server, esp, provider, Post(good.body, unsigned)) == (403 if is_signed else 401)
    assert send(live_server, esp, provider, forged if is_signed else Post(good.body, wrong_login)) == 403
    for rubbish in (b"", b"\xff\xfe", b"[", b"{}", b"[" * 5000):
        assert send(live_server, esp, provider, Post(rubbish, unsigned)) in (401, 403)
    assert not Event.objects.exists()
    assert sent.row().status == "sent"
    state = WebhookState.objects.get(provider=provider)
    assert state.refused >= 1
    assert state.refusal


def test_a_signed_time_that_is_long_ago_is_refused(live_server: LiveServer, sent: Sent, now: dt.datetime) -> None:
    for esp, too_old in (("resend", 600), ("mailgun", 10 * 3600), ("sendgrid", 26 * 3600)):
        provider = provider_of(esp)
        for age, status in ((too_old, 403), (-3600, 403), (60, 200)):
            stamp = now.timestamp() - age
            request = esps.post(esp, [told(sent, esp, "delivered", now)], url=url_of(esp, provider), signed_at=stamp)
            assert send(live_server, esp, provider, request) == status, (esp, age)
        assert Event.objects.filter(provider_id=provider.pk).count() == 1


def test_events_of_long_ago_go_aside(live_server: LiveServer, sent: Sent, now: dt.datetime) -> None:
    provider = provider_of("brevo")
    for at in (now - dt.timedelta(days=8), now + dt.timedelta(days=1)):
        request = esps.post("brevo", [told(sent, "brevo", "bounce", at)], url=url_of("brevo", provider))
        assert send(live_server, "brevo", provider, request) == 200
    assert sent.row().status == "sent"
    assert StrayEvent.objects.count() == 2
    assert WebhookState.objects.get().strays == 2


def test_hundreds_in_one_request_and_one_bad_one_among_them(
    live_server: LiveServer, make_sent: MakeSent, now: dt.datetime
) -> None:
    sent = make_sent(leads=300)
    provider = provider_of("sendgrid")
    events: list[Any] = [told(sent, "sendgrid", "bounce", now, n) for n in range(300)]
    bad: list[Any] = ["text", None, {}, {"event": 5}, {"event": "bounce", "timestamp": "soon", "token": [1]}]
    foreign = {
        "event": "bounce",
        "timestamp": int(now.timestamp()),
        "email": "who@else.example",
        "reason": "a\0b\ud800",
    }
    mixed = [*events[:150], *bad, foreign, *events[150:]]
    request = esps.post("sendgrid", mixed, url=url_of("sendgrid", provider))
    for _ in range(2):
        assert send(live_server, "sendgrid", provider, request) == 200
    assert Event.objects.count() == 300
    assert Email.objects.filter(status="bounced_hard").count() == 300
    assert Suppression.objects.count() == 300
    reasons = dict.fromkeys(StrayEvent.objects.values_list("recipient", flat=True))
    assert "who@else.example" in reasons
    assert WebhookState.objects.get().strays == StrayEvent.objects.count() >= 6


def test_an_event_without_metadata_is_matched(live_server: LiveServer, make_sent: MakeSent, now: dt.datetime) -> None:
    """By the return path, by our Message-ID, by the ESP's id of a batch that many share."""
    sent = make_sent(leads=4)
    provider = provider_of("mailjet")
    events = [esps.event("mailjet", "bounce", token="", recipient=lead.email, at=now) for lead in sent.leads]
    events[1]["sender"] = f"B+{sent.tokens(1).bounce.upper()}@bounces.example"
    events[2]["headers"] = f"Message-ID: <{sent.campaign.pk:x}.{sent.leads[2].pk:x}.1@sender.example>"
    # and one whose Message-ID is of somebody else's e-mail
    events[0]["headers"] = events[2]["headers"]
    Email.objects.filter(lead_id=sent.leads[3].pk).update(esp_message_id="<13792286917004336>")
    for event in events:
        assert send(live_server, "mailjet", provider, esps.post("mailjet", [event], url="")) == 200
    assert [sent.row(n).status for n in range(4)] == ["sent", "bounced_hard", "bounced_hard", "bounced_hard"]
    assert StrayEvent.objects.get().reason == "about no e-mail of ours"


def test_an_event_that_overtakes_its_record_waits(
    live_server: LiveServer, make_sent: MakeSent, now: dt.datetime
) -> None:
    sent = make_sent(delivered=False)
    provider = provider_of("postmark")
    request = esps.post("postmark", [told(sent, "postmark", "bounce", now)], url="")
    for _ in range(2):
        assert send(live_server, "postmark", provider, request) == 200
    assert ParkedEvent.objects.count() == 1
    sent.deliver()
    ParkedEvent.objects.update(due_at="2020-01-01T00:00Z")
    drain()
    assert sent.row().status == "bounced_hard"
    assert Event.objects.count() == 1


def test_files_are_not_taken_in_to_look_for_a_signature(client: Client) -> None:
    file = SimpleUploadedFile("huge.bin", b"x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1))
    response = client.post(f"/webhooks/mailgun/{provider_of('mailgun').pk}/tracking/", {"file": file})
    assert response.status_code == 413


def test_a_head_finds_what_is_there(live_server: LiveServer, sent: Sent) -> None:
    provider, other = provider_of("mandrill", with_secret=False), provider_of("brevo")
    assert send(live_server, "mandrill", provider, Post(b""), "HEAD") == 200
    assert send(live_server, "brevo", other, Post(b""), "HEAD") == 200
    assert send(live_server, "brevo", other, Post(b""), "GET") == 200
    assert send(live_server, "postmark", provider, Post(b""), "HEAD") == 404


def test_a_subscription_of_sns_leaves_its_link_where_it_cannot_be_confirmed(
    live_server: LiveServer, sent: Sent, now: dt.datetime
) -> None:
    provider = provider_of("ses")
    # a server that nobody listens at
    Provider.objects.filter(pk=provider.pk).update(options={"region": "eu-central-1", "api_url": "http://127.0.0.1:1/"})
    link = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=abc"
    request = subscription(link)
    assert send(live_server, "ses", provider, request) == 200
    assert WebhookState.objects.get().confirm_url == link
    assert send(live_server, "ses", provider, subscription("https://evil.example/?x")) == 200
    assert WebhookState.objects.get().confirm_url == ""
    # without its password the topic of somebody else confirms nothing
    stranger = Post(request.body, {name: value for name, value in request.headers.items() if name != "Authorization"})
    assert send(live_server, "ses", provider, stranger) == 401


class Sns(BaseHTTPRequestHandler):
    """Amazon SNS, as far as it confirms a subscription."""

    asked: list[str] = []

    def do_POST(self) -> None:
        self.asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        body = (
            b'<ConfirmSubscriptionResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><ConfirmSubscriptionResult>'
            b"<SubscriptionArn>arn:aws:sns:eu-central-1:1:b:2</SubscriptionArn></ConfirmSubscriptionResult>"
            b"</ConfirmSubscriptionResponse>"
        )
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def test_a_subscription_of_sns_is_confirmed_by_itself(live_server: LiveServer, sent: Sent) -> None:
    provider = provider_of("ses")
    with ThreadingHTTPServer(("127.0.0.1", 0), Sns) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        Provider.objects.filter(pk=provider.pk).update(options={"region": "eu-central-1", "api_url": url})
        assert send(live_server, "ses", provider, subscription("https://sns.eu-central-1.amazonaws.com/?x")) == 200
        server.shutdown()
    assert "Action=ConfirmSubscription" in Sns.asked[0]
    assert "Token=abc" in Sns.asked[0]
    state = WebhookState.objects.get()
    assert (state.confirm_url, state.last_event_at is not None) == ("", True)


def subscription(link: str) -> Post:
    message = {
        "Type": "SubscriptionConfirmation", "MessageId": "sns-2", "Token": "abc", "SubscribeURL": link,
        "TopicArn": "arn:aws:sns:eu-central-1:123456789012:bounces",
    }  # fmt: skip
    named = {"x-amz-sns-message-type": "SubscriptionConfirmation", "x-amz-sns-message-id": "sns-2"}
    return Post(json.dumps(message).encode(), {"Content-Type": "text/plain", **named, **esps.login()})


def test_while_postgresql_is_away_events_wait_on_the_priority_stream(
    client: Any, make_sent: MakeSent, now: dt.datetime, redis_client: redis.Redis
) -> None:
    sent = make_sent()
    provider = provider_of("postmark")
    path = f"/webhooks/postmark/{provider.pk}/tracking/"
    request = esps.post("postmark", [told(sent, "postmark", "bounce", now)], url="")
    headers = {f"HTTP_{name.upper()}": value for name, value in request.headers.items() if name == "Authorization"}

    def call() -> int:
        return int(client.post(path, request.body, content_type="application/json", **headers).status_code)

    with PostgresAway():
        # a process that has never read the secret cannot know whether the request is proved
        assert call() == 503
    assert client.get(path).status_code == 200
    with PostgresAway():
        door._known.update({key: (0.0, kept) for key, (_, kept) in door._known.items()})
        assert call() == 200
        settings_url, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
        assert call() == 503
        settings.REDIS_URL = settings_url
    assert redis_client.xlen(stream.PRIORITY) == 1
    drain()
    assert sent.row().status == "bounced_hard"
    connection.close()
