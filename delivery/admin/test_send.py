"""One e-mail of a draft to one's own mailbox, before anybody else gets it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from unfold.forms import BaseDialogForm
from unfold.widgets import INPUT_CLASSES

from campaigns import addresses
from campaigns.admin.base import demand, find, finish
from campaigns.content import ContentInvalid
from campaigns.models import Campaign, Lead
from delivery import transactional

DIALOG = {
    "title": "Send a test",
    "description": "One real e-mail of this campaign as it is saved now. It counts nowhere.",
}


class TestSendForm(BaseDialogForm):
    to = forms.CharField(label="To", max_length=254, widget=forms.EmailInput({"class": " ".join(INPUT_CLASSES)}))
    lead = forms.CharField(
        label="As seen by",
        required=False,
        max_length=254,
        widget=forms.TextInput({"class": " ".join(INPUT_CLASSES)}),
        help_text="Address of a lead whose data fills the merge tags; the newest one when left empty.",
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.fields["to"].initial = getattr(request.user, "email", "")

    def clean_to(self) -> str:
        try:
            return addresses.normalise(self.cleaned_data["to"])
        except addresses.AddressInvalid as error:
            raise forms.ValidationError(str(error)) from error

    def clean_lead(self) -> Lead | None:
        address = self.cleaned_data["lead"].strip().lower()
        if not address:
            return None
        found = Lead.objects.filter(email=address).first()
        if found is None:
            raise forms.ValidationError(f"No lead has the address {address}.")
        return found


@require_http_methods(["GET", "POST"])
def test_send_view(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """The dialog on GET, the sending on POST."""
    # the mail carries a lead's data out: seeing leads is asked for as well
    demand(request, "campaigns.change_campaign", "campaigns.view_lead")
    campaign = find(Campaign, campaign_id)
    form = TestSendForm(data=request.POST or None, request=request, object_id=campaign_id)
    if request.method == "POST" and form.is_valid() and send_test(form, campaign):
        messages.success(request, f"The test is on its way to {form.cleaned_data['to']}.")
        return finish(request, reverse("admin:campaigns_campaign_change", args=[campaign.pk]))
    context = {"dialog": DIALOG, "form": form, "form_submit_text": "Send the test"}
    return render(request, "unfold/helpers/dialog.html", context)


def send_test(form: TestSendForm, campaign: Campaign) -> bool:
    """Queue it; False, with the problems in the form, where the content cannot be sent."""
    lead = form.cleaned_data.get("lead")
    try:
        transactional.queue_test(campaign_id=campaign.pk, to=form.cleaned_data["to"], lead_id=lead.pk if lead else None)
    except ContentInvalid as error:
        for problem in error.problems:
            if problem.is_error:
                form.add_error(None, str(problem))
        return False
    return True
