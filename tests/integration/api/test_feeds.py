"""A campaign's feed over HTTP: loaded by the thousand, counted, cleared, and what is refused by its line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from campaigns.models import Campaign, FeedEntry, Lead
from tests.api_client import Program
from tests.people import a_campaign, a_lead, a_list

pytestmark = pytest.mark.django_db
NDJSON = "application/x-ndjson"


@pytest.fixture
def ada(db: None) -> Lead:
    return a_lead()


@pytest.fixture
def campaign(ada: Lead) -> Campaign:
    return a_campaign(mailing_list=a_list("Readers", ada))


def load(campaign: Campaign, *lines: Any, program: Program | None = None, **headers: str) -> Any:
    """The answer to these lines; objects are written as JSON."""
    raw = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines).encode()
    headers = {"content_type": NDJSON, **headers}
    return (program or Program(["campaigns:write"])).post(f"campaigns/{campaign.pk}/feed", raw=raw, **headers)


def stored(campaign: Campaign) -> dict[int, Any]:
    return dict(FeedEntry.objects.filter(campaign=campaign).values_list("lead_id", "data"))


def count(campaign: Campaign) -> int:
    answer = Program(["campaigns:read"]).get(f"campaigns/{campaign.pk}/feed")
    assert answer.status_code == 200
    return int(answer.json()["entries"])


def test_thousands_of_lines_are_loaded_counted_and_cleared(campaign: Campaign) -> None:
    leads = Lead.objects.bulk_create(Lead(email=f"p{number}@example.com") for number in range(5000))

    answer = load(campaign, *({"email": lead.email.upper(), "points": lead.pk} for lead in leads))

    assert answer.status_code == 200
    assert answer.json() == {"loaded": 5000, "repeated": 0, "unknown": 0, "unknown_lines": []}
    assert stored(campaign) == {lead.pk: {"points": lead.pk} for lead in leads}
    assert count(campaign) == 5000
    assert Program(["campaigns:write"]).delete(f"campaigns/{campaign.pk}/feed").status_code == 204
    assert count(campaign) == 0


def test_what_is_loaded_again_replaces_the_same_leads_and_nobody_elses(campaign: Campaign, ada: Lead) -> None:
    bob, other = a_lead("bob@example.com"), a_campaign(name="Other")
    load(other, {"lead_id": ada.pk, "n": 9})
    load(campaign, {"lead_id": ada.pk, "n": 1}, {"lead_id": bob.pk, "n": 1})

    answer = load(campaign, {"lead_id": ada.pk, "n": 2}, {"lead_id": ada.pk, "n": 3}).json()

    assert (answer["loaded"], answer["repeated"]) == (1, 1)
    assert stored(campaign) == {ada.pk: {"n": 3}, bob.pk: {"n": 1}}
    Program().delete(f"campaigns/{campaign.pk}/feed")
    assert stored(other) == {ada.pk: {"n": 9}}


def test_lines_for_leads_that_are_not_there_are_told(campaign: Campaign, ada: Lead) -> None:
    answer = load(campaign, {"email": "nobody@example.com"}, "", {"lead_id": ada.pk, "x": 1}, {"lead_id": 2**60}).json()

    assert (answer["loaded"], answer["unknown"]) == (1, 2)
    assert answer["unknown_lines"] == [
        {"line": 1, "detail": "There is no lead nobody@example.com."},
        {"line": 4, "detail": f"There is no lead {2**60}."},
    ]


def test_a_csv_file_is_loaded_too(campaign: Campaign, ada: Lead) -> None:
    answer = load(campaign, "email;points", "ada@example.com;7", content_type="text/csv")

    assert answer.json()["loaded"] == 1
    assert stored(campaign) == {ada.pk: {"points": "7"}}


def test_bad_lines_refuse_the_whole_body_and_each_is_named_with_its_cure(campaign: Campaign, ada: Lead) -> None:
    load(campaign, {"lead_id": ada.pk, "n": 1})

    answer = load(
        campaign, "broken", {"lead_id": ada.pk, "n": 2}, "[1]", {"points": 1}, {"email": "nobody"}, {"lead_id": "x"},
        {"lead_id": ada.pk, "x": "a" * 100_001},
    )  # fmt: skip

    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["detail"].startswith("6 lines cannot be read; see `errors`. Nothing was loaded")
    assert [one["line"] for one in problem["errors"]] == [1, 3, 4, 5, 6, 7]
    assert {one["pointer"] for one in problem["errors"]} == {"#"}
    words = " ".join(one["detail"] for one in problem["errors"])
    for cure in ("Not JSON", "write one as in", "needs an email or a lead_id", "is not an e-mail", "at most 100,000"):
        assert cure in words
    assert stored(campaign) == {ada.pk: {"n": 1}}


def test_a_thousand_bad_lines_are_named_and_all_are_counted(campaign: Campaign) -> None:
    problem = load(campaign, *["x"] * 1500).json()

    assert problem["detail"].startswith("1,500 lines cannot be read; the first 1,000 stand in `errors`.")
    assert len(problem["errors"]) == 1000


@pytest.mark.parametrize(
    ("raw", "content_type", "line", "words"),
    [
        (b"", NDJSON, None, "The feed is empty"),
        (b'{"lead_id": 1}\n\n{"lead_id": 1, "x": "\xff"}\n', NDJSON, 3, "no UTF-8"),
        (b'mail,n\nada@example.com,"1"\n', "text/csv", None, "must be email or lead_id"),
    ],
)
def test_a_body_that_is_no_feed_is_refused_in_words(
    raw: bytes, content_type: str, line: int | None, words: str, campaign: Campaign
) -> None:
    answer = Program().post(f"campaigns/{campaign.pk}/feed", raw=raw, content_type=content_type)

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error.get("line") == line
    assert words in error["detail"]
    assert not stored(campaign)


def test_another_type_and_too_large_a_body_are_refused(campaign: Campaign) -> None:
    assert load(campaign, {}, content_type="application/json").status_code == 415
    assert load(campaign, "x" * (20 * 1024 * 1024 + 1)).status_code == 413


def test_a_repeated_load_happens_once(campaign: Campaign, ada: Lead) -> None:
    program, lines = Program(), ({"lead_id": ada.pk, "n": 1},)
    first = load(campaign, *lines, program=program, idempotency_key="feed-1")
    FeedEntry.objects.update(data={"n": 2})

    again = load(campaign, *lines, program=program, idempotency_key="feed-1")

    assert again["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert stored(campaign) == {ada.pk: {"n": 2}}


@pytest.mark.parametrize(
    ("state", "loading", "clearing"),
    [("draft", 200, 204), ("scheduled", 200, 409), ("launching", 409, 409), ("sending", 409, 409), ("sent", 409, 409)],
)
def test_a_feed_is_loaded_before_the_launch_and_cleared_while_it_is_a_draft(
    state: str, loading: int, clearing: int, campaign: Campaign, ada: Lead
) -> None:
    FeedEntry.objects.create(campaign=campaign, lead=ada, data={"n": 1})
    Campaign.objects.update(state=state)

    loaded = load(campaign, {"lead_id": ada.pk, "n": 2})
    cleared = Program().delete(f"campaigns/{campaign.pk}/feed")

    assert (loaded.status_code, cleared.status_code) == (loading, clearing)
    for refused in (one for one in (loaded, cleared) if one.status_code == 409):
        assert refused.json()["type"] == "urn:massmailer:problem:state-conflict"
        assert state in refused.json()["detail"]
    assert stored(campaign) == ({} if clearing == 204 else {ada.pk: {"n": 2 if loading == 200 else 1}})


def test_a_campaign_that_is_not_there_has_no_feed() -> None:
    program = Program()

    assert program.get("campaigns/77/feed").status_code == 404
    assert program.post("campaigns/77/feed", raw=b"{}", content_type=NDJSON).status_code == 404
    assert program.delete("campaigns/77/feed").status_code == 404


def test_reading_is_not_writing(campaign: Campaign) -> None:
    assert load(campaign, {}, program=Program(["campaigns:read"])).status_code == 403
    assert Program(["campaigns:write"]).get(f"campaigns/{campaign.pk}/feed").status_code == 403
    assert Program(["campaigns:read"]).delete(f"campaigns/{campaign.pk}/feed").status_code == 403
