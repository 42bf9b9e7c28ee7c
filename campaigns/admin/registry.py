"""What layers above add to the marketers' pages: buttons on a campaign's page, sections on a lead's page, boxes that
help to write a segment's condition.

Filled when the layers above import their own admin modules, so before the first request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from unfold.enums import ActionVariant

from campaigns.models import Campaign, Lead


@dataclass(frozen=True, slots=True)
class CampaignButton:
    """A button in the head of a campaign's page.

    url_name: takes the campaign's id. dialog: the address answers with a dialog (a form that is posted); otherwise
    it is a plain link. permission: "app.codename". states: where the button makes sense, empty for everywhere.
    """

    title: str
    icon: str
    url_name: str
    permission: str
    dialog: bool = True
    states: tuple[str, ...] = ()

    def is_offered(self, request: HttpRequest, campaign: Campaign) -> bool:
        return request.user.has_perm(self.permission) and (not self.states or campaign.state in self.states)

    def as_action(self, campaign: Campaign) -> dict[str, object]:
        """In the shape of unfold's own actions of the detail page."""
        return {
            "title": self.title,
            "icon": self.icon,
            "variant": ActionVariant.DEFAULT,
            "attrs": {},
            "dialog": {"title": self.title} if self.dialog else None,
            "path": reverse(self.url_name, args=[campaign.pk]),
        }


LeadSection = Callable[[HttpRequest, Lead], str]
SegmentHelper = Callable[[HttpRequest], str]

_campaign_buttons: list[CampaignButton] = []
_lead_sections: list[LeadSection] = []
_segment_helpers: list[SegmentHelper] = []


def register_campaign_button(button: CampaignButton) -> None:
    if button not in _campaign_buttons:
        _campaign_buttons.append(button)


def register_lead_section(section: LeadSection) -> None:
    """`section` returns ready HTML, or an empty text where the person may not see it."""
    if section not in _lead_sections:
        _lead_sections.append(section)


def register_segment_helper(helper: SegmentHelper) -> None:
    """`helper` returns ready HTML for under the condition (the text area `id_condition`), for who may change it."""
    if helper not in _segment_helpers:
        _segment_helpers.append(helper)


def campaign_buttons(request: HttpRequest, campaign: Campaign) -> list[CampaignButton]:
    return [button for button in _campaign_buttons if button.is_offered(request, campaign)]


def lead_sections(request: HttpRequest, lead: Lead) -> list[str]:
    return [html for section in _lead_sections if (html := section(request, lead))]


def segment_helpers(request: HttpRequest) -> list[str]:
    return [helper(request) for helper in _segment_helpers]
