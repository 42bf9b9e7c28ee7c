"""A page that asks before something is decided: GET shows the question, POST with its token makes the decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.widgets import UnfoldAdminTextareaWidget

from campaigns.admin.base import render_page
from delivery.unknown import DecisionRefused

MAX_LEADS = 1_000


@dataclass(frozen=True, slots=True)
class Question:
    """text: paragraphs. confirm: words of a box that must be ticked, "" for none. back: where to go afterwards."""

    title: str
    text: tuple[str, ...]
    submit: str
    back: str
    confirm: str = ""
    danger: bool = False
    has_note: bool = True


class DecisionForm(forms.Form):
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=1000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Why? It is kept with the decision.",
    )
    confirm = forms.BooleanField(required=True, error_messages={"required": "Tick the box if you are sure."})

    def __init__(self, question: Question, data: Any = None) -> None:
        super().__init__(data)
        if not question.has_note:
            del self.fields["note"]
        if question.confirm:
            self.fields["confirm"].label = question.confirm
        else:
            del self.fields["confirm"]


def chosen_leads(request: HttpRequest) -> list[int] | None:
    """The leads that the form or the address names (`lead`, many times); None for all of the campaign (`all=1`)."""
    sent = request.POST if request.method == "POST" else request.GET
    if sent.get("all"):
        return None
    named = sent.getlist("lead")[:MAX_LEADS]
    return [int(text) for text in named if text.isascii() and text.isdecimal() and len(text) < 19]


def decide(request: HttpRequest, question: Question, act: Callable[[str], str]) -> HttpResponse:
    """The page, or the decision and the way back. act: takes the note, gives the words for the person."""
    form = DecisionForm(question, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            messages.success(request, act(form.cleaned_data.get("note", "")))
        except DecisionRefused as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(question.back)
    context = {"question": question, "form": form, "leads": chosen_leads(request)}
    return render_page(request, "admin/delivery/unknown/decide.html", title=question.title, **context)
