"""The two steps of an upload: the file, then what its columns are taken for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django import forms
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from campaigns import enqueue
from campaigns.admin.base import demand, render_page
from campaigns.leads import imports, uploads
from campaigns.leads.columns import ATTRIBUTE_PREFIX, FIELDS, IGNORE, Column
from campaigns.leads.errors import FileRefused
from campaigns.leads.plan import FilePlan, inspect_file
from campaigns.models import MailingList

ADD = "campaigns.add_leadimport"
SALT = "campaigns.upload"
# how long somebody may look at the columns before the file is asked for again
TOKEN_SECONDS = 24 * 3600
FIELD_LABELS = {
    "email": "E-mail address", "first_name": "First name", "last_name": "Last name", "name": "Whole name",
    "language": "Language", "time_zone": "Time zone", "tags": "Tags", "status": "Status",
    "attributes": "Attributes (JSON)",
}  # fmt: skip


class UploadForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        widget=UnfoldAdminFileFieldWidget(),
        help_text="Any separator and encoding, also packed with gzip. The first line names the columns.",
    )
    mailing_list = forms.ModelChoiceField(
        MailingList.objects.all(),
        label="Add to list",
        required=False,
        widget=UnfoldAdminSelectWidget(),
        empty_label="No list",
    )


@require_http_methods(["GET", "POST"])
def upload_view(request: HttpRequest) -> HttpResponse:
    """Step one: keep the file and look at its beginning."""
    demand(request, ADD)
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        token = keep(request, form)
        if token:
            return HttpResponseRedirect(f"{reverse('admin:campaigns_leadimport_map')}?upload={token}")
    return render_page(request, "admin/campaigns/leadimport/upload.html", title="Import leads", form=form)


def keep(request: HttpRequest, form: UploadForm) -> str:
    """Store the upload; a signed token that names it, "" with the reason in the form where it is refused."""
    file, mailing_list = form.cleaned_data["file"], form.cleaned_data["mailing_list"]
    try:
        path = uploads.store(file)
    except FileRefused as error:
        form.add_error("file", str(error))
        return ""
    try:
        inspect_file(path)
    except FileRefused as error:
        # a file without a column of addresses may still be mapped by hand; others are refused here
        uploads.discard(path)
        form.add_error("file", str(error))
        return ""
    kept = {
        "file": path.name,
        "name": str(file.name),
        "list": mailing_list.pk if mailing_list else None,
        "user": request.user.pk,
    }
    return signing.dumps(kept, salt=SALT)


@require_http_methods(["GET", "POST"])
def map_view(request: HttpRequest) -> HttpResponse:
    """Step two: the columns as they are taken, which a person may change; POST starts the import."""
    demand(request, ADD)
    kept = opened(request)
    if kept is None:
        messages.warning(request, "This upload is no longer there. Choose the file again.")
        return HttpResponseRedirect(reverse("admin:campaigns_leadimport_add"))
    path = uploads.folder() / kept["file"]
    error, mapping = "", {}
    plan = inspect_file(path)
    if request.method == "POST":
        mapping = chosen(request, plan)
        try:
            inspect_file(path, mapping=mapping)
        except FileRefused as refused:
            error = str(refused)
        else:
            return start(request, kept, path, mapping)
    context = {
        "file_name": kept["name"],
        "columns": [described(column, plan, mapping) for column in plan.columns],
        "mailing_list": MailingList.objects.filter(pk=kept["list"]).first(),
        "error": error,
        "plan": plan,
    }
    return render_page(request, "admin/campaigns/leadimport/map.html", title="Check the columns", **context)


def opened(request: HttpRequest) -> dict[str, Any] | None:
    """What the token names, None when it is forged, old, somebody else's, or its file is gone."""
    try:
        kept: dict[str, Any] = signing.loads(request.GET.get("upload", ""), salt=SALT, max_age=TOKEN_SECONDS)
    except signing.BadSignature:
        return None
    is_mine = kept["user"] == request.user.pk
    return kept if is_mine and (uploads.folder() / Path(kept["file"]).name).is_file() else None


def key_of_column(column: Column, plan: FilePlan) -> str:
    """How a mapping names the column: by its header where that is unambiguous, else by its number."""
    same = sum(other.header == column.header for other in plan.columns)
    return column.header if column.header and same == 1 else str(column.index + 1)


def chosen(request: HttpRequest, plan: FilePlan) -> dict[str, str]:
    """Column to field, as the selects were sent."""
    return {
        key_of_column(column, plan): request.POST.get(f"column_{column.index}", column.target)
        for column in plan.columns
    }


def described(column: Column, plan: FilePlan, mapping: dict[str, str]) -> dict[str, Any]:
    """One line of the table: header, examples, choices, and what is chosen."""
    own = column.target if column.target.startswith(ATTRIBUTE_PREFIX) else f"{ATTRIBUTE_PREFIX}{column.header}"
    choices = [(field, FIELD_LABELS[field]) for field in FIELDS]
    if own != ATTRIBUTE_PREFIX:
        choices.append((own, f"Attribute {own.removeprefix(ATTRIBUTE_PREFIX)}"))
    choices.append((IGNORE, "Leave out"))
    examples = [row[column.index] for row in plan.rows if column.index < len(row) and row[column.index].strip()]
    return {
        "index": column.index,
        "header": column.header or f"Column {column.index + 1}",
        "examples": ", ".join(example[:40] for example in examples[:3]),
        "choices": choices,
        "chosen": mapping.get(key_of_column(column, plan), column.target),
    }


def start(request: HttpRequest, kept: dict[str, Any], path: Path, mapping: dict[str, str]) -> HttpResponse:
    """Make the import and wake a worker."""
    row = imports.register_import(
        path=path,
        name=kept["name"],
        mailing_list=MailingList.objects.filter(pk=kept["list"]).first(),
        mapping=mapping,
        user=request.user,
    )
    enqueue.import_leads(row.pk)
    messages.success(request, "The import is under way. You may leave this page.")
    return HttpResponseRedirect(reverse("admin:campaigns_leadimport_change", args=[row.pk]))
