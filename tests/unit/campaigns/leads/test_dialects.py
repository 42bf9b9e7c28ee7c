"""Any delimiter, encoding and quoting is understood; a broken line costs itself and no other."""

from __future__ import annotations

import codecs
import csv
import gzip
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.leads.errors import FileRefused
from campaigns.leads.records import MAX_LINE_CHARACTERS, MAX_RECORD_LINES

PEOPLE = [("ann@example.com", "Ann", "Oslo, Norway"), ("bob@example.org", "Bob", 'Say "hi"'), ("c@example.net", "", "")]


def written(delimiter: str = ",", line_end: str = "\r\n", quoting: int = csv.QUOTE_MINIMAL) -> str:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerow(("E-Mail", "First name", "City"))
    writer.writerows(PEOPLE)
    return file.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_delimiter_line_ends_and_quoting_are_found_out(read, delimiter, line_end, quoting) -> None:
    found = read(written(delimiter, line_end, quoting))
    assert found.targets == ["email", "first_name", "attributes.city"]
    assert [(lead["email"], lead["first_name"], lead["a1"]) for lead in found.leads] == PEOPLE
    assert not found.rejected


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""), ("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-le", b""),
        ("utf-16-be", codecs.BOM_UTF16_BE), ("utf-16-be", b""), ("utf-32-le", codecs.BOM_UTF32_LE),
        ("cp1252", b""), ("latin-1", b""),
    ],
)  # fmt: skip
def test_western_encodings_are_found_out(read, encoding, mark) -> None:
    text = "email;prénom;ville\nzoë@example.com;Zoé;Besançon\njosé@example.com;José;Málaga\n" + "".join(
        f"person{number}@example.com;Jürgen;Düsseldorf\n" for number in range(50)
    )
    found = read(mark + text.encode(encoding))
    assert found.targets == ["email", "first_name", "attributes.ville"]
    assert [lead["first_name"] for lead in found.leads[:2]] == ["Zoé", "José"]
    assert found.leads[-1]["a1"] == "Düsseldorf"


@pytest.mark.parametrize(
    ("encoding", "name", "city"),
    [
        ("cp1251", "Дмитрий", "Новосибирск"),
        ("cp932", "田中太郎さん", "東京都千代田区"),
        ("gb18030", "王小明先生", "北京市朝阳区"),
    ],
)
def test_other_scripts_in_old_encodings_are_found_out(read, encoding, name, city) -> None:
    lines = "".join(f"p{number}@example.com,{name},{city}\n" for number in range(60))
    found = read(f"email,first name,city\n{lines}".encode(encoding))
    assert (found.leads[0]["first_name"], found.leads[0]["a1"]) == (name, city)


def test_the_first_accent_may_stand_far_down_in_the_file(read) -> None:
    lines = "".join(f"person{number}@example.com,Ann,Paris\n" for number in range(20_000))
    content = f"email,first_name,city\n{lines}zoe@example.com,Zoé,Besançon\n".encode("cp1252")
    assert len(content) > 256 * 1024
    found = read(content)
    assert (found.leads[-1]["first_name"], found.leads[-1]["a1"]) == ("Zoé", "Besançon")


def test_a_named_encoding_and_delimiter_are_believed(read) -> None:
    found = read("email:name\nzoe@example.com:Zoë\n".encode("mac_roman"), {"#encoding": "mac_roman", "#delimiter": ":"})
    assert found.leads[0]["first_name"] == "Zoë"


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"#encoding": "klingon"}, "no encoding 'klingon'"),
        ({"#encoding": "base64"}, "no encoding 'base64'"),
        ({"#delimiter": "::"}, "one character"),
    ],
)
def test_a_wrong_encoding_or_delimiter_is_named(read, mapping, message) -> None:
    with pytest.raises(FileRefused, match=message):
        read("email\nann@example.com\n", mapping)


def test_a_line_in_another_encoding_is_rejected_alone(read) -> None:
    found = read("email,name\nann@example.com,Ännie\n".encode() + b"bob@example.com,B\xf6b\n" + b"c@example.com,C\n")
    assert found.emails == ["ann@example.com", "c@example.com"]
    assert "not utf-8" in found.rejected[3]
    assert "name its encoding" in found.rejected[3]


def test_excels_hint_of_its_delimiter_is_no_header(read) -> None:
    found = read("sep=;\r\nemail;city\r\nann@example.com;Oslo\r\n,;,\r\n")
    assert found.emails == ["ann@example.com"]
    assert list(found.rejected) == [4]


def test_values_may_span_lines(read) -> None:
    found = read('email,note,city\nann@example.com,"one\ntwo\r\nthree",Oslo\nbob@example.com,x,Rome\n')
    assert [lead["a1"] for lead in found.leads] == ["one\\ntwo\\r\\nthree", "x"]
    assert [lead["line"] for lead in found.leads] == ["2", "5"]


def test_quotes_escaped_by_a_backslash_are_understood(read) -> None:
    found = read('email,note\nann@example.com,"say \\"hi\\" twice, please"\nbob@example.com,"b"\n')
    assert found.leads[0]["a1"] == 'say "hi" twice, please'
    assert not found.rejected


def test_a_space_before_a_quote_does_not_matter(read) -> None:
    found = read('email, first name, city\nann@example.com, "Ann", "Oslo, Norway"\n')
    assert found.leads[0]["a1"] == "Oslo, Norway"


def test_a_stray_quote_inside_one_line_is_taken_as_it_was_meant(read) -> None:
    found = read('email,name\nann@example.com,"Ann "Annie" Ames"\nbob@example.com,5" screen\n')
    assert found.emails == ["ann@example.com", "bob@example.com"]
    assert not found.rejected


@pytest.mark.parametrize("after", [1, 3, MAX_RECORD_LINES + 50])
def test_an_open_quote_costs_its_own_line_only(read, after) -> None:
    rest = "".join(f"p{number}@example.com,Paul\n" for number in range(after))
    found = read(f'email,name\nann@example.com,Ann\nbob@example.com,"Bob\n{rest}')
    assert list(found.rejected) == [3]
    assert "quotation mark" in found.rejected[3]
    assert found.emails == ["ann@example.com", *(f"p{number}@example.com" for number in range(after))]
    assert [int(lead["line"]) for lead in found.leads] == [2, *range(4, 4 + after)]


def test_an_open_quote_does_not_swallow_lines_up_to_the_next_quote(read) -> None:
    found = read('email,name\nann@example.com,"Ann\nbob@example.com,Bob\nc@example.com,"Carl"\nd@example.com,Dora\n')
    assert found.emails == ["bob@example.com", "c@example.com", "d@example.com"]
    assert list(found.rejected) == [2]


def test_a_line_that_is_too_long_is_rejected_alone_and_not_kept_whole(read) -> None:
    long = "x" * (10 * MAX_LINE_CHARACTERS)
    found = read(
        f'email,name\nann@example.com,Ann\nbob@example.com,{long}\nc@example.com,"C\n{long}\nd@example.com,D\n'
    )
    assert found.emails == ["ann@example.com", "d@example.com"]
    assert sorted(found.rejected) == [3, 4, 5]
    assert "more than 100,000 characters" in found.rejected[3]
    assert "more than 100,000 characters" in found.rejected[5]


def test_a_nul_costs_its_line(read) -> None:
    found = read(b"email,name\nann@example.com,A\x00nn\nbob@example.com,Bob\n")
    assert found.emails == ["bob@example.com"]
    assert "NUL" in found.rejected[2]


def test_lines_of_the_wrong_width_are_rejected_and_trailing_delimiters_are_not(read) -> None:
    found = read(
        "email,name\nann@example.com,Ann,,\nbob@example.com,Smith, Bob\nc@example.com\n\n,\n  \nd@example.com,D\n"
    )
    assert found.emails == ["ann@example.com", "d@example.com"]
    assert found.rejected[3] == (
        "The line has 3 columns instead of 2. Put values with a delimiter in them in quotation marks."
    )
    assert found.rejected[4] == "The line has 1 column instead of 2."
    # lines without any value say nothing
    assert sorted(found.rejected) == [3, 4]


def test_gzip_is_unpacked_on_the_way(read) -> None:
    assert read(gzip.compress(written().encode()), name="leads.csv.gz").emails == [person[0] for person in PEOPLE]


def test_a_cut_gzip_file_says_so(read) -> None:
    noise = "".join(f"p{number}{number * 7919 % 10007}@example.com\n" for number in range(20_000))
    with pytest.raises(FileRefused, match="gzip file is damaged"):
        read(gzip.compress(noise.encode())[:-2000])


def test_a_gzip_file_that_unpacks_without_end_is_stopped(read, settings) -> None:
    settings.IMPORT_MAX_BYTES = 3_000_000
    with pytest.raises(FileRefused, match=r"unpacks to more than 2\.9 MB"):
        read(gzip.compress(b"email\n" + b"ann@example.com\n" * 1_000_000))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n  \n", "no text in it"),
        (codecs.BOM_UTF8, "no text in it"),
        (b"email,name\n", "no lead below it"),
        (b"PK\x03\x04rest of a workbook", "save it as .CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0" + bytes(200), "save it as .CSV UTF-8"),
        (b"%PDF-1.7 ...", "PDF"),
        (bytes(range(256)) * 20, "not text"),
        (bytes(5000), "not text|no text"),
        (b"name,city\nAnn,Oslo\n", "No column holds e-mail addresses.*name, city"),
    ],
)
def test_a_useless_file_gets_a_message_that_names_the_cure(read, content, message) -> None:
    with pytest.raises(FileRefused, match=message):
        read(content)


VALUE = (
    st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12)
    .map(str.strip)
    .filter(lambda text: not text.startswith("'"))
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(VALUE, VALUE), min_size=1, max_size=8),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_a_csv_writer_writes_is_read_back(read, rows, delimiter, encoding) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(("email", "one", "two"))
    writer.writerows((f"p{number}@example.com", *row) for number, row in enumerate(rows))
    found = read(file.getvalue().encode(encoding), {"#encoding": encoding, "#delimiter": delimiter})
    assert not found.rejected
    unescape = {"\\\\": "\\", "\\n": "\n", "\\r": "\r", "\\t": "\t"}

    def plain(text: str) -> str:
        pieces = iter(text)
        return "".join(unescape["\\" + next(pieces)] if piece == "\\" else piece for piece in pieces)

    assert [(plain(lead["a1"]), plain(lead["a2"])) for lead in found.leads] == rows
