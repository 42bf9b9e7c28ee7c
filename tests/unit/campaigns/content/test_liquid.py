"""Templates become static text and nodes with exactly the result of python-liquid, and can do no harm."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from liquid.exceptions import LiquidError

from campaigns.content.environment import HTML, TEXT
from campaigns.content.liquid import LiquidInvalid, Node, RenderFailed, parse

CONTEXT = {
    "lead": {
        "first_name": "Anna <b>",
        "email": "anna@example.com",
        "attributes": {"city": "Łódź", "score": 7, "vip": True, "sizes": ["s", "m"], "none": None},
        "tags": ["a", "b"],
    },
    "feed": {"items": [{"name": "Tea", "price": 3.5}, {"name": "Pot", "price": 20}]},
    "_click": "https://t.example/c/token",
}


def render(source: str, html: bool = True, context: dict[str, object] | None = None) -> str:
    parts = parse(source, html)
    return "".join(part if isinstance(part, str) else part.render(context or CONTEXT) for part in parts)


def test_static_text_and_nodes_alternate() -> None:
    parts = parse("Hi {% raw %}{{ x }}{% endraw %}{% comment %}no{% endcomment %}! {{ lead.email }}.", html=True)
    assert parts[0] == "Hi {{ x }}! "
    assert isinstance(parts[1], Node)
    assert parts[2:] == (".",)


def test_a_template_without_merge_tags_is_one_text() -> None:
    assert parse("<p>Hello & goodbye</p>", html=True) == ("<p>Hello & goodbye</p>",)
    assert parse("", html=True) == ()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ lead.first_name }}", "Anna &lt;b&gt;"),
        ("{{ _click }}/3", "https://t.example/c/token/3"),
        ("{{ lead.attributes.city }}", "Łódź"),
        ('{{ lead.attributes["city"] }}', "Łódź"),
        ("{{ lead.attributes.score }}", "7"),
        ("{{ lead.attributes.vip }}", "true"),
        ("{{ lead.attributes.none }}", ""),
        ("{{ lead.attributes.nothing.below }}", ""),
        ("{{ lead.nickname | default: 'friend <3' }}", "friend <3"),
        ("{{ lead.first_name | default: 'friend' | upcase }}", "ANNA &lt;B&gt;"),
        ("{{ lead.email | title }}", "Anna@example.com"),
        ("{{ 'anna-lena o_neill' | title }}", "Anna-Lena O_neill"),
        ("{{ lead.tags.size }}", "2"),
        ("{{ lead.tags[1] }}", "b"),
        ("{{ lead.email[0] }}", ""),
        ("{{ lead.tags }}", "ab"),
        ("{% if lead.attributes.score > 5 %}high{% else %}low{% endif %}", "high"),
        ("{% unless lead.attributes.vip %}x{% elsif lead.email contains '@' %}y{% endunless %}", "y"),
        ("{% case lead.attributes.city %}{% when 'Łódź' %}PL{% else %}?{% endcase %}", "PL"),
        ("{% for i in feed.items %}{{ i.name }}: {{ i.price }};{% endfor %}", "Tea: 3.5;Pot: 20;"),
        ("{% for t in lead.tags %}{% if t == 'b' %}{% break %}{% endif %}{{ t }}{% endfor %}", "a"),
        ("{% if lead.email %}   {% endif %}", ""),
        ("a {{- lead.tags[0] -}} b", "aab"),
    ],
)
def test_merge_tags_render(source: str, expected: str) -> None:
    assert render(source) == expected


def test_text_is_not_escaped() -> None:
    assert render("{{ lead.first_name }}", html=False) == "Anna <b>"


def test_rendered_text_is_a_plain_string() -> None:
    (node,) = parse("{{ lead.first_name }}", html=True)
    assert isinstance(node, Node)
    assert type(node.render(CONTEXT)) is str
    (node,) = parse('{{ lead.nickname | default: "x" }}', html=True)
    assert isinstance(node, Node)
    assert type(node.render(CONTEXT)) is str


def test_the_same_output_is_the_same_node_but_conditions_are_not() -> None:
    parts = parse("{{ _click }}/1 {{ _click }}/2", html=True)
    assert parts[0] is parts[2]
    parts = parse("{% if lead.email %}a{% endif %}{% if lead.nope %}b{% endif %}", html=True)
    assert [part.render(CONTEXT) for part in parts if isinstance(part, Node)] == ["a", ""]


def test_a_node_that_fails_names_its_place() -> None:
    parts = parse("line one\n  {{ lead.attributes.score | divided_by: 0 }}", html=True)
    with pytest.raises(RenderFailed) as failure:
        parts[1].render(CONTEXT)  # type: ignore[union-attr]
    assert (failure.value.line, failure.value.column) == (2, 30)
    assert "divided_by" in str(failure.value)


def test_a_failure_inside_a_block_names_the_place_inside() -> None:
    (node,) = parse("{% if lead.email %}\n{{ lead.attributes.score | modulo: 0 }}{% endif %}", html=True)
    with pytest.raises(RenderFailed) as failure:
        node.render(CONTEXT)  # type: ignore[union-attr]
    assert failure.value.line == 2


# --- mistakes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "line", "column", "words"),
    [
        ("a\n {{ lead.email", 2, 2, "never closed"),
        ("{% if lead.email", 1, 1, "never closed"),
        ("x {% if lead.email %} y", 1, 3, "add {% endif %}"),
        ("{% for a in b %}{% if c %}{% endfor %}", 1, 27, "{% if %} is still open"),
        ("{% endif %}", 1, 1, "nothing is open"),
        ("\n\n{% assign a = 1 %}", 3, 1, "unknown tag {% assign %}"),
        ("{% iff x %}", 1, 1, "did you mean {% if %}"),
        ("{% include 'x' %}", 1, 1, "unknown tag {% include %}"),
        ("{% render 'x' %}", 1, 1, "unknown tag {% render %}"),
        ("{% capture x %}{% endcapture %}", 1, 1, "unknown tag {% capture %}"),
        ("{% liquid\nassign a = 1 %}", 1, 1, "unknown tag {% liquid %}"),
        ("{% # note %}", 1, 1, "unknown tag {% # %}"),
        ("{% else %}", 1, 1, "stands outside"),
        ("{% case x %}{% elsif y %}{% endcase %}", 1, 13, "stands outside"),
        ("{% if x %}{% break %}{% endif %}", 1, 11, "stands outside {% for %}"),
        ("{{ a }}\n{{ }}", 2, 1, "expected"),
        ("{{ a | }}", 1, 1, "expected"),
        ("{{ a b }}", 1, 6, "expected"),
        ("ab {% if %}x{% endif %}", 1, 7, "missing expression"),
        ("{{ a }} {% for x %}{% endfor %}", 1, 9, "expected in"),
        ("{% if x = 1 %}{% endif %}", 1, 9, "expected"),
        ("{% comment %} x", 1, 1, "add {% endcomment %}"),
        ("{% raw %} x", 1, 1, "add {% endraw %}"),
        ("{% doc %}x{% enddoc %}", 1, 1, "unknown tag"),
    ],
)
def test_a_mistake_is_named_with_its_place(source: str, line: int, column: int, words: str) -> None:
    with pytest.raises(LiquidInvalid) as invalid:
        parse(source, html=True)
    assert (invalid.value.line, invalid.value.column) == (line, column), str(invalid.value)
    assert words in invalid.value.message


# --- hostile templates ------------------------------------------------------------------------------------------


class Lead(dict):  # type: ignore[type-arg]
    deleted = False

    def delete(self) -> str:
        Lead.deleted = True
        return "deleted"


@pytest.mark.parametrize(
    "source",
    [
        "{{ lead.delete }}",
        "{{ lead.__class__ }}",
        "{{ lead['__class__'] }}",
        "{{ lead.email.upper }}",
        "{{ lead.email.__class__.__mro__ }}",
        "{{ lead.keys }}",
        "{{ lead | map: '__class__' }}",
        "{{ lead.tags | map: 'append' }}",
        "{% for x in lead.__dict__ %}{{ x }}{% endfor %}",
        "{% if lead.delete %}gone{% endif %}",
        "{{ forloop.__class__ }}",
    ],
)
def test_a_template_reaches_no_python_attribute(source: str) -> None:
    context: dict[str, object] = {"lead": Lead(email="a@example.com", tags=["x"])}
    assert render(source, context=context) == ""
    assert not Lead.deleted


@pytest.mark.parametrize(
    "source",
    [
        "{{ (1..1000000000) | join: ',' }}",
        "{{ (1..1000000000) | reverse | first }}",
        "{% for i in (1..1000000000) reversed %}x{% endfor %}",
        "{% if (1..100000000000) contains 'x' %}{% endif %}",
        "{% case 1 %}{% when (1..1000000000) %}x{% endcase %}",
        "{% for a in (1..1000) %}{% for b in (1..1000) %}{% endfor %}{% endfor %}",
        "{% for a in (1..1000) %}{{ '" + "x" * 5000 + "' }}{% endfor %}",
        "{{ 'aaaaaaaaaa'" + " | replace: 'a', 'aaaaaaaaaa'" * 12 + " }}",
        "{{ 'aaaaaaaaaa'" + " | split: '' | join: 'aaaaaaaaaa'" * 12 + " }}",
        "{{ 'aaaaaaaaaa'" + " | base64_encode" * 60 + " }}",
        "{{ lead.email | safe }}",
    ],
)
def test_a_template_that_would_take_memory_or_time_fails_fast(source: str) -> None:
    start = time.monotonic()
    with pytest.raises((RenderFailed, LiquidInvalid)):
        render(source)
    assert time.monotonic() - start < 2


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(LiquidInvalid, match="nesting"):
        parse("{% if a %}" * 60 + "{% endif %}" * 60, html=True)


def test_nothing_leaks_from_one_recipient_to_the_next() -> None:
    (node,) = parse("{% for t in lead.tags %}{{ t }}{{ forloop.index }}{% endfor %}", html=True)
    assert isinstance(node, Node)
    assert [node.render({"lead": {"tags": tags}}) for tags in (["a", "b"], [], ["c"])] == ["a1b2", "", "c1"]


# --- the same as python-liquid ----------------------------------------------------------------------------------

keys = st.sampled_from(["a", "b", "c", "size", "first", "0"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["", " ", "<b>&\"'", "Anna", "3", "now"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)
contexts = st.dictionaries(keys, values, max_size=4)

paths = st.lists(st.sampled_from(["a", "b", "c", "size", "first"]), min_size=1, max_size=3).map(
    ".".join
) | st.sampled_from(["a[0]", "a['b']", "a[b]", "b[-1]", "a.b[1].c", "now.year"])
strings = st.text(st.characters(exclude_characters="'\"{}%|", exclude_categories=["Cs", "Cc"]), max_size=8)
literals = strings.map(lambda text: f"'{text}'") | st.sampled_from(
    ["1", "-2", "3.5", "true", "false", "nil", "empty", "blank"]
)
filters = st.one_of(
    literals.map(lambda value: f"default: {value}"),
    st.just("default: 'x', allow_false: true"),
    st.sampled_from(
        [
            "capitalize",
            "upcase",
            "downcase",
            "escape",
            "escape_once",
            "strip",
            "title",
            "size",
            "url_encode",
            "strip_html",
            "newline_to_br",
            "first",
            "last",
            "join",
            "sort",
            "uniq",
            "abs",
            "round",
            "floor",
        ]
    ),
    st.integers(-3, 12).map(lambda count: f"truncate: {count}"),
    strings.map(lambda text: f"truncate: 5, '{text}'"),
    literals.map(lambda value: f"append: {value}"),
    paths.map(lambda path: f"prepend: {path}"),
    st.just("date: '%Y'"),
)
outputs = st.builds(
    lambda left, chain: "{{ " + " | ".join([left, *chain]) + " }}", paths | literals, st.lists(filters, max_size=3)
)
operands = paths | literals
comparisons = st.builds(
    lambda left, operator, right: f"{left} {operator} {right}",
    operands,
    st.sampled_from(["==", "!=", "<>", "<", ">", "<=", ">=", "contains"]),
    operands,
)
tests = st.builds(
    lambda first, joiner, second: f"{first} {joiner} {second}" if joiner else first,
    operands | comparisons,
    st.sampled_from(["", "and", "or"]),
    operands | comparisons,
)
texts = st.sampled_from(["text", " ", "<p>&amp;</p>\n", ""])


def blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    bodies = st.lists(inner, max_size=3).map("".join)
    return st.one_of(
        st.builds(
            "{{% if {} %}}{}{{% elsif {} %}}{}{{% else %}}{}{{% endif %}}".format, tests, bodies, tests, bodies, bodies
        ),
        st.builds("{{% if {} %}}{}{{% endif %}}".format, tests, bodies),
        st.builds("{{% unless {} %}}{}{{% else %}}{}{{% endunless %}}".format, tests, bodies, bodies),
        st.builds("{{% case {} %}}{{% when {} %}}{}{{% endcase %}}".format, operands, literals, bodies),
        st.builds("{{% for b in {} %}}{}{{% endfor %}}".format, paths, bodies),
    )


templates = st.lists(st.recursive(outputs | texts, blocks, max_leaves=6), max_size=4).map("".join)


@settings(max_examples=150, deadline=None)
@given(templates, contexts, st.booleans())
def test_nodes_render_exactly_as_python_liquid_does(source: str, context: dict[str, object], html: bool) -> None:
    assert json.loads(json.dumps(context)) == context
    expected: str | None
    try:
        expected = (HTML if html else TEXT).from_string(source).render(**context)
    except (LiquidError, ValueError, OverflowError, ArithmeticError, TypeError):
        expected = None
    try:
        found: str | None = render(source, html, context) if context else render(source, html, {"zzz": 1})
    except (RenderFailed, LiquidInvalid):
        found = None
    assert found == expected
