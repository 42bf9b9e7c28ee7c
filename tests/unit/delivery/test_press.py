"""The short way from a lead to its message has the result of the careful one, or none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.content.compile import compile_content
from campaigns.content.source import ContentSource
from delivery.content import Prepared
from delivery.engine.dkim import DkimSigner
from delivery.engine.dkim_keys import load_key, new_ed25519_key
from delivery.engine.message import Mailbox, MessageTemplate
from delivery.engine.outcome import Outcome
from delivery.engine.smtp import SmtpMessage
from delivery.engine.smtp.envelope import Capabilities, build_envelope
from delivery.lead_letter import Assignment, LeadLetter, Moment, press
from delivery.smtp_channel import compose, with_signatures

SUBJECT = "News for {{ lead.first_name }}"
HTML = (
    "<p>Dear {{ lead.first_name }} {{ lead.last_name }} of {{ lead.attributes.city }}, {{ lead.email }}</p>"
    '<p><a href="https://shop.example/a">A</a> <a href="https://shop.example/b">B</a></p>'
    '<a href="{{ unsubscribe_url }}">Unsubscribe</a> <a href="{{ view_url }}">View</a>'
)
OFFERS = Capabilities(pipelining=True, size_offered=True, size=1_000_000)
names = st.sampled_from(["Ann", "Ann Lee", "O'Neil", "", " ", ".", "x=y", "é", "a\nb", "\n", "A" * 70, "A" * 80, "<b>"])
words = names | st.text("Ab .=&<>'\"\r\n\té", max_size=6)
emails = st.sampled_from(
    [
        "ann@example.com",
        "é@example.com",
        "a b@example.com",
        "a<b@x.example",
        "x" * 60 + "@example.com",
        "ann@exämple.com",
    ]
)
attributes = st.fixed_dictionaries({}, optional={"city": words | st.integers() | st.none(), "plan": words})
rows = st.tuples(
    st.integers(1, 2**40), emails, words, words, st.just("en"), st.just(""), attributes, st.just([]),
    st.just("subscribed"), st.none(), st.none(), st.none(), st.none(), st.none(),
)  # fmt: skip
PLAIN: tuple[Any, ...] = (
    7, "ann@example.com", "Ann", "Lee", "en", "", {"city": "Paris"}, [], "subscribed", None, None, None, None, None,
)  # fmt: skip

ODD = (8, *PLAIN[1:2], "Zoë", *PLAIN[3:])
NAMELESS = (9, *PLAIN[1:2], "", "", *PLAIN[4:])
# two names that look like a line of their own in the middle of a window
FORGED = (10, *PLAIN[1:2], "Ann <ann@example.com>\r\nTo: Bob", *PLAIN[3:])


def assignment(
    html: str = HTML, subject: str = SUBJECT, *, signs: bool = False, bounces: str = "b.example"
) -> Assignment:
    content = compile_content(ContentSource(subject, "", html, "html"))
    from campaigns.content.liquid import parse

    signer = DkimSigner("acme.example", [load_key("s", new_ed25519_key())]) if signs else None
    template = MessageTemplate(
        parse(content.subject, html=False), parse(content.html, html=True), parse(content.text, html=False),
        Mailbox("news@acme.example", "Acme"), [("Feedback-ID", "c1:list-1:bulk:massmailer")], signer=signer,
    )  # fmt: skip
    prepared = Prepared(3, {"id": 3, "name": "News"}, template, "news@acme.example", "acme.example", bounces)
    return Assignment(3, None, 1, prepared, group="other")


def both(work: Assignment, row: tuple[Any, ...]) -> tuple[SmtpMessage | None, object]:
    """By the short way, and by the careful one."""
    letter = LeadLetter(work, row, Moment(), 5.0)
    (pressed,), careful = press([letter]), compose(letter.written())
    quick = with_signatures([pressed])[0] if pressed else None
    return quick, careful if isinstance(careful, Outcome) else with_signatures([careful])[0]


WORKS = {
    "usual": assignment(),
    "signed": assignment(signs=True),
    "large": assignment(HTML + "<p>some words</p>" * 1000),
    "fixed subject": assignment(subject="News"),
    "no names": assignment('<p>Hello</p><a href="{{ unsubscribe_url }}">Unsubscribe</a>', subject="News"),
    "subject ends with a value": assignment(subject="{{ lead.first_name }} {{ lead.last_name }}"),
    "own return path": assignment(bounces=""),
}


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS.keys())
@settings(deadline=None, max_examples=60)
@given(row=rows)
@example(row=PLAIN)
def test_the_short_way_gives_what_the_careful_one_gives(work: Assignment, row: tuple[Any, ...]) -> None:
    pressed, careful = both(work, row)
    if pressed is None:
        return
    assert isinstance(careful, SmtpMessage)
    content = b"".join((pressed.data, *pressed.more))
    assert content == b"".join((careful.data, *careful.more))
    # what `checked_size` promises: by BDAT it goes as it stands
    assert pressed.checked_size == len(content)
    assert content.endswith(b"\r\n")
    assert b"\n." not in content
    assert content.isascii()
    assert not content.startswith(b".")
    assert pressed._replace(data=b"", more=()) == careful._replace(data=b"", more=())
    assert build_envelope(pressed, OFFERS) == build_envelope(careful, OFFERS)


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS.keys())
@settings(deadline=None, max_examples=60)
@given(window=st.lists(rows, max_size=6))
@example(window=[PLAIN, ODD, PLAIN])
@example(window=[PLAIN, FORGED, PLAIN])
@example(window=[PLAIN, NAMELESS])
def test_a_window_is_written_as_each_of_its_leads_alone(work: Assignment, window: list[tuple[Any, ...]]) -> None:
    moment = Moment()
    letters = [LeadLetter(work, row, moment, 5.0) for row in window]
    assert press(letters) == [one for letter in letters for one in press([letter])]


def test_letters_of_different_windows_keep_their_own_moment_and_deadline() -> None:
    work, moment = WORKS["usual"], Moment()
    letters = [LeadLetter(work, PLAIN, moment, deadline) for deadline in (5.0, 6.0)]
    assert [one[0].deadline for one in press(letters) if one] == [5.0, 6.0]
    assert press([]) == []


def test_a_lead_without_a_name_takes_the_short_way() -> None:
    pressed, careful = both(WORKS["fixed subject"], NAMELESS)
    assert isinstance(careful, SmtpMessage)
    assert pressed is not None
    assert b"\r\nTo: ann@example.com\r\n" in pressed.data
    assert pressed.data == careful.data


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS.keys())
def test_plain_leads_take_the_short_way(work: Assignment) -> None:
    assert both(work, PLAIN)[0] is not None


@pytest.mark.parametrize(
    "html", ["{{ lead.first_name | upcase }}", "{% if lead.tags %}x{% endif %}", "{{ feed.a }}", "{{ lead.id }}"]
)
def test_templates_that_do_more_than_write_values_take_the_careful_one(html: str) -> None:
    assert both(assignment(HTML + html), PLAIN)[0] is None
