"""JSON columns are read as the standard library reads them."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from delivery.database import read_json

words = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner) | st.dictionaries(words, inner),
    max_leaves=10,
)


@given(values, st.booleans())
def test_a_json_column_is_read_as_the_standard_library_reads_it(value: object, ascii_only: bool) -> None:
    written = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert read_json(written) == json.loads(written) == value
