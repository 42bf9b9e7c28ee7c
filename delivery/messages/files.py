"""Attachments and inline images: how many, how large, and which are refused."""

from __future__ import annotations

import re
from collections.abc import Sequence

from delivery.engine.headers import HeaderInvalid
from delivery.engine.mime import Attachment, attachment_part

MAX_FILES = 20
MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_TOTAL_BYTES = 15 * 1024 * 1024
IMAGES = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml", "image/bmp"))
# what mailbox providers block by name, whatever it contains
REFUSED_ENDINGS = frozenset(
    (
        "ade", "adp", "apk", "appx", "bat", "cab", "chm", "cmd", "com", "cpl", "dll", "dmg", "exe", "hta", "ins",
        "iso", "jar", "js", "jse", "lib", "lnk", "mde", "msc", "msi", "msix", "msp", "mst", "nsh", "pif", "ps1",
        "reg", "scr", "sct", "shb", "sys", "vb", "vbe", "vbs", "vhd", "vxd", "wsc", "wsf", "wsh", "xll",
    )
)  # fmt: skip


class FileRefused(ValueError):
    """A file cannot go with a message; the message names the file and the reason. index: its place."""

    def __init__(self, index: int, reason: str) -> None:
        self.index = index
        super().__init__(reason)


def check(files: Sequence[Attachment]) -> None:
    """Raises FileRefused for the first file that cannot go out."""
    if len(files) > MAX_FILES:
        raise FileRefused(MAX_FILES, f"{len(files)} files: at most {MAX_FILES} are allowed")
    total = 0
    content_ids: set[str] = set()
    for index, one in enumerate(files):
        total += len(one.data)
        reason = _complaint(one) or ("the files are too large together: 15 MB at most" * (total > MAX_TOTAL_BYTES))
        if one.content_id and one.content_id in content_ids:
            reason = f"{one.filename}: the content id {one.content_id} stands there twice"
        content_ids.add(one.content_id)
        if reason:
            raise FileRefused(index, reason)


def _complaint(one: Attachment) -> str:
    """Why this file cannot go out; "" where it can."""
    ending = one.filename.rpartition(".")[2].strip().lower()
    if not one.filename.strip() or len(one.filename) > 200 or re.search(r"[\x00-\x1f\x7f]", one.filename):
        return "the file needs a name of one line, of at most 200 characters"
    if ending in REFUSED_ENDINGS:
        return f"{one.filename}: files that end in .{ending} are refused by mailbox providers"
    if len(one.data) > MAX_FILE_BYTES:
        return f"{one.filename}: larger than 10 MB"
    if one.content_id and one.content_type not in IMAGES:
        return f"{one.filename}: an inline file is an image, not {one.content_type}"
    try:
        attachment_part(Attachment(one.filename, one.content_type, b"", one.content_id))
    except HeaderInvalid as error:
        return str(error)
    return ""
