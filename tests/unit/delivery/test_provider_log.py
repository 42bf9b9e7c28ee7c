"""What one line of a provider's log says, whoever wrote the log."""

from __future__ import annotations

import pytest

from campaigns.leads.errors import FileRefused
from delivery.provider_log_columns import LineRefused, LogColumns, MessageId, read_message_id, read_status


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<1a.ff.2@news.example>", MessageId(26, 255, 2, "news.example")),
        ("  1A.FF.2@News.Example ", MessageId(26, 255, 2, "news.example")),
        ("<m1a@news.example>", None),
        ("<1a.ff@news.example>", None),
        ("<1a.xy.2@news.example>", None),
        ("<1a.ff.2@news.example> trailing", None),
        ("01000192-abc@email.amazonses.com", None),
        ("1a.ffffffffffffffffffffff.1@news.example", None),
        ("", None),
    ],
)
def test_a_message_id_tells_campaign_lead_and_attempt(text: str, found: MessageId | None) -> None:
    assert read_message_id(text) == found


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("delivered", True),
        ("Delivered", True),
        ("DELIVERY", True),
        ("sent (250 2.0.0 Ok: queued as 4XyZ)", True),
        ("250 2.0.0 OK", True),
        ("250", True),
        ("open", True),
        ("bounced", False),
        ("Hard Bounce", False),
        ("soft_bounce", False),
        ("deferred: try later", False),
        ("550 5.1.1 no such user", False),
        ("451", False),
        ("dropped", False),
    ],
)
def test_a_status_means_accepted_or_not(text: str, accepted: bool) -> None:
    assert read_status(text) is accepted


@pytest.mark.parametrize("text", ["", "perhaps", "2", "2500", "not delivered", "100"])
def test_a_status_that_nobody_knows_is_refused(text: str) -> None:
    with pytest.raises(LineRefused):
        read_status(text)


ROWS = {
    "by address": [["Recipient", "Event"], ["Ada@Example.com", "delivered"]],
    "by address, with a name": [["to", "status"], ["Ada <ada@example.com>", "sent"]],
    "without a header": [["ada@example.com", "delivered"]],
    "only addresses": [["E-Mail-Adresse"], ["ada@example.com"]],
    "guarded for a spreadsheet": [["status", "address"], ["delivered", "ada@example.com"]],
    "the most trusted status": [["email", "code", "status"], ["ada@example.com", "nonsense", "delivered"]],
}


@pytest.mark.parametrize("name", ROWS)
def test_logs_name_addresses_in_many_ways(name: str) -> None:
    columns = LogColumns(ROWS[name])
    line = columns.read(ROWS[name][-1])
    assert (line.address, line.is_accepted, line.message_id) == ("ada@example.com", True, None)


@pytest.mark.parametrize("header", [["smtp-id", "email", "event"], ["Message ID", "x", "y"], None])
def test_a_message_id_goes_before_an_address(header: list[str] | None) -> None:
    row = ["<1a.ff.1@news.example>", "ada@example.com", "delivered"]
    line = LogColumns([*([header] if header else []), row]).read(row)
    assert line.message_id == MessageId(26, 255, 1, "news.example")
    assert line.address == ""


def test_an_id_of_the_providers_own_falls_back_to_the_address() -> None:
    rows = [["message_id", "email"], ["0100-xyz@email.amazonses.com", "ada@example.com"]]
    assert LogColumns(rows).read(rows[1]).address == "ada@example.com"


def test_a_transactional_message_is_another_mail() -> None:
    rows = [["message_id", "email"], ["<m1a@news.example>", "ada@example.com"]]
    assert LogColumns(rows).read(rows[1]).is_other_mail


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (["nobody at home", "", "delivered"], "not a Message-ID of ours"),
        (["", "", "delivered"], "names no e-mail"),
        (["", "ada at example.com", "delivered"], "not an address"),
        (["", "ada@example.com", "maybe"], "“maybe” is not known"),
        (["", "ada@example.com", ""], "no status"),
        (["", "ada@example.com"], "no status"),
    ],
)
def test_a_bad_line_says_what_is_wrong(fields: list[str], words: str) -> None:
    columns = LogColumns([["message_id", "email", "status"], ["1.2.1@a.example", "a@example.com", "sent"]])
    with pytest.raises(LineRefused, match=words):
        columns.read(fields)


def test_a_file_without_anything_to_match_is_refused() -> None:
    with pytest.raises(FileRefused, match="“email”"):
        LogColumns([["time", "host"], ["12:00", "relay1"]])
