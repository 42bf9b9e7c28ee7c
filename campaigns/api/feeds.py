"""A campaign's feed: one JSON object a lead, loaded ahead, seen by the template as {{ feed }}."""

from __future__ import annotations

import io

from django.http import HttpRequest, HttpResponse
from ninja import Schema
from pydantic import Field

from campaigns.api.campaigns import demand_campaign
from campaigns.api.errors import ApiError, At, invalid
from campaigns.api.leads import CSV, NDJSON
from campaigns.api.paging import bounded
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import Id
from campaigns.services.feed_lines import BadLine, Format
from campaigns.services.feeds import FeedInvalid, FeedResult, clear_feed, load_feed

router = ApiRouter("campaigns")
MOST_BYTES = 20 * 1024 * 1024
# the last is what generated clients send
LINES = {
    media_type: {"schema": {"type": "string", "format": "binary"}, "example": example}
    for media_type, example in (
        (CSV[0], "email,points\nada@example.com,120\n"),
        (NDJSON[0], '{"email": "ada@example.com", "points": 120, "items": [{"title": "Tulips"}]}\n'),
    )
}
COUNT = "SELECT count(*) FROM campaigns_feedentry WHERE campaign_id = %s"


class FeedOut(Schema):
    entries: int = Field(description="Leads that have an object in the feed.")


class FeedLineOut(Schema):
    line: int = Field(description="In the body, counted from 1.")
    detail: str = Field(description="Which lead it names.")


class FeedLoadedOut(Schema):
    loaded: int = Field(description="Leads that have an object from this body now.")
    repeated: int = Field(description="Lines that a later line for the same lead took the place of.")
    unknown: int = Field(description="Lines for leads that are not there; nothing is kept of them.")
    unknown_lines: list[FeedLineOut] = Field(description="The first 1,000 of those.")


@router.read("/{campaign_id}/feed", response=FeedOut)
def get_feed(request: HttpRequest, campaign_id: Id) -> FeedOut:
    """Read the state of a campaign's feed.

    503 where counting takes longer than five seconds; the feed can be used all the same.
    """
    demand_campaign(campaign_id)
    with bounded() as cursor:
        cursor.execute(COUNT, [campaign_id])
        return FeedOut(entries=cursor.fetchone()[0])


@router.create(
    "/{campaign_id}/feed", response=FeedLoadedOut, max_body_bytes=MOST_BYTES, body_types=NDJSON + CSV,
    openapi={"requestBody": {"required": True, "content": LINES}},
)  # fmt: skip
def load_one_feed(request: HttpRequest, campaign_id: Id) -> FeedLoadedOut:
    """Load a campaign's feed.

    The body is one JSON object a line (`application/x-ndjson`): `email` or `lead_id` names the lead, all other names
    are what the template sees as `{{ feed }}`, at most 100,000 characters a lead. Or a CSV file with a header line
    (`text/csv`), whose values are all text. Send a large feed in several requests: each adds to what is there, and
    takes the place of what the same leads had. Of two lines for one lead the last counts.

    A line that cannot be read refuses the whole body, each one is named, and nothing is loaded. Lines for leads that
    are not there are told in the answer. Loaded before the launch only: 409 later.
    """
    demand_campaign(campaign_id)
    lines = io.TextIOWrapper(io.BytesIO(request.body), encoding="utf-8", newline="")
    written: Format = "csv" if request.content_type in CSV else "ndjson"
    try:
        result = load_feed(campaign_id=campaign_id, lines=lines, written=written)
    except UnicodeDecodeError as error:
        raise _not_utf8(request.body) from error
    except FeedInvalid as error:
        raise invalid(At(sentence(str(error)), pointer="#")) from error
    if result.bad_count:
        raise _bad(result)
    unknown = [FeedLineOut(line=one.line, detail=sentence(one.reason)) for one in result.unknown]
    return FeedLoadedOut(
        loaded=result.loaded, repeated=result.repeated, unknown=result.unknown_count, unknown_lines=unknown
    )


@router.remove("/{campaign_id}/feed", response={204: None}, problems=(409,))
def clear_one_feed(request: HttpRequest, campaign_id: Id) -> HttpResponse:
    """Clear a draft's feed.

    All of it. A scheduled campaign is unscheduled first; what was launched keeps its feed.
    """
    demand_campaign(campaign_id)
    clear_feed(campaign_id)
    return HttpResponse(status=204)


def _not_utf8(body: bytes) -> ApiError:
    """The same mistake, with its line."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        return invalid(At("This line is no UTF-8 text. Write the whole body as UTF-8.", pointer="#", line=line))
    raise AssertionError("the body was no UTF-8 a moment ago")


def _bad(result: FeedResult) -> ApiError:
    lines = "One line" if result.bad_count == 1 else f"{result.bad_count:,} lines"
    more = result.bad_count - len(result.bad)
    named = f"; the first {len(result.bad):,} stand in `errors`" if more else "; see `errors`"
    detail = f"{lines} cannot be read{named}. Nothing was loaded: put them right and send the whole body again."
    return invalid(*map(_at, result.bad), detail=detail)


def _at(bad: BadLine) -> At:
    return At(sentence(bad.reason), pointer="#", line=bad.line)


def sentence(words: str) -> str:
    """As it stands in an answer: "There is no lead 7."."""
    return words[:1].upper() + words[1:] + ("" if words.endswith(("?", ".", "}")) else ".")
