"""Cells that a spreadsheet would run as a formula, made harmless by a leading apostrophe, and back.

Both ways are exact: `unguard(guard(text)) == text` for every text. That is why a text that looks guarded already
gets one apostrophe more.
Source: OWASP, CSV Injection.
"""

from __future__ import annotations

import re

# what Excel, LibreOffice and Google Sheets take for the start of a formula, after any number of apostrophes
DANGEROUS = r"^'*[=+\-@\t\r\n]"
_NEEDS_GUARD = re.compile(DANGEROUS)
_IS_GUARDED = re.compile(r"^'+[=+\-@\t\r\n]")


def guard(text: str) -> str:
    """The cell as it may stand in a file that somebody opens in a spreadsheet."""
    return f"'{text}" if _NEEDS_GUARD.match(text) else text


def unguard(text: str) -> str:
    """The value behind a guarded cell; other texts come back as they are."""
    return text[1:] if _IS_GUARDED.match(text) else text
