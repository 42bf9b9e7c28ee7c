"""Values of cells: what is taken, how it is written, and what is left out with which words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.leads import values
from campaigns.leads.guard import guard, unguard
from campaigns.leads.values import AttributeValues, LineRefused, ValueRefused


@pytest.mark.parametrize(
    ("text", "code"),
    [("de", "de"), ("DE", "de"), ("de_AT", "de-at"), ("pt-BR", "pt-br"), ("German", "german?"), ("Deutsch", "deutsch?"),
     ("english", "english?"), ("zh-Hans", "zh-hans"), (" fr ", "fr"), ("fil", "fil")],
)  # fmt: skip
def test_languages_are_codes_or_names(text, code) -> None:
    expected = {"german?": "de", "deutsch?": "de", "english?": "en"}.get(code, code)
    assert values.language(text) == expected


@pytest.mark.parametrize("text", ["Klingon", "d", "de at", "en-", "123", "en" + "-abcdefgh" * 2])
def test_what_is_no_language_is_left_out(text) -> None:
    with pytest.raises(ValueRefused, match="not a language"):
        values.language(text)


@pytest.mark.parametrize(
    ("text", "zone"),
    [("Europe/Berlin", "Europe/Berlin"), ("america/new york", "America/New_York"), ("utc", "UTC")],
)
def test_time_zones_are_written_officially(text, zone) -> None:
    assert values.time_zone(text) == zone


@pytest.mark.parametrize("text", ["Berlin", "UTC+2", "../etc/passwd", "Factory"])
def test_what_is_no_time_zone_is_left_out(text) -> None:
    with pytest.raises(ValueRefused, match="write a name such as Europe/Berlin"):
        values.time_zone(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [("Ann Ames", ("Ann", "Ames")), ("Ann B. Ames", ("Ann B.", "Ames")), ("Ames, Ann B.", ("Ann B.", "Ames")),
     ("Ann", ("Ann", "")), ("Ann,", ("Ann,", "")), ("山田太郎", ("山田太郎", "")), ("", ("", ""))],
)  # fmt: skip
def test_a_whole_name_is_split(text, names) -> None:
    assert values.split_name(text) == names


def test_a_name_stays_in_one_line() -> None:
    assert values.name(" Ann\r\nBcc: all@example.com\t") == "Ann Bcc: all@example.com"
    # zero-width joiners belong to names in several scripts
    assert values.name("श्री\u200dमती") == "श्री\u200dमती"
    with pytest.raises(ValueRefused, match="longer than 100"):
        values.name("x" * 101)


@pytest.mark.parametrize(
    ("text", "array"),
    [
        ("vip, new ; vip|old", '{"vip","new","old"}'),
        ('["a,b", "c"]', '{"a,b","c"}'),
        ("early   bird", '{"early bird"}'),
        ('say "hi"\\', '{"say \\"hi\\"\\\\"}'),
        (" , ;", "{}"),
        ("NULL", '{"NULL"}'),
    ],
)
def test_tags_become_an_array(text, array) -> None:
    assert values.tags(text) == array


@pytest.mark.parametrize(
    ("text", "message"),
    [("x" * 65, "a tag is longer"), (",".join(map(str, range(101))), "more than 100"), ("[1]", "not a JSON array of"),
     ("[half", "begins like a JSON array"), ('["\\u0000"]', "cannot be stored"), ('["\\ud800"]', "cannot be stored"),
     ("[" * 10_000, "begins like")],
)  # fmt: skip
def test_bad_tags_are_left_out(text, message) -> None:
    with pytest.raises(ValueRefused, match=message):
        values.tags(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not valid JSON"), ("[1]", "not a JSON object"), ('{"a": NaN}', "NaN is not JSON"),
     ('{"a": 1e999}', "not valid JSON"), ('{"a": "\\u0000"}', "cannot be stored"), ('{"\\ud800": 1}', "cannot be"),
     ('{"a":' * 20 + "1" + "}" * 20, "nested deeper"), ('{"a":' * 9000, "not valid JSON"), ("1" * 5000, "not valid"),
     ('{"a": "' + "x" * 50_000 + '"}', "longer than 50,000")],
)  # fmt: skip
def test_bad_objects_of_attributes_are_left_out(text, message) -> None:
    with pytest.raises(ValueRefused, match=message):
        values.attributes(text)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=5),
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text('aé"\n'),
    )
)
def test_good_objects_of_attributes_are_taken_as_they_are(attributes) -> None:
    assert json.loads(values.attributes(json.dumps(attributes))) == attributes


@pytest.mark.parametrize(("text", "status"), [("Subscribed", "subscribed"), ("opted-out", "unsubscribed"),
                                              ("CLEANED", "bounced"), ("Spam complaint", "complained")])  # fmt: skip
def test_statuses_of_other_systems_are_understood(text, status) -> None:
    assert values.status(text) == status


@pytest.mark.parametrize("text", ["inactive", "no", "0", "maybe", "paused"])
def test_an_unclear_status_refuses_the_line(text) -> None:
    with pytest.raises(LineRefused, match="write subscribed, unsubscribed, bounced or complained"):
        values.status(text)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "-2", "3.5", "", "0"], "number"), (["19.95", "19.90"], "text"),
        (["1", "01067"], "text"), (["1,5"], "text"), (["+49"], "text"),
        (["1e5"], "text"), (["1234567890123456"], "text"), (["-"], "text"), (["true", "False", ""], "boolean"),
        (["true", "1"], "text"), (["1", "true"], "text"), (["yes", "no"], "text"), (["", " "], "text"), ([], "text"),
        (["1", "x", "2"], "text"), (["'-5"], "number"), (["1\n"], "number"), (["\u0661"], "text"),
        (["1.1234567"], "text"),
    ],
)  # fmt: skip
def test_an_attribute_has_a_type_only_when_the_whole_column_has_it(cells, kind) -> None:
    column = AttributeValues()
    for cell in cells:
        column(cell)
    assert column.kind == kind


def test_an_overlong_attribute_is_left_out() -> None:
    with pytest.raises(ValueRefused, match="longer than 10,000"):
        AttributeValues()("x" * 10_001)


@given(st.text())
def test_guarding_is_exact_and_leaves_no_formula(text) -> None:
    guarded = guard(text)
    assert unguard(guarded) == text
    assert not guarded.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@given(st.text(alphabet="'=+-@\t\r\nab", max_size=6))
def test_guarding_is_exact_for_the_texts_that_need_it(text) -> None:
    test_guarding_is_exact_and_leaves_no_formula.hypothesis.inner_test(text)
