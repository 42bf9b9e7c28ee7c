"""Marking unknown e-mails as sent by the provider's log: upload, look at what it says, apply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django import forms
from django.contrib import messages
from django.core import signing
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget

from campaigns.admin.base import demand, find, render_page
from campaigns.leads import uploads
from campaigns.leads.errors import FileRefused
from campaigns.leads.source import describe_bytes
from campaigns.models import Campaign
from delivery import unknown
from delivery.admin.unknown import RESOLVE, page_of_unknown, plural

SALT = "delivery.provider-log"
TOKEN_SECONDS = 24 * 3600
# it is read while the person waits
MAX_BYTES = 64 * 1024**2


class LogForm(forms.Form):
    file = forms.FileField(
        label="Log as a CSV file",
        widget=UnfoldAdminFileFieldWidget(),
        help_text="Any separator and encoding, also packed with gzip.",
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError(
                f"The file is larger than {describe_bytes(MAX_BYTES)}. Keep the lines of this campaign only."
            )
        return file


class NoteForm(forms.Form):
    note = forms.CharField(
        label="Note", required=False, max_length=1000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )


@require_http_methods(["GET", "POST"])
def upload_view(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Step one: the file. Nothing is changed by it."""
    demand(request, RESOLVE)
    campaign = find(Campaign, campaign_id)
    form = LogForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        token = keep(request, form, campaign)
        if token:
            return HttpResponseRedirect(f"{reverse('delivery_unknown_log_preview', args=[campaign.pk])}?log={token}")
    context = {"campaign": campaign, "form": form, "back": page_of_unknown(campaign.pk)}
    return render_page(request, "admin/delivery/unknown/upload.html", title="Mark as sent by a log", **context)


def keep(request: HttpRequest, form: LogForm, campaign: Campaign) -> str:
    """Store the log; a signed token that names it, "" with the reason in the form where it is no log."""
    try:
        path = uploads.store(form.cleaned_data["file"])
    except FileRefused as error:
        form.add_error("file", str(error))
        return ""
    try:
        read(campaign, path)
    except FileRefused as error:
        discard(path)
        form.add_error("file", str(error))
        return ""
    kept = {"file": path.name, "name": str(form.cleaned_data["file"].name), "of": campaign.pk, "user": request.user.pk}
    return signing.dumps(kept, salt=SALT)


def read(campaign: Campaign, path: Path) -> unknown.LogReport:
    return unknown.mark_from_log(campaign_id=campaign.pk, file=path, by=None, dry_run=True, rejects=rejects_of(path))


def rejects_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}-rejected.csv")


def discard(path: Path) -> None:
    uploads.discard(path)
    uploads.discard(rejects_of(path))


@require_http_methods(["GET", "POST"])
def preview_view(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Step two: what the log says; POST marks as sent what it proves."""
    demand(request, RESOLVE)
    campaign = find(Campaign, campaign_id)
    kept = opened(request, campaign)
    if kept is None:
        messages.warning(request, "This log is no longer there. Choose the file again.")
        return HttpResponseRedirect(reverse("delivery_unknown_log", args=[campaign.pk]))
    path = uploads.folder() / kept["file"]
    form = NoteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return apply(request, campaign, path, form.cleaned_data["note"])
    context = {
        "campaign": campaign,
        "report": read(campaign, path),
        "file_name": kept["name"],
        "form": form,
        "rejects_url": f"{reverse('delivery_unknown_log_rejects', args=[campaign.pk])}?log={request.GET['log']}",
        "back": page_of_unknown(campaign.pk),
    }
    return render_page(request, "admin/delivery/unknown/preview.html", title="What the log says", **context)


def apply(request: HttpRequest, campaign: Campaign, path: Path, note: str) -> HttpResponse:
    report = unknown.mark_from_log(campaign_id=campaign.pk, file=path, by=request.user, note=note)
    discard(path)
    words = f"{report.changed:,} unknown e-mail{plural(report.changed)} marked as sent."
    (messages.success if report.changed else messages.info)(request, words)
    return HttpResponseRedirect(page_of_unknown(campaign.pk))


@require_safe
def rejects_view(request: HttpRequest, campaign_id: int) -> FileResponse:
    """The lines that were not understood, as a file."""
    demand(request, RESOLVE)
    kept = opened(request, find(Campaign, campaign_id))
    file = rejects_of(uploads.folder() / kept["file"]) if kept else None
    if kept is None or file is None or not file.is_file():
        raise Http404("There is no file of lines that were not understood.")
    name = f"{Path(kept['name']).stem}-rejected.csv"
    return FileResponse(file.open("rb"), as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")


def opened(request: HttpRequest, campaign: Campaign) -> dict[str, Any] | None:
    """What the token names; None when it is forged, old, another person's or campaign's, or its file is gone."""
    try:
        kept: dict[str, Any] = signing.loads(request.GET.get("log", ""), salt=SALT, max_age=TOKEN_SECONDS)
    except signing.BadSignature:
        return None
    is_mine = (kept["user"], kept["of"]) == (request.user.pk, campaign.pk)
    return kept if is_mine and (uploads.folder() / Path(kept["file"]).name).is_file() else None
