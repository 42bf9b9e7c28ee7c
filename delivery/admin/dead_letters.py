"""Dead letters of a campaign: try all of them again, or close them; asked on a page, done by its POST."""

from __future__ import annotations

from django.contrib.admin.models import CHANGE, LogEntry
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from campaigns.admin.base import demand, find
from campaigns.models import Campaign
from delivery import dead_letters
from delivery.admin.decide import Question, decide
from delivery.admin.unknown import plural

DECIDE = "campaigns.launch_campaign"


@require_http_methods(["GET", "POST"])
def requeue_view(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Try them again from the start."""
    demand(request, DECIDE)
    campaign = find(Campaign, campaign_id)
    question = Question(
        title=f"Try the dead letters of {campaign.name} again?",
        text=(
            "They are tried now, and three times more if need be. No second copy can come of it: a dead letter was "
            "never accepted.",
        ),
        submit="Try again",
        back=page_of_campaign(campaign),
        has_note=False,
    )

    def act(_note: str) -> str:
        count = dead_letters.requeue(campaign_id=campaign.pk)
        return noted(request, campaign, f"{count:,} dead letter{plural(count)} will be tried again.")

    return decide(request, question, act)


@require_http_methods(["GET", "POST"])
def discard_view(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Close them for good."""
    demand(request, DECIDE)
    campaign = find(Campaign, campaign_id)
    question = Question(
        title=f"Discard the dead letters of {campaign.name}?",
        text=(
            "They count as failed from then on and are never tried again. Their last replies stay in the e-mail list.",
        ),
        submit="Discard",
        back=page_of_campaign(campaign),
        danger=True,
        has_note=False,
    )

    def act(_note: str) -> str:
        count = dead_letters.discard(campaign_id=campaign.pk)
        return noted(request, campaign, f"{count:,} dead letter{plural(count)} discarded.")

    return decide(request, question, act)


def noted(request: HttpRequest, campaign: Campaign, words: str) -> str:
    """`words`, which stand in the campaign's history from now on."""
    LogEntry.objects.log_actions(request.user.pk or 0, [campaign], CHANGE, change_message=words, single_object=True)
    return words


def page_of_campaign(campaign: Campaign) -> str:
    return reverse("admin:campaigns_campaign_change", args=[campaign.pk])
