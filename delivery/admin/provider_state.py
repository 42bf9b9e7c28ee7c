"""Pausing, draining and activating a provider: each asks in a dialog and is done by its POST."""

from __future__ import annotations

from typing import Any

import redis
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from campaigns.admin.base import find, finish, rows_with
from delivery import circuit, provider_events, provider_health
from delivery.models import Provider, ProviderEvent

State = Provider.State
CHANGE = "delivery.change_provider"
STATE_VARIANTS = {"active": "success", "draining": "warning", "paused": "default"}
OFFERED: dict[str, tuple[str, ...]] = {
    State.ACTIVE: ("drain", "pause"),
    State.DRAINING: ("activate", "pause"),
    State.PAUSED: ("activate",),
}


def page_of_provider(provider_id: int) -> str:
    return reverse("admin:delivery_provider_change", args=[provider_id])


class ProviderStates(ModelAdmin):
    """Mixed into the provider's admin."""

    actions_detail = ("activate", "drain", "pause", "try_again")

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        state = rows_with(Provider, object_id).values_list("state", flat=True).first()
        names = OFFERED.get(state or "", ())
        if state == State.ACTIVE and is_cut_off(object_id):
            names = ("try_again", *names)
        offered = {f"delivery_provider_{name}" for name in names}
        return [one for one in super().get_actions_detail(request, object_id) if one.action_name in offered]

    # named for unfold, whose system check asks the database for permissions of the form "app.codename"
    def has_operate_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm(CHANGE)

    @action(
        description="Activate",
        icon="play_circle",
        permissions=["operate"],
        variant=ActionVariant.PRIMARY,
        dialog={
            "title": "Activate this provider?",
            "description": "Its pools send through it again.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Activate",
        },
    )
    def activate(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self.move(request, object_id, State.ACTIVE, "The provider is active.")

    @action(
        description="Drain",
        icon="hourglass_bottom",
        permissions=["operate"],
        dialog={
            "title": "Drain this provider?",
            "description": "It takes no new mail; what it has in hand is finished. A minute later it is paused.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Drain",
        },
    )
    def drain(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self.move(request, object_id, State.DRAINING, "The provider takes no new mail.")

    @action(
        description="Pause",
        icon="pause_circle",
        permissions=["operate"],
        variant=ActionVariant.WARNING,
        dialog={
            "title": "Pause this provider?",
            "description": "No more mail leaves through it. Other providers of its pools take over.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Pause",
        },
    )
    def pause(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self.move(request, object_id, State.PAUSED, "The provider is paused.")

    @action(
        description="Try again now",
        icon="electrical_services",
        permissions=["operate"],
        dialog={
            "title": "Send through this provider again at once?",
            "description": "It was cut off because it could not be reached. If that is mended, there is no need to "
            "wait; if not, it is cut off again after some messages.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Try again",
        },
    )
    def try_again(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        provider = find(Provider, object_id)
        try:
            circuit.reset(provider.pk)
        except redis.RedisError as error:
            messages.error(request, f"Redis does not answer, nothing was changed: {error}")
        else:
            self.note(request, provider, "Its circuit was closed by hand.")
            messages.success(request, "Mail goes through the provider again.")
        return finish(request, page_of_provider(provider.pk))

    def move(self, request: HttpRequest, object_id: str, state: str, words: str) -> HttpResponse:
        provider = find(Provider, object_id)
        if provider.move(state):
            self.note(request, provider, words)
        messages.success(request, words)
        return finish(request, page_of_provider(provider.pk))

    def note(self, request: HttpRequest, provider: Provider, words: str) -> None:
        """In the log of the admin, and among what happened to the provider."""
        self.log_change(request, provider, words)
        provider_events.note(provider.pk, ProviderEvent.Kind.CHANGED, f"{words} By {request.user.get_username()}.")


def is_cut_off(provider_id: int) -> bool:
    known = provider_health.read_circuits([int(provider_id)])
    return known is not None and known[int(provider_id)].state != "closed"
