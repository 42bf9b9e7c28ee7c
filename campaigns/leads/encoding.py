"""Which encoding a file is in, from a sample of its bytes."""

from __future__ import annotations

import codecs

from charset_normalizer import from_bytes

from campaigns.leads.errors import FileRefused

# stands in the text for every byte that the encoding has no character for; no encoding produces it
UNREADABLE = "\udcff"
MARK_UNREADABLE = "massmailer.mark-unreadable"

_BYTE_ORDER_MARKS = (
    # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# what spreadsheets and shops really write; without this list short samples are taken for exotic code pages
_LEGACY = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp932", "gb18030", "big5", "euc_kr", "koi8_r"]
_SPREADSHEET = (
    "This is a spreadsheet, not a CSV file. Open it in your spreadsheet program and save it as “CSV UTF-8”, "
    "then import that file."
)
_MAGIC = (
    (b"PK\x03\x04", _SPREADSHEET),
    (b"\xd0\xcf\x11\xe0", _SPREADSHEET),
    (b"%PDF", "This is a PDF, not a CSV file. Export the table that it was made from as CSV."),
    (b"SQLite format 3", "This is an SQLite database, not a CSV file. Export the table as CSV."),
)
_NOT_TEXT = "This file is not text: it has characters that no table has. Export the leads as CSV and import that file."
MAX_CONTROL_SHARE = 0.02


def _mark_unreadable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return UNREADABLE, error.end


codecs.register_error(MARK_UNREADABLE, _mark_unreadable)


def check_name(encoding: str) -> str:
    """The encoding that a person named, if Python knows it as one of text. Raises FileRefused."""
    try:
        known = codecs.lookup(encoding)
        "a".encode(known.name)
    except (LookupError, UnicodeError) as error:
        raise FileRefused(f"There is no encoding {encoding!r}. Common ones: utf-8, cp1252, utf-16.") from error
    return known.name


def detect(sample: bytes) -> str:
    """Name of the encoding. Raises FileRefused for what is not text, naming what it is where that shows."""
    for magic, message in _MAGIC:
        if sample.startswith(magic):
            raise FileRefused(message)
    for mark, encoding in _BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return encoding
    wide = _wide_without_mark(sample)
    if wide:
        return wide
    _refuse_binary(sample)
    return "utf-8" if _is_utf8(sample) else _legacy(sample)


def _wide_without_mark(sample: bytes) -> str | None:
    """UTF-16 without a mark: in Western text every other byte is zero."""
    even, odd = sample[0::2], sample[1::2]
    if len(odd) < 4:
        return None
    even_zeros, odd_zeros = even.count(0) / len(even), odd.count(0) / len(odd)
    if odd_zeros > 0.4 and even_zeros < 0.05:
        return "utf-16-le"
    if even_zeros > 0.4 and odd_zeros < 0.05:
        return "utf-16-be"
    return None


def _refuse_binary(sample: bytes) -> None:
    control = len(sample) - len(sample.translate(None, bytes(set(range(32)) - {9, 10, 13, 27})))
    if control > max(8, len(sample) * MAX_CONTROL_SHARE):
        raise FileRefused(_NOT_TEXT)


def _is_utf8(sample: bytes) -> bool:
    """Also where single lines are in another encoding: by chance, few bytes of another one make UTF-8 characters."""
    # not final: the sample may end within a character
    text = codecs.getincrementaldecoder("utf-8")(MARK_UNREADABLE).decode(sample, final=False)
    unreadable = text.count(UNREADABLE)
    return not unreadable or sum(not mark.isascii() for mark in text) >= 2 * unreadable


def _legacy(sample: bytes) -> str:
    best = from_bytes(sample, cp_isolation=_LEGACY, enable_fallback=False).best()
    # nothing fits: Western Windows, the commonest, and the lines that do not fit are reported
    return best.encoding if best else "cp1252"
