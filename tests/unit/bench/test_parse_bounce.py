"""The scoring of the reader of bounces, on bounces made here; real ones are scored beside the reader's own tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.parse_bounce import judged, main, read_all, report

DSN = """From: mailer-daemon@mx.example
Content-Type: multipart/report; report-type=delivery-status; boundary=B

--B
Content-Type: text/plain

Your message could not be delivered.
--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; a@b.example
Action: failed
Status: 5.0.0
Diagnostic-Code: smtp; {reply}

--B--
"""


def folder(path: Path, *lines: tuple[str, str, bool]) -> Path:
    """A labelled corpus: (reply, reason, hard) a message."""
    labels = []
    for number, (reply, reason, hard) in enumerate(lines):
        (path / f"{number}.eml").write_text(DSN.format(reply=reply))
        recipients = [{"address": "a@b.example", "reason": reason, "hard": hard}]
        labels.append({"file": f"{number}.eml", "label": "hard" if hard else "soft", "recipients": recipients})
    (path / "labels.jsonl").write_text("\n".join(map(json.dumps, labels)))
    return path


def test_right_and_wrong_are_counted(tmp_path: Path) -> None:
    corpus = folder(
        tmp_path,
        ("550 5.1.1 User unknown", "userunknown", True),
        ("552 mailbox full", "mailboxfull", False),
        ("550 No such user", "rejected", False),
        ("550 5.2.1 disabled", "suspend", False),
    )
    messages = read_all(corpus)
    assert [(one.reason, one.right) for one in judged(messages)] == [
        ("userunknown", True), ("mailboxfull", True), ("rejected", False), ("suspend", False),
    ]  # fmt: skip
    text = report(messages)
    assert "right kind:                         4 of 4 (100.0 %)" in text
    assert "right on hard or not:               2 of 3 (66.7 %)" in text
    assert "  with suspended and filtered:      2 of 4 (50.0 %)" in text
    assert "not hard, suppressed:               1 of 2 (50.0 %)" in text
    assert "  with suspended and filtered:      2 of 3 (66.7 %)" in text


def test_a_folder_without_labels_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench.parse_bounce", str(tmp_path)])
    assert main() == 1
    assert "There are no labelled bounces" in capsys.readouterr().err
