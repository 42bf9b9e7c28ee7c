"""Reading feed files: every line is an entry or a reason."""

from __future__ import annotations

import json

import pytest

from campaigns.services.feed_lines import MAX_ENTRY_CHARACTERS, BadLine, Entry, FeedInvalid, read_feed


def read(text: str) -> list[Entry | BadLine]:
    return list(read_feed(text.splitlines(keepends=True)))


def one(line: str) -> Entry | BadLine:
    (found,) = read(line)
    return found


def test_ndjson_lines_name_a_lead_and_carry_the_rest() -> None:
    assert read('{"email": "Anna@Example.com", "points": 120}\n\n{"lead_id": 7, "items": [{"a": "ü"}]}\n') == [
        Entry(1, None, "anna@example.com", '{"points": 120}'),
        Entry(3, 7, None, json.dumps({"items": [{"a": "ü"}]})),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_columns_become_the_keys(delimiter: str) -> None:
    text = f"\ufeff\r\nEmail{delimiter}code\r\nanna@example.com{delimiter}X1\r\n\r\n"
    assert read(text) == [Entry(3, None, "anna@example.com", '{"code": "X1"}')]


def test_a_csv_field_over_several_lines_does_not_shift_the_numbers() -> None:
    text = 'lead_id,note\n1,"a\nb"\n2,"plain"\nx,bad\n'
    assert read(text) == [
        Entry(2, 1, None, '{"note": "a\\nb"}'),
        Entry(4, 2, None, '{"note": "plain"}'),
        BadLine(5, "the lead_id 'x' is not a whole number above 0"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"email": "anna@example.com"', "not JSON: Expecting ',' delimiter at column 29"),
        ("[1]", "not a JSON object"),
        ('{"points": 1}', "names no lead: it needs an email or a lead_id"),
        ('{"email": "anna"}', "'anna' is not an e-mail address"),
        ('{"email": 5}', "names no lead"),
        ('{"lead_id": true}', "the lead_id 'True' is not a whole number"),
        ('{"lead_id": 0}', "the lead_id '0' is not a whole number above 0"),
        ('{"lead_id": 1.5}', "the lead_id '1.5' is not a whole number"),
        ('{"lead_id": 9223372036854775808}', "is not a whole number above 0"),
        ('{"lead_id": 1, "x": NaN}', "NaN is not allowed in JSON"),
        ('{"lead_id": 1, "x": 1e999}', "a number is too large"),
        ('{"lead_id": 1, "x": ' + "9" * 5000 + "}", "a number is too long"),
        ('{"lead_id": 1, "x": "\\u0000"}', "contains a NUL character"),
        ('{"lead_id": 1, "\\ud800": 1}', "half of a surrogate pair"),
        ('{"lead_id": 1, "x": ' + "[" * 100_000 + "}", "nested too deeply"),
        ('{"lead_id": 1, "x": "' + "a" * MAX_ENTRY_CHARACTERS + '"}', "the object has 100,009 characters"),
    ],
)
def test_a_bad_line_is_named_with_its_reason(line: str, reason: str) -> None:
    found = one(line)
    assert isinstance(found, BadLine)
    assert found.line == 1
    assert reason in found.reason


@pytest.mark.parametrize("text", ["\\\\u0000", "\\ud83d\\ude00", "\\\\\\\\ud800"])
def test_harmless_escapes_are_kept(text: str) -> None:
    found = one(f'{{"lead_id": 1, "x": "{text}"}}')
    assert isinstance(found, Entry)
    assert json.loads(found.data) == {"x": json.loads(f'"{text}"')}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("email,code\nanna@example.com\n", "has 1 columns, the first line has 2"),
        ('email,code\nanna@example.com,"open\n', "is a quotation mark left open?"),
        ("email,code\nanna@example.com,a\x00b\n", "contains a NUL character"),
    ],
)
def test_a_bad_csv_line_is_named_with_its_reason(text: str, reason: str) -> None:
    (found,) = read(text)
    assert isinstance(found, BadLine)
    assert found.line == 2
    assert reason in found.reason


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the feed is empty"),
        ("\ufeff\n \n", "the feed is empty"),
        ("mail,code\n", "the first line names the columns mail, code; one of them must be email or lead_id"),
        ("email,Email\n", "names a column twice"),
    ],
)
def test_a_file_without_sense_is_refused_as_a_whole(text: str, message: str) -> None:
    with pytest.raises(FeedInvalid, match=message):
        read(text)
