"""The plain-text part reads like a letter."""

from __future__ import annotations

import pytest

from campaigns.content.plain import plain_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two\n  lines</p>", "One\n\nTwo lines\n"),
        ("a<br>b<br/><br>c", "a\nb\n\nc\n"),
        ("<div>a</div><div>b</div>", "a\nb\n"),
        ('<a href="https://a.example">Buy now</a>', "Buy now (https://a.example)\n"),
        ('<a href="https://a.example">https://a.example</a>', "https://a.example\n"),
        ('<a href="https://a.example"><img src="x.png"></a>', "https://a.example\n"),
        ('<a href="https://a.example"><img src="x.png" alt="Shop"></a>', "Shop (https://a.example)\n"),
        ('<a href="mailto:a@example.com">a@example.com</a>', "a@example.com\n"),
        ('<a href="#top">Up</a>', "Up\n"),
        ("<ul><li>a<li>b</ul><ol><li>c</li><li>d</li></ol>", "- a\n- b\n\n1. c\n2. d\n"),
        (
            "<table><tr><th>Model</th><th>Price</th></tr><tr><td>Two</td><td>€ 9</td></tr></table>",
            "Model  Price\nTwo  € 9\n",
        ),
        ("<table><tr><td><div>a</div></td></tr><tr><td><div>b</div></td></tr></table>", "a\n\nb\n"),
        ("&amp; &lt;b&gt; caf&eacute;&nbsp;x", "& <b> café x\n"),
        ("<hr>", "-" * 40 + "\n"),
        ("<head><title>T</title><style>p{}</style></head><script>x<1</script><p>Hi</p>", "Hi\n"),
        ('<div style="display:none">pre <div>in</div> header</div><p>Hi</p>', "Hi\n"),
        ('<p hidden>no</p><p style="mso-hide: all">no</p><p>Hi</p>', "Hi\n"),
        (
            "<!-- no --><!--[if mso]>no<![endif]--><!--[if !mso]><!-->yes<!--<![endif]--><![if !mso]>also<![endif]>",
            "yesalso\n",
        ),
        ("", "\n"),
    ],
)
def test_html_becomes_text(html: str, text: str) -> None:
    assert plain_text(html) == text


def test_merge_tags_stay_where_they_are() -> None:
    html = """<p>Hi {{ lead.first_name | default: "you & <b>" }},</p>
    <table>{% for i in feed.items %}<tr><td>{{ i.name }}</td><td>{{ i.price }}</td></tr>{% endfor %}</table>
    <p>{% if lead.id > 3 %}Yes{% else %}No{% endif %}</p>"""
    assert plain_text(html) == (
        'Hi {{ lead.first_name | default: "you & <b>" }},\n\n'
        "{% for i in feed.items %}{{ i.name }}  {{ i.price }}\n{% endfor %}\n"
        "{% if lead.id > 3 %}Yes{% else %}No{% endif %}\n"
    )
