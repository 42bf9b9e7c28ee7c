"""Whatever is wrong with a content is named with its part, line and column, and with the cure."""

from __future__ import annotations

import pytest

from campaigns.content import ContentInvalid, ContentSource, Problem, check_content, compile_content

UNSUBSCRIBE = '<a href="{{ unsubscribe_url }}">Unsubscribe</a>'


def source(body: str = "", *, subject: str = "Hello", preheader: str = "", text: str = "") -> ContentSource:
    return ContentSource(subject, preheader, f"{body}\n{UNSUBSCRIBE}", "html", text)


def mjml(column: str) -> ContentSource:
    body = (
        f"<mjml>\n<mj-body>\n<mj-section><mj-column>\n{column}\n"
        f"<mj-text>{UNSUBSCRIBE}</mj-text>\n</mj-column></mj-section>\n</mj-body>\n</mjml>"
    )
    return ContentSource("Hello", "", body, "mjml")


def only(problems: tuple[Problem, ...]) -> Problem:
    assert len(problems) == 1, [str(problem) for problem in problems]
    return problems[0]


def test_a_clean_content_has_no_problems() -> None:
    assert (
        check_content(source("<p>Hi {{ lead.first_name }}, {{ feed.a.b }} {{ campaign.name }} {{ view_url }}</p>"))
        == ()
    )


@pytest.mark.parametrize(
    ("body", "line", "column", "code", "words"),
    [
        ("<p>\n  {{ lead.frist_name }}", 2, 6, "unknown-merge-tag", "did you mean lead.first_name?"),
        ("{{ first_name }}", 1, 4, "unknown-merge-tag", "did you mean lead.first_name?"),
        ("{{ frist_name }}", 1, 4, "unknown-merge-tag", "did you mean lead.first_name?"),
        ("{{ unsubscribe }}", 1, 4, "unknown-merge-tag", "did you mean unsubscribe_url?"),
        ("{{ zzz.qqq }}", 1, 4, "unknown-merge-tag", "these exist: lead.id"),
        ("{{ lead }}", 1, 4, "unknown-merge-tag", "lead alone"),
        ("{{ data.order }}", 1, 4, "unknown-merge-tag", "unknown merge tag data.order"),
        ("{% if lead.vip %}x{% endif %}", 1, 7, "unknown-merge-tag", "unknown merge tag lead.vip"),
        ("{% if lead.id %}\n{{ nme }}{% endif %}", 2, 4, "unknown-merge-tag", "unknown merge tag nme"),
        ("{% for i in itmes %}{{ i.x }}{% endfor %}", 1, 13, "unknown-merge-tag", "unknown merge tag itmes"),
        ("{{ lead.email | default: nmae }}", 1, 26, "unknown-merge-tag", "unknown merge tag nmae"),
        ("{{ lead.email | upcas }}", 1, 17, "unknown-filter", "did you mean upcase?"),
        ("{{ lead.email | safe }}", 1, 17, "unknown-filter", "unknown filter safe"),
        ("{{ _click }}", 1, 4, "reserved-name", "_click is reserved"),
        ("{{ _anything.at_all }}", 1, 4, "reserved-name", "reserved"),
        ("{% for i in feed.x offset: continue %}{% endfor %}", 1, 8, "offset-continue", "not supported"),
        ("ab {{ lead.email", 1, 4, "liquid", 'never closed: add "}}"'),
        ('<a href="javascript:alert(1)">x</a>', 1, 10, "dangerous-link", "javascript:"),
        ('<a href=" JAVA\tSCRIPT:alert(1)">x</a>', 1, 10, "dangerous-link", "javascript:"),
        ('<a href="&#106;avascript:alert(1)">x</a>', 1, 10, "dangerous-link", "javascript:"),
        ("<a\n href='data:text/html,x'>x</a>", 2, 8, "dangerous-link", "data:"),
        ('<area href="vbscript:x">', 1, 13, "dangerous-link", "vbscript:"),
        ('<a href="www.example.com">x</a>', 1, 10, "relative-link", "no https:// in front"),
        ('<a href="/shop/{{ lead.id }}">x</a>', 1, 10, "relative-link", "no https:// in front"),
        ("<img alt={{ lead.first_name }}>", 1, 10, "unquoted-merge-tag", "put quotes around {{ lead.first_name }}"),
    ],
)
def test_a_mistake_in_the_body_stops_the_launch(body: str, line: int, column: int, code: str, words: str) -> None:
    problem = only(check_content(source(body)))
    assert (problem.severity, problem.part, problem.line, problem.column) == ("error", "body", line, column)
    assert problem.code == code
    assert words in problem.message
    with pytest.raises(ContentInvalid) as invalid:
        compile_content(source(body))
    assert invalid.value.problems == (problem,)


def test_a_problem_is_a_sentence_with_its_place() -> None:
    problem = only(check_content(source(subject="Hi {{ frist_name }}")))
    assert str(problem) == (
        "Error in the subject, line 1, column 7: unknown merge tag frist_name: did you mean lead.first_name?"
    )


@pytest.mark.parametrize(("field", "part"), [("subject", "subject"), ("preheader", "preheader"), ("text", "text")])
def test_every_part_is_checked(field: str, part: str) -> None:
    problems = check_content(source(**{field: "{{ unsubscribe_url }} {{ lead.nope }}"}))  # type: ignore[arg-type]
    assert [(problem.part, problem.code, problem.column) for problem in problems] == [(part, "unknown-merge-tag", 26)]


@pytest.mark.parametrize("subject", ["Hi\nBcc: a@example.com", "Hi\r\nX: y", "a\x00b", "a\x1bb"])
def test_a_subject_with_line_breaks_or_controls_is_refused(subject: str) -> None:
    assert only(check_content(source(subject=subject))).code == "subject-line-break"


def test_empty_subject_and_body_are_refused() -> None:
    problems = check_content(ContentSource(" ", "", "\n", "html"))
    assert {problem.code for problem in problems} == {"empty-subject", "empty-body"}


def test_a_campaign_without_unsubscribe_link_is_refused() -> None:
    content = ContentSource("Hi", "", "<p>Hi</p>", "html")
    problem = only(check_content(content))
    assert problem.severity == "error"
    assert problem.message.startswith("missing unsubscribe link: add {{ unsubscribe_url }}")
    assert check_content(content, kind="transactional") == ()


@pytest.mark.parametrize(
    "hidden",
    [
        "<!-- {{ unsubscribe_url }} -->",
        "{% comment %}{{ unsubscribe_url }}{% endcomment %}",
        "{% raw %}{{ unsubscribe_url }}{% endraw %}",
    ],
)
def test_an_unsubscribe_link_that_nobody_sees_does_not_count(hidden: str) -> None:
    assert only(check_content(ContentSource("Hi", "", hidden, "html"))).code == "missing-unsubscribe"


def test_an_own_text_part_without_unsubscribe_link_is_a_warning() -> None:
    problem = only(check_content(source(text="Hello")))
    assert (problem.severity, problem.part) == ("warning", "text")


def test_transactional_mail_may_use_data() -> None:
    assert (
        check_content(
            ContentSource("Order {{ data.number }}", "", "{{ data.items[0].name }}", "html"), kind="transactional"
        )
        == ()
    )


def test_an_attribute_that_no_lead_has_is_a_warning() -> None:
    content = source("<p>\n{{ lead.attributes.citi }}{{ lead.attributes.city }}</p>")
    problem = only(check_content(content, attributes={"city"}))
    assert (problem.severity, problem.code, problem.line, problem.column) == ("warning", "unknown-attribute", 2, 4)
    assert "did you mean lead.attributes.city?" in problem.message
    assert check_content(content) == ()
    assert compile_content(content, attributes={"city"}).warnings == (problem,)


def test_large_html_is_a_warning() -> None:
    problem = only(check_content(source("<p>" + "word " * 18_500 + "</p>")))
    assert (problem.severity, problem.code) == ("warning", "too-large")
    assert "Gmail" in problem.message


@pytest.mark.parametrize(
    ("column", "line", "at", "code", "words"),
    [
        ("<mj-text>Hi {{ nme }}</mj-text>", 4, 16, "unknown-merge-tag", "nme"),
        ("<mj-text>{% if lead.id %}</mj-text>", 4, 10, "liquid", "{% if %} is never closed"),
        ("<mj-image src='x.png'>", 4, 1, "mjml-unclosed", "<mj-image> is never closed"),
        ("<mj-text>\nHi", 4, 1, "mjml-unclosed", "<mj-text> is never closed"),
        ("</mj-text>", 4, 1, "mjml-unopened", "</mj-text> closes a tag that is not open"),
        ("<mj-include path='/etc/passwd' />", 4, 1, "mjml-include", "not available"),
        ("<mj-text color=red>x</mj-text>", 4, 10, "mjml-attribute", "color=red is not one"),
        ("<mj-divider /> 1 < 2", 4, 18, "mjml-stray", "&lt;"),
        ("<mj-button href='javascript:x'>x</mj-button>", 4, 18, "dangerous-link", "javascript:"),
        ("<mj-social>\nwords\n</mj-social>", 5, 1, "mjml", "not valid MJML"),
    ],
)
def test_a_mistake_in_mjml_is_named_in_the_mjml_source(column: str, line: int, at: int, code: str, words: str) -> None:
    errors = [problem for problem in check_content(mjml(column)) if problem.is_error]
    assert errors, column
    problem = errors[0]
    assert (problem.code, problem.line, problem.column) == (code, line, at), str(problem)
    assert words in problem.message


def test_a_body_that_is_not_mjml_says_so() -> None:
    problems = check_content(ContentSource("Hi", "", f"<p>{UNSUBSCRIBE}</p>", "mjml"))
    assert only(problems).message == "an MJML document begins with <mjml> and ends with </mjml>"


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("<mj-txt>x</mj-txt>", "did you mean <mj-text>?"),
        ("<mj-html-attributes></mj-html-attributes>", "not supported"),
        ("<p>x</p>", "stands outside <mj-text>"),
    ],
)
def test_mjml_that_would_be_dropped_is_a_warning(column: str, words: str) -> None:
    problem = check_content(mjml(column))[0]
    assert (problem.severity, problem.line, problem.column) == ("warning", 4, 1)
    assert words in problem.message


def test_accordion_icons_from_an_outside_host_are_a_warning() -> None:
    column = (
        "<mj-accordion><mj-accordion-element><mj-accordion-title>A</mj-accordion-title>"
        "<mj-accordion-text>B</mj-accordion-text></mj-accordion-element></mj-accordion>"
    )
    assert [problem.code for problem in check_content(mjml(column))] == ["outside-image"]


def test_errors_come_before_warnings() -> None:
    problems = check_content(source("{{ lead.attributes.x }}{{ nope }}"), attributes=())
    assert [problem.severity for problem in problems] == ["error", "warning"]


def test_a_merge_tag_that_fails_without_data_is_a_warning() -> None:
    problem = only(check_content(source("<p>\n{{ 10 | divided_by: lead.attributes.parts }}</p>")))
    assert (problem.severity, problem.code, problem.line, problem.column) == ("warning", "may-fail", 2, 9)
    assert check_content(source("{{ lead.attributes.price | times: 2 | round }} {{ feed.date | date: '%Y' }}")) == ()


def test_a_merge_tag_that_is_never_closed_is_one_problem_not_many() -> None:
    body = '<a href="{{ lead.id ">x</a><a href="javascript:x">y</a>'
    assert only(check_content(ContentSource("Hi", "", body, "html"))).code == "liquid"


def test_navigation_links_may_be_relative_to_their_base() -> None:
    column = '<mj-navbar base-url="https://a.example"><mj-navbar-link href="/shop">Shop</mj-navbar-link></mj-navbar>'
    assert check_content(mjml(column)) == ()
    assert compile_content(mjml(column)).links[0].url == "https://a.example/shop"


def test_comments_in_mjml_may_hold_merge_tags() -> None:
    column = "<!-- {% if lead.id %} <mj-text>old</mj-text> {{ lead.email }} {% endif %} -->"
    assert check_content(mjml(column)) == ()
