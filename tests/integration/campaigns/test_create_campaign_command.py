"""`manage.py create_campaign`: the id alone on stdout, every mistake on stderr with its place."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from campaigns.models import Campaign, FeedEntry, Lead, MailingList, Segment, Topic

pytestmark = pytest.mark.django_db
BODY = 'Hello {{ lead.first_name }}\n<a href="{{ unsubscribe_url }}">Unsubscribe</a>\n'
SEGMENT = '{"field": "language", "op": "is", "value": "de"}'


class Desk:
    """A folder with good files, and the command over it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file("body.html", BODY)
        self.file("segment.json", SEGMENT)

    def file(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def run(self, **changes: Any) -> tuple[str, str]:
        """stdout and stderr. A change of None leaves the option out."""
        options = {
            "name": "Spring", "subject": "Hello", "from": "Anna <anna@example.com>",
            "html": str(self.folder / "body.html"), "segment": str(self.folder / "segment.json"), **changes,
        }  # fmt: skip
        arguments = [f"--{name}={value}" for name, value in options.items() if value is not None]
        out, err = io.StringIO(), io.StringIO()
        call_command("create_campaign", *arguments, stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    def refused(self, **changes: Any) -> str:
        with pytest.raises(CommandError) as caught:
            self.run(**changes)
        assert caught.value.returncode == 1
        assert not Campaign.objects.exists()
        assert not Segment.objects.exists()
        assert not FeedEntry.objects.exists()
        return str(caught.value).replace(f"{self.folder}/", "")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_id_alone_is_printed(desk: Desk) -> None:
    Lead.objects.create(email="a@example.com", language="de")
    out, err = desk.run(preheader="Inside", priority="9", **{"reply-to": "help@example.com"})
    campaign = Campaign.objects.get()
    assert (out, err) == (f"{campaign.pk}\n", "")
    assert (campaign.body, campaign.body_format, campaign.preheader) == (BODY, "html", "Inside")
    assert (campaign.reply_to, campaign.priority, campaign.state) == ("help@example.com", 9, "draft")


def test_mjml_text_and_list(desk: Desk) -> None:
    news = MailingList.objects.create(name="News")
    mjml = (
        "\ufeff<mjml><mj-body><mj-section><mj-column><mj-text>"
        '<a href="{{ unsubscribe_url }}">Bye</a></mj-text></mj-column></mj-section></mj-body></mjml>'
    )
    text = desk.file("body.txt", "Bye: {{ unsubscribe_url }}")
    _, err = desk.run(html=None, mjml=desk.file("body.mjml", mjml), text=text, segment=None, list="News")
    campaign = Campaign.objects.get()
    assert (campaign.body_format, campaign.mailing_list, campaign.segment) == ("mjml", news, None)
    assert campaign.text == "Bye: {{ unsubscribe_url }}"
    assert err == "Warning: --list: nobody is in it now; the campaign would be over at once\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Hello", "body.html, line 1, column 1: missing unsubscribe link: add {{ unsubscribe_url }}"),
        (BODY + "{{ lead.frist_name }}",
         "body.html, line 3, column 4: unknown merge tag lead.frist_name: did you mean lead.first_name?"),
        (BODY + "\n{% if %}", "body.html, line 4, column "),
        (b"Hello\n\xff\xfe", "body.html, line 2: not UTF-8 text; save the file as UTF-8"),
        (BODY.encode() + b"\n\x00", "body.html, line 4, column 1: there is a NUL or a broken character here"),
        (b"x" * 5_000_001, "body.html: larger than 5 MB"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_body_is_named_with_line_and_column(desk: Desk, content: str | bytes, message: str) -> None:
    desk.file("body.html", content)
    assert message in desk.refused()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"all": [\n  {"field": "language" "op": 1}]}',
         "segment.json, line 2, column 24: not JSON: Expecting ',' delimiter"),
        ('{"all": [{"field": "langauge", "op": "is", "value": "x"}]}',
         "segment.json: all[0]: unknown field 'langauge'; did you mean language?"),
        ('{"all": [], "all": [{"field": "language"}]}', "segment.json: the key 'all' stands twice in one object"),
        ("[" * 100_000, "segment.json: nested too deeply"),
        ("[]", "segment.json: a node must be an object"),
        ("", "segment.json, line 1, column 1: not JSON"),
        ("9" * 5000, "segment.json: "),
    ],
)  # fmt: skip
def test_a_mistake_in_the_segment_is_named_with_its_place(desk: Desk, content: str, message: str) -> None:
    desk.file("segment.json", content)
    assert message in desk.refused()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"segment": None, "list": "Nevs"}, "--list: there is no list 'Nevs'; did you mean News?"),
        ({"html": "/nowhere/x.html"}, "/nowhere/x.html: cannot be read: No such file or directory"),
        ({"html": "/"}, "/: cannot be read: Is a directory"),
        ({"segment": "/nowhere/x.json"}, "/nowhere/x.json: cannot be read: No such file or directory"),
        ({"feed": "/nowhere/x.csv"}, "/nowhere/x.csv: cannot be read: No such file or directory"),
        ({"from": "Anna"}, "--from: 'Anna' is not an e-mail address"),
        ({"subject": "{{ lead.x }}"}, "--subject, line 1, column 4: unknown merge tag lead.x"),
        ({"subject": "a\nBcc: b"}, "--subject, line 1, column 1: the subject must be one line"),
        ({"reply-to": "x"}, "--reply-to: the reply-to address 'x' cannot be used"),
        ({"priority": "10"}, "the campaign: the priority is 10"),
        ({"name": ""}, "the campaign: the campaign has no name"),
        ({"name": "\udcff"}, "the campaign: the name must be one line"),
    ],
)
def test_a_wrong_option_is_named(desk: Desk, changes: dict[str, Any], message: str) -> None:
    MailingList.objects.create(name="News")
    assert message in desk.refused(**changes)


def test_all_mistakes_are_said_at_once(desk: Desk) -> None:
    desk.file("body.html", "{{ lead.frist_name }}")
    desk.file("segment.json", '{"field": "x", "op": "is"}')
    lines = desk.refused(**{"from": "x", "subject": ""}).splitlines()
    assert [line.split(":")[0].split(",")[0] for line in lines] == [
        "--from", "body.html", "body.html", "--subject", "segment.json",
    ]  # fmt: skip


def test_a_feed_is_loaded_and_strangers_in_it_are_said(desk: Desk) -> None:
    lead = Lead.objects.create(email="a@example.com", language="de")
    feed = desk.file("feed.csv", "\ufeffemail,points\na@example.com,5\nb@example.com,6\na@example.com,7\n")
    out, err = desk.run(feed=feed)
    assert FeedEntry.objects.get(lead=lead).data == {"points": "7"}
    assert out == f"{Campaign.objects.get().pk}\n"
    assert err.replace(f"{desk.folder}/", "").splitlines() == [
        "Warning: feed.csv: 1 lines are for leads that do not exist",
        "Warning: feed.csv, line 3: there is no lead b@example.com",
        "Warning: feed.csv: 1 lines were replaced by a later line for the same lead",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"email": "a@example.com"}\nbroken\n', "feed.csv, line 2: not JSON: Expecting value at column 1"),
        ("x\n" * 30 + "{", "feed.csv: the first line names the columns x; one of them must be email or lead_id"),
        ("", "feed.csv: the feed is empty"),
        (b"email\n\xff\n", "feed.csv: the feed is not UTF-8 text"),
        ("email\n" + "x\n" * 30, "feed.csv: 10 more lines cannot be read"),
    ],
)
def test_a_feed_that_cannot_be_read_refuses_the_campaign(desk: Desk, content: str | bytes, message: str) -> None:
    Lead.objects.create(email="a@example.com")
    assert message in desk.refused(feed=desk.file("feed.csv", content))


@pytest.mark.parametrize("changes", [{"html": None}, {"segment": None}, {"list": "News"}, {"name": None}])
def test_missing_and_doubled_options_are_refused(desk: Desk, changes: dict[str, Any]) -> None:
    with pytest.raises(CommandError, match=r"required|not allowed"):
        desk.run(**changes)
    assert not Campaign.objects.exists()


def test_a_topic_is_named_and_one_that_is_not_there_refused(desk: Desk) -> None:
    assert desk.refused(topic="Offers") == "--topic: there is no topic 'Offers'; topics: none yet"
    Topic.objects.create(name="Events")
    assert "topics: Events" in desk.refused(topic="Offers")
    out, _ = desk.run(topic="Events")
    assert Campaign.objects.get(pk=int(out)).topic == Topic.objects.get()
