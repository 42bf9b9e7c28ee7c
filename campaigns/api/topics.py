"""Topics, as campaigns name them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Schema

from campaigns.api.paging import Page, Wanted, page_by_id
from campaigns.api.router import ApiRouter
from campaigns.models import Topic

router = ApiRouter("campaigns")


class TopicOut(Schema):
    id: int
    name: str
    description: str


@router.read("", response=Page[TopicOut])
def list_topics(request: HttpRequest, wanted: Wanted) -> dict[str, Any]:
    """List topics.

    What a campaign is about; people may decline a topic and stay subscribed to everything else.
    """
    found, following = page_by_id(Topic.objects.all(), wanted, "topics")
    return {"items": found, "next": following}
