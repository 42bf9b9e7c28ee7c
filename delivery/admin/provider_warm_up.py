"""Warm-up plans on a provider's page: what they allow today, and the dialogs that change them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django import forms
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods
from unfold.forms import BaseDialogForm
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from campaigns.addresses import MAILBOX_GROUPS
from campaigns.admin.base import demand, find, finish, guarded
from delivery import warm_up
from delivery.admin.provider_state import page_of_provider
from delivery.engine import warmup
from delivery.models import Provider, WarmUp
from delivery.models.limits import PUBLISHED_RAMP

MOST_STAGES = 100
MOST_A_DAY = 100_000_000


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan as the page shows it. ceiling, next: None where there is none."""

    plan: WarmUp
    label: str
    variant: str
    ceiling: int | None
    next: int | None
    used: int
    days: int

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.used / self.ceiling)) if self.ceiling else 0


def plan_rows(provider: Provider) -> list[PlanRow]:
    """The provider's plans, the one for everybody first."""
    rows = list(provider.warm_ups.order_by("mailbox_group"))
    used = warm_up.used_today(rows)
    return [_row(row, used[row.pk], provider) for row in rows]


def _row(row: WarmUp, used: int, provider: Provider) -> PlanRow:
    plan = warm_up.plan_of(row)
    label, variant = row.get_state_display(), "success"
    if row.state == WarmUp.State.FROZEN:
        variant = "warning"
    elif plan.held:
        label, variant = "Held", "warning"
    ceiling = warmup.ceiling(plan)
    following = warmup.ceiling_of(plan.ramp, row.stage + 1) if row.state == WarmUp.State.RUNNING else None
    whole = warmup.days_until_done(plan.ramp, provider.rate_per_day)
    return PlanRow(row, label, variant, ceiling, following, used, max(0, whole - row.stage))


class StartForm(BaseDialogForm):
    mailbox_group = forms.ChoiceField(
        label="For mail to", required=False, widget=UnfoldAdminSelectWidget(), help_text="Each group may have a plan."
    )
    ramp = forms.CharField(
        label="E-mails a day",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "class": " ".join(INPUT_CLASSES)}),
        help_text="One number for each day with mail, with spaces or commas between them. After the last one the "
        "ceiling rises by a fifth a day, later by a tenth.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        taken = set(WarmUp.objects.filter(provider_id=self.object_id).values_list("mailbox_group", flat=True))
        choices = [("", "all mailboxes"), *((group, group) for group in MAILBOX_GROUPS)]
        self.fields["mailbox_group"].choices = [one for one in choices if one[0] not in taken]
        self.fields["ramp"].initial = ", ".join(map(str, PUBLISHED_RAMP))

    def clean_ramp(self) -> list[int]:
        return parse_ramp(self.cleaned_data["ramp"])


class FreezeForm(BaseDialogForm):
    reason = forms.CharField(
        label="Why",
        required=False,
        max_length=200,
        widget=forms.TextInput({"class": " ".join(INPUT_CLASSES)}),
        help_text="It stands beside the plan.",
    )


def parse_ramp(text: str) -> list[int]:
    """ "200, 500, 1000" as numbers. Raises ValidationError that names what is wrong."""
    parts = [part for part in re.split(r"[\s,;]+", text.strip()) if part]
    wrong = next((part for part in parts if not re.fullmatch(r"[0-9]{1,9}", part)), None)
    if wrong is not None:
        raise forms.ValidationError(f"“{wrong}” is no number. Write 200, 500, 1000 and so on, without separators.")
    ramp = [int(part) for part in parts]
    if not ramp or len(ramp) > MOST_STAGES:
        raise forms.ValidationError(f"Write one number at least and {MOST_STAGES} at most.")
    if min(ramp) < 1 or max(ramp) > MOST_A_DAY:
        raise forms.ValidationError(f"A day has one e-mail at least and {MOST_A_DAY:,} at most.")
    fall = next((later for earlier, later in pairwise(ramp) if later < earlier), None)
    if fall is not None:
        raise forms.ValidationError(f"{fall:,} is less than the day before. A warm-up only rises.")
    return ramp


@require_http_methods(["GET", "POST"])
def start_view(request: HttpRequest, provider_id: int) -> HttpResponse:
    """Begin a plan."""
    demand(request, "delivery.add_warmup")
    provider = find(Provider, provider_id)
    form = StartForm(data=request.POST or None, request=request, object_id=provider.pk)
    if request.method == "POST" and form.is_valid():
        group, ramp = form.cleaned_data["mailbox_group"], form.cleaned_data["ramp"]
        try:
            with transaction.atomic():
                warm_up.start(provider_id=provider.pk, mailbox_group=group, ramp=ramp, by=request.user.get_username())
        except IntegrityError:
            form.add_error("mailbox_group", "There is a plan for this group already.")
        else:
            messages.success(request, f"Today {ramp[0]:,} e-mails may leave for {group or 'all mailboxes'}.")
            return finish(request, page_of_provider(provider.pk))
    dialog = {
        "title": "Start a warm-up plan",
        "description": "A new sender that sends much at once is refused. The ceiling rises each day that used it.",
    }
    return render(request, "unfold/helpers/dialog.html", {"dialog": dialog, "form": form, "form_submit_text": "Start"})


@dataclass(frozen=True, slots=True)
class Change:
    """One dialog about one plan. act: takes the plan, the cleaned form and a name; False where it came too late."""

    title: str
    description: str
    submit: str
    act: Callable[[WarmUp, dict[str, Any], str], bool]
    done: str
    form: type[BaseDialogForm] = BaseDialogForm
    permission: str = "delivery.change_warmup"
    danger: bool = False


def _end(row: WarmUp, _form: dict[str, Any], by: str) -> bool:
    warm_up.end(row, by=by)
    return True


CHANGES = {
    "freeze": Change(
        "Freeze this plan?",
        "Its ceiling stays as it is until you resume it.",
        "Freeze",
        lambda row, form, by: warm_up.freeze(row, reason=form["reason"], by=by),
        "The plan is frozen.",
        FreezeForm,
    ),
    "resume": Change(
        "Resume this plan?",
        "From tomorrow on the ceiling rises again, as far as it is used.",
        "Resume",
        lambda row, _form, by: warm_up.resume(row, by=by),
        "The plan goes on.",
    ),
    "restart": Change(
        "Begin this plan anew?",
        "Today's ceiling is that of the first day again. What was sent today counts.",
        "Begin anew",
        lambda row, _form, by: warm_up.restart(row, by=by),
        "The plan begins anew.",
    ),
    "end": Change(
        "Remove this plan?",
        "No ceiling holds from then on but the provider's own limits.",
        "Remove",
        _end,
        "The plan is removed.",
        permission="delivery.delete_warmup",
        danger=True,
    ),
}


@require_http_methods(["GET", "POST"])
def change_view(request: HttpRequest, plan_id: int, change: str) -> HttpResponse:
    """The dialog on GET, the change on POST."""
    asked = CHANGES[change]
    demand(request, asked.permission)
    row = find(WarmUp, plan_id)
    form = asked.form(data=request.POST or None, request=request, object_id=plan_id)
    if request.method == "POST" and form.is_valid():
        if asked.act(row, form.cleaned_data, request.user.get_username()):
            messages.success(request, asked.done)
        else:
            messages.error(request, "The plan has changed in the meantime. Look again.")
        return finish(request, page_of_provider(row.provider_id))
    dialog = {"title": asked.title, "description": asked.description, "danger": asked.danger}
    context = {"dialog": dialog, "form": form, "form_submit_text": asked.submit}
    return render(request, "unfold/helpers/dialog.html", context)


def urls() -> list[URLPattern]:
    """Addresses below the provider's own."""
    own = [path("<int:provider_id>/warm-up/", guarded(start_view), name="delivery_provider_warm_up")]
    for name in CHANGES:
        own.append(
            path(
                f"warm-up/<int:plan_id>/{name}/",
                guarded(change_view),
                {"change": name},
                name=f"delivery_warmup_{name}",
            )
        )
    return own
