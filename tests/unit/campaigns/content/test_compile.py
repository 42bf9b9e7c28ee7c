"""MJML and HTML become frozen content: tracked links, pixel, preheader, plain text, merge tags untouched."""

from __future__ import annotations

import re
import socket

import pytest

from campaigns.content import CompiledContent, ContentSource, Link, compile_content, parse

UNSUBSCRIBE = '<a href="{{ unsubscribe_url }}">Unsubscribe</a>'
CONTEXT: dict[str, object] = {
    "lead": {"id": 7, "first_name": "Ann", "email": "ann@example.com", "attributes": {}, "tags": []},
    "feed": {"items": [{"name": "Tea", "price": 3}, {"name": "Pot", "price": 20}]},
    "unsubscribe_url": "https://t.example/u/tok",
    "view_url": "https://t.example/v/tok",
    "_click": "https://t.example/c/tok",
    "_open": "https://t.example/o/tok.gif",
}


def html(body: str, *, preheader: str = "", text: str = "") -> ContentSource:
    return ContentSource("Hello", preheader, f"{body}{UNSUBSCRIBE}", "html", text)


def mjml(column: str, *, head: str = "") -> ContentSource:
    body = (
        f"<mjml><mj-head>{head}</mj-head><mj-body><mj-section><mj-column>{column}"
        f"<mj-text>{UNSUBSCRIBE}</mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    return ContentSource("Hello", "", body)


def rendered(template: str, context: dict[str, object] = CONTEXT, *, as_html: bool = True) -> str:
    return "".join(part if isinstance(part, str) else part.render(context) for part in parse(template, as_html))


# --- links ------------------------------------------------------------------------------------------------------


def test_links_are_numbered_and_led_through_the_click_counter() -> None:
    content = compile_content(
        html("<a href=\"https://a.example/?x=1&amp;y=2\">One</a> <a href='https://b.example'>Two</a>")
    )
    assert content.links == (Link(1, "https://a.example/?x=1&y=2", "One"), Link(2, "https://b.example", "Two"))
    assert '<a href="{{ _click }}/1">One</a> <a href="{{ _click }}/2">Two</a>' in content.html
    assert "https://a.example" not in content.html


def test_numbers_begin_where_the_caller_says() -> None:
    content = compile_content(html('<a href="https://a.example">A</a>'), first_link=10)
    assert [link.number for link in content.links] == [10]
    assert "{{ _click }}/10" in content.html


def test_one_target_has_one_number_and_its_first_label() -> None:
    body = '<a href="https://a.example"><img src="x" alt=""></a><a href="https://a.example">Shop</a>'
    content = compile_content(html(body))
    assert content.links == (Link(1, "https://a.example", "Shop"),)
    assert content.html.count("{{ _click }}/1") == 2


def test_buttons_pictures_and_areas_are_links() -> None:
    column = (
        '<mj-button href="https://a.example/buy">Buy <b>now</b></mj-button>'
        '<mj-image src="https://a.example/cat.png" alt="A cat" href="https://a.example/cat" />'
        '<mj-raw><tr><td><map name="m"><area href="https://a.example/area"></map></td></tr></mj-raw>'
    )
    links = compile_content(mjml(column)).links
    assert [(link.url, link.label) for link in links] == [
        ("https://a.example/buy", "Buy now"),
        ("https://a.example/cat", "A cat"),
        ("https://a.example/area", ""),
    ]


@pytest.mark.parametrize(
    "href",
    [
        "mailto:a@example.com",
        "tel:+4912345",
        "#top",
        "sms:123",
        "{{ view_url }}",
        "{{unsubscribe_url}}?x=1",
        "{{- view_url -}}",
    ],
)
def test_some_links_keep_their_address(href: str) -> None:
    content = compile_content(html(f'<a href="{href}">x</a>'))
    assert content.links == ()
    assert f'<a href="{href}">x</a>' in content.html


def test_a_link_with_merge_tags_keeps_its_liquid_source() -> None:
    content = compile_content(
        html("<a href=\"https://a.example/{{ lead.id }}?q={{ lead.attributes['a b'] | url_encode }}&amp;z=1\">x</a>")
    )
    assert content.links[0].url == "https://a.example/{{ lead.id }}?q={{ lead.attributes['a b'] | url_encode }}&z=1"
    assert '<a href="{{ _click }}/1">' in content.html


def test_links_inside_conditions_and_loops_are_tracked() -> None:
    body = (
        '{% if lead.first_name == "Ann" %}<a href="https://a.example/ann">A</a>{% else %}<a href="https://a.example/x">X</a>'
        '{% endif %}{% for i in feed.items %}<a href="https://a.example/{{ lead.id }}">{{ i.name }}</a>{% endfor %}'
    )
    content = compile_content(html(body))
    assert [link.number for link in content.links] == [1, 2, 3]
    assert rendered(content.html).count('href="https://t.example/c/tok/3"') == 2
    assert 'href="https://t.example/c/tok/1"' in rendered(content.html)
    assert 'href="https://t.example/c/tok/2"' not in rendered(content.html)


def test_links_in_comments_are_left_alone_but_outlooks_are_tracked() -> None:
    body = (
        '<!-- <a href="https://old.example">x</a> -->{% comment %}<a href="https://none.example">{% endcomment %}'
        '<!--[if mso]><v:roundrect href="https://a.example"><center>A</center></v:roundrect><![endif]-->'
        '<!--[if !mso]><!--><a href="https://a.example">A</a><!--<![endif]-->'
    )
    content = compile_content(html(body))
    assert content.links == (Link(1, "https://a.example", "A"),)
    assert "https://old.example" in content.html
    assert '<v:roundrect href="{{ _click }}/1">' in content.html


def test_transactional_links_with_merge_tags_keep_their_address() -> None:
    body = '<a href="{{ data.reset_url }}">Reset</a><a href="https://a.example/help">Help</a>'
    content = compile_content(ContentSource("Hi", "", body, "html"), kind="transactional")
    assert '<a href="{{ data.reset_url }}">' in content.html
    assert [link.url for link in content.links] == ["https://a.example/help"]


def test_without_tracking_nothing_is_rewritten() -> None:
    content = compile_content(html('<a href="https://a.example">A</a>'), track=False)
    assert content.links == ()
    assert "_click" not in content.html + content.text
    assert "_open" not in content.html
    assert "A (https://a.example)" in content.text


# --- pixel and preheader ----------------------------------------------------------------------------------------


def test_the_pixel_is_the_last_thing_in_the_body() -> None:
    document = f"<html><body><p>Hi</p>{UNSUBSCRIBE}</body></html>"
    content = compile_content(ContentSource("Hi", "", document, "html"))
    assert re.search(
        r'<img src="\{\{ _open \}\}" width="1" height="1" alt="" style="[^"]*"></body></html>$', content.html
    )


def test_the_preheader_is_the_first_thing_in_the_body_and_hidden() -> None:
    content = compile_content(html("<p>Hi</p>", preheader='For {{ lead.first_name | default: "you" }} & <all>'))
    after_body = content.html.split("<body>", 1)[1]
    assert after_body.startswith('<div style="display:none;')
    assert 'For {{ lead.first_name | default: "you" }} &amp; &lt;all&gt;' in after_body
    assert "For " not in content.text


def test_a_fragment_becomes_a_whole_document() -> None:
    document = compile_content(html("<p>Hi</p>")).html
    assert document.startswith("<!doctype html>")
    assert '<meta charset="utf-8">' in document


# --- MJML -------------------------------------------------------------------------------------------------------


def test_merge_tags_survive_mjml_everywhere() -> None:
    column = (
        '{% if lead.first_name == "Ann" %}'
        '<mj-text color="{{ feed.colour | default: "red" }}">a < b &amp; {{ lead.email }}</mj-text>'
        "{% else %}<mj-text>no</mj-text>{% endif %}"
        '<mj-button href="https://a.example/?n={{ lead.attributes["x"] }}">Go</mj-button>'
        "<mj-table>{% for i in feed.items %}<tr><td>{{ i.name }}</td></tr>{% endfor %}</mj-table>"
        "<mj-raw><tr class=bare><td>{% raw %}{{ x }}{% endraw %}</td></tr></mj-raw>"
    )
    content = compile_content(mjml(column, head="<mj-title>{{ lead.first_name }}</mj-title>"))
    page = rendered(content.html)
    assert "a < b &amp; ann@example.com" in page
    assert ">no<" not in page
    assert "color:red" in page
    assert "<tr><td>Tea</td></tr><tr><td>Pot</td></tr>" in page
    assert "{{ x }}" in page
    assert content.links[0].url == 'https://a.example/?n={{ lead.attributes["x"] }}'


def test_outlooks_conditional_comments_survive() -> None:
    page = compile_content(mjml("<mj-text>x</mj-text>")).html
    assert page.count("<!--[if mso") > 3
    assert page.count("<!--[if") == page.count("<![endif]-->")


def test_mjml_loads_no_font_and_no_picture_that_the_user_did_not_name() -> None:
    page = compile_content(mjml('<mj-text font-family="Roboto">x</mj-text>')).html
    assert not re.search(r"""(?:src|href|url\(|@import)\s*=?\s*["'(]?https?:""", page)


def test_mjml_asks_for_inlining_with_inline_styles() -> None:
    head = '<mj-style inline="inline">.red { color: red }</mj-style>'
    head += "<mj-style>@media print {.red {color: black}}</mj-style>"
    page = compile_content(mjml('<mj-text><p class="red">{% if lead.id %}x{% endif %}</p></mj-text>', head=head)).html
    assert '<p class="red" style="color: red;">{% if lead.id %}x{% endif %}</p>' in page
    assert "@media print" in page


def test_social_icons_come_from_the_given_origin() -> None:
    column = '<mj-social><mj-social-element name="github" href="https://a.example">Us</mj-social-element></mj-social>'
    page = compile_content(mjml(column), icon_origin="https://mail.example/icons/").html
    assert "https://mail.example/icons/github.png" in page


# --- text part --------------------------------------------------------------------------------------------------


def test_the_text_part_has_the_words_and_tracked_links() -> None:
    content = compile_content(
        html('<h1>Hi {{ lead.first_name }}</h1><p>See <a href="https://a.example">the shop</a>.</p>')
    )
    assert content.text == (
        "Hi {{ lead.first_name }}\n\nSee the shop ({{ _click }}/1).\n\nUnsubscribe ({{ unsubscribe_url }})\n"
    )


def test_a_users_own_text_is_kept_and_its_addresses_are_tracked() -> None:
    text = "Hi {{ lead.email }}!\nSee https://a.example/x?y={{ lead.id }}, (https://b.example).\n{{ unsubscribe_url }}"
    content = compile_content(html('<a href="https://b.example">b</a>', text=text))
    assert content.text == ("Hi {{ lead.email }}!\nSee {{ _click }}/2, ({{ _click }}/1).\n{{ unsubscribe_url }}")
    assert content.links[1].url == "https://a.example/x?y={{ lead.id }}"


# --- storage ----------------------------------------------------------------------------------------------------


def test_frozen_content_comes_back_as_it_was() -> None:
    content = compile_content(
        ContentSource(
            "Grüße {{ lead.first_name }}",
            "",
            f'{{{{ lead.attributes.x }}}}<a href="https://a.example">é</a>{UNSUBSCRIBE}',
            "html",
        ),
        attributes=(),
    )
    assert content.warnings
    assert CompiledContent.from_bytes(content.to_bytes()) == content


@pytest.mark.parametrize("data", [b"", b"nonsense", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a stored content"):
        CompiledContent.from_bytes(data)


# --- style sheets -----------------------------------------------------------------------------------------------


def test_style_sheets_are_applied_without_moving_loops() -> None:
    body = (
        "<style>td { padding: 4px } .odd { color: red } @media print { td { padding: 0 } }</style>"
        '<table>{% for i in feed.items %}<tr class="odd"><td>{{ i.name | default: "it\'s" }}</td></tr>'
        "{% endfor %}</table>"
    )
    content = compile_content(html(body))
    assert (
        '<table>{% for i in feed.items %}<tr class="odd" style="color: red;">'
        '<td style="padding: 4px;">{{ i.name | default: "it\'s" }}</td></tr>{% endfor %}</table>'
    ) in content.html
    assert "@media print" in content.html
    assert content.warnings == ()


def test_own_styles_win_and_merge_tags_in_styles_stay() -> None:
    body = '<style>p { color: red; margin: 0 }</style><p style="color: {{ feed.colour }}">x</p>'
    assert re.search(r'<p style="[^"]*color: \{\{ feed\.colour \}\}', compile_content(html(body)).html)


def test_an_element_with_conditions_among_its_attributes_is_left_alone_with_a_warning() -> None:
    body = '<style>.vip { color: red }</style><p {% if lead.id %}class="vip"{% endif %}>x</p>'
    content = compile_content(html(body))
    assert '<p {% if lead.id %}class="vip"{% endif %}>x</p>' in content.html
    assert [warning.code for warning in content.warnings] == ["css-not-inlined"]


def test_a_document_without_style_sheets_stays_byte_for_byte() -> None:
    document = (
        f"<!DOCTYPE html>\n<HTML><Body bgcolor=white><TABLE><tr><td>&nbsp;<br/>{UNSUBSCRIBE}</TABLE></Body></HTML>"
    )
    content = compile_content(ContentSource("Hi", "", document, "html"), track=False)
    assert content.html == document


def test_remote_style_sheets_are_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        port = server.getsockname()[1]
        host = f"http://127.0.0.1:{port}"
        sheets = f'<link rel="stylesheet" href="{host}/x.css"><style>@import "{host}/y.css"; p {{ color: red }}</style>'
        compile_content(html(f"{sheets}<p>x</p>"))
        with pytest.raises(TimeoutError):
            server.accept()
