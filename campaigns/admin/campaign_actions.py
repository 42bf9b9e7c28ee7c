"""Launch, schedule, pause, resume, change pace, cancel, duplicate: each asks in a dialog and is done by its POST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from campaigns.admin.base import find, finish, rows_with
from campaigns.admin.campaign_dialogs import LaunchForm, ScheduleForm
from campaigns.admin.pace import ChangePaceForm
from campaigns.models import Campaign
from campaigns.services import pace, states
from campaigns.services.duplicates import duplicate_campaign
from campaigns.services.errors import CampaignInvalid

State = Campaign.State
# which buttons a campaign in this state has
OFFERED: dict[str, tuple[str, ...]] = {
    State.DRAFT: ("launch", "schedule", "duplicate"),
    State.SCHEDULED: ("unschedule", "cancel", "duplicate"),
    State.LAUNCHING: ("cancel", "duplicate"),
    State.SENDING: ("pause", "change_pace", "cancel", "duplicate"),
    State.PAUSED: ("resume", "change_pace", "cancel", "duplicate"),
    State.SENT: ("duplicate",),
    State.CANCELLED: ("duplicate",),
}


def page_of_campaign(object_id: str | int) -> str:
    return reverse("admin:campaigns_campaign_change", args=[object_id])


class CampaignActions(ModelAdmin):
    """Mixed into the campaign's admin."""

    actions_detail = ("launch", "schedule", "unschedule", "pause", "resume", "change_pace", "cancel", "duplicate")

    # named for unfold, whose system check asks the database for permissions of the form "app.codename"
    def has_launch_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm("campaigns.launch_campaign")

    def has_duplicate_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm("campaigns.add_campaign")

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        state = rows_with(Campaign, object_id).values_list("state", flat=True).first()
        names = [f"campaigns_campaign_{name}" for name in OFFERED.get(state or "", ())]
        return [one for one in super().get_actions_detail(request, object_id) if one.action_name in names]

    def change_state(
        self, request: HttpRequest, object_id: str, change: Callable[..., Any], success: str, **arguments: Any
    ) -> HttpResponse:
        campaign = find(Campaign, object_id)
        try:
            change(campaign_id=campaign.pk, by=request.user, **arguments)
        except states.StateConflict as error:
            messages.error(request, str(error))
        except CampaignInvalid as error:
            for problem in error.problems:
                messages.error(request, str(problem))
        else:
            self.log_change(request, campaign, success)
            messages.success(request, success)
        return finish(request, page_of_campaign(object_id))

    @action(
        description="Launch",
        icon="rocket_launch",
        permissions=["launch"],
        variant=ActionVariant.PRIMARY,
        dialog={
            "title": "Launch this campaign now?",
            "description": "The content and the audience are frozen, and sending begins within seconds.",
            "form_class": LaunchForm,
            "form_submit_text": "Launch now",
        },
    )
    def launch(self, request: HttpRequest, _form: LaunchForm, object_id: str) -> HttpResponse:
        words = "The campaign is on its way. You can pause or cancel it at any time."
        return self.change_state(request, object_id, states.schedule_campaign, words)

    @action(
        description="Schedule",
        icon="schedule_send",
        permissions=["launch"],
        dialog={
            "title": "Schedule this campaign",
            "description": "The audience is worked out when the time has come.",
            "form_class": ScheduleForm,
            "form_submit_text": "Schedule",
        },
    )
    def schedule(self, request: HttpRequest, form: ScheduleForm, object_id: str) -> HttpResponse:
        at = form.cleaned_data["at"]
        words = f"The campaign is scheduled for {date_format(timezone.localtime(at), 'j F Y, H:i e')}."
        return self.change_state(request, object_id, states.schedule_campaign, words, at=at)

    @action(
        description="Back to draft",
        icon="edit_note",
        permissions=["launch"],
        dialog={
            "title": "Put this campaign back to draft?",
            "description": "It will not be sent at its time. You can edit it and schedule it again.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Back to draft",
        },
    )
    def unschedule(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self.change_state(request, object_id, states.unschedule_campaign, "The campaign is a draft again.")

    @action(
        description="Pause",
        icon="pause_circle",
        permissions=["launch"],
        variant=ActionVariant.WARNING,
        dialog={
            "title": "Pause this campaign?",
            "description": "E-mails that are being handed over are finished; no new ones begin until you resume.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Pause",
        },
    )
    def pause(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self.change_state(request, object_id, states.pause_campaign, "The campaign is paused.")

    @action(
        description="Resume",
        icon="play_circle",
        permissions=["launch"],
        variant=ActionVariant.PRIMARY,
        dialog={
            "title": "Resume this campaign?",
            "description": "Sending goes on where it stopped. Nobody gets a second copy.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Resume",
        },
    )
    def resume(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self.change_state(request, object_id, states.resume_campaign, "The campaign goes on.")

    @action(
        description="Change pace",
        icon="speed",
        permissions=["launch"],
        dialog={
            "title": "Change pace and hours",
            "description": "Takes effect within seconds. E-mails that are being handed over are finished.",
            "form_class": ChangePaceForm,
            "form_submit_text": "Change",
        },
    )
    def change_pace(self, request: HttpRequest, form: ChangePaceForm, object_id: str) -> HttpResponse:
        new = form.pace()
        words = f"The pace is now: {new}."
        return self.change_state(request, object_id, pace.change_pace, words, pace=new, before=form.before)

    @action(
        description="Cancel",
        icon="cancel",
        permissions=["launch"],
        variant=ActionVariant.DANGER,
        dialog={
            "title": "Cancel this campaign for good?",
            "danger": True,
            "description": "What has been sent stays sent. All other leads are recorded as skipped. "
            "A cancelled campaign cannot be resumed; you can duplicate it.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Cancel the campaign",
        },
    )
    def cancel(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self.change_state(request, object_id, states.cancel_campaign, "The campaign is cancelled.")

    @action(
        description="Duplicate",
        icon="content_copy",
        permissions=["duplicate"],
        dialog={
            "title": "Duplicate this campaign?",
            "description": "A new draft with the same content, audience, pace, pool and limits. Nothing is sent.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Duplicate",
        },
    )
    def duplicate(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        copy = duplicate_campaign(find(Campaign, object_id), by=request.user)
        self.log_addition(request, copy, [{"added": {}}])
        messages.success(request, "This is the copy. Give it a name of its own.")
        return finish(request, page_of_campaign(copy.pk))
