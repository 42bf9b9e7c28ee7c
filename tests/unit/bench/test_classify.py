"""The scoring of the rule table: on bounces made here, and on the real ones where somebody has them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bench.classify import ASIDE, cases, main, report
from massmailer.embedded import paths

# where real bounces lie beside a checkout
BESIDE = paths.checkout().parent / "shared" / "data" / "bounces"
DSN = """Content-Type: multipart/report; report-type=delivery-status; boundary=B

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
PLAIN = "Subject: failure notice\n\n<a@b.example>:\nRemote host said: {reply}\n\n--- Below this line\n\n550 spam\n"


def folder(path: Path, *lines: tuple[str, str, str, bool]) -> Path:
    """A labelled corpus: (form, reply, reason, hard) a message."""
    labels = []
    for number, (form, reply, reason, hard) in enumerate(lines):
        (path / f"{number}.eml").write_text(form.format(reply=reply))
        labels.append({"file": f"{number}.eml", "recipients": [{"reason": reason, "hard": hard}]})
    (path / "labels.jsonl").write_text("\n".join(map(json.dumps, labels)))
    return path


def test_right_and_wrong_are_counted(tmp_path: Path) -> None:
    corpus = folder(
        tmp_path,
        (DSN, "550 5.1.1 User unknown", "userunknown", True),
        (PLAIN, "550 No such user", "userunknown", True),
        (PLAIN, "552 mailbox full", "mailboxfull", False),
        (DSN, "550 No such user", "rejected", False),
        (DSN, "550 5.2.1 disabled", "suspend", False),
        (DSN, "250 fine", "feedback", False),
    )
    found = list(cases(corpus))
    assert [(case.reason, case.right) for case in found] == [
        ("userunknown", True), ("userunknown", True), ("mailboxfull", True), ("rejected", False), ("suspend", False),
    ]  # fmt: skip
    text = report(found)
    assert "3 of 4 (75.0 %)" in text
    assert "1 of 2 (50.0 %)" in text


def test_a_folder_without_labels_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench.classify", str(tmp_path)])
    assert main() == 1
    assert "There are no labelled bounces" in capsys.readouterr().err


def test_the_table_is_right_about_real_bounces() -> None:
    place = Path(os.environ.get("MASSMAILER_BOUNCES") or BESIDE)
    if not (place / "labels.jsonl").is_file():
        pytest.skip("no real bounces: set MASSMAILER_BOUNCES to a folder with labels.jsonl (see bench/classify.py)")
    kept = [case for case in cases(place) if case.reason not in ASIDE]
    soft = [case for case in kept if not case.hard]
    assert sum(case.right for case in kept) >= 0.9 * len(kept)
    assert sum(case.suppressed for case in soft) <= 0.03 * len(soft)
