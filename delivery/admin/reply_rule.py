"""Reply rules: an operator's own, the built-in ones, and a page to try a reply on both."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods, require_safe
from unfold.admin import ModelAdmin
from unfold.decorators import display

from campaigns.admin.base import demand, guarded, render_page
from delivery import reply_rules, reply_words
from delivery.admin.reply_rule_form import GROUPS, ReplyRuleForm
from delivery.engine.outcome import Kind
from delivery.models import Provider, ReplyRule
from delivery.reply_effect import effect_of

VIEW = "delivery.view_replyrule"
VARIANTS = {kind.value: variant for kind, variant in reply_words.VARIANTS.items()}
LONGEST_PASTED = 20_000


@admin.register(ReplyRule)
class ReplyRuleAdmin(ModelAdmin):
    form = ReplyRuleForm
    list_display = ("name", "outcome_badge", "conditions", "scope", "position", "is_active")
    sortable_by = ()
    search_fields = ("name", "reason", "phrases")
    search_help_text = "Search by name, reason or phrase"
    actions = None
    list_before_template = "admin/delivery/replyrule/list_before.html"
    fieldsets = (
        (None, {"fields": ("name", "position", "is_active")}),
        ("What it says", {"fields": ("outcome", "reason", "pause_minutes")}),
        ("When it counts", {"fields": ("codes", "enhanced", "phrases", "unless")}),
        ("Only for", {"fields": (("mailbox_group", "provider"),)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReplyRule]:
        return super().get_queryset(request).select_related("provider")

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("try/", guarded(try_view), name="delivery_replyrule_try"),
            path("built-in/", guarded(built_in_view), name="delivery_replyrule_built_in"),
        ]
        return own + super().get_urls()

    def save_model(self, request: HttpRequest, obj: ReplyRule, form: ReplyRuleForm, change: bool) -> None:
        others = reply_rules.load_without(obj)
        super().save_model(request, obj, form, change)
        if obj.is_active:
            self.say_effect(request, obj, others)

    def say_effect(self, request: HttpRequest, obj: ReplyRule, others: Any) -> None:
        """Tell what the rule would have changed, loudly where it would suppress many addresses."""
        effect = effect_of(reply_rules.rule_of(obj), others)
        if effect.is_alarming:
            messages.warning(
                request,
                f"Careful: of the last {effect.looked_at:,} refusals this rule would have made {effect.newly_hard:,}"
                " hard bounces that were none, and suppressed their addresses, such as"
                f" “{effect.example}”. Switch the rule off if that is not meant.",
            )
        elif effect.looked_at:
            messages.info(request, f"Of the last {effect.looked_at:,} refusals this rule decides {effect.decided:,}.")

    @display(description="Class", label=VARIANTS)
    def outcome_badge(self, rule: ReplyRule) -> tuple[str, str]:
        return rule.outcome, reply_words.CLASS_WORDS[Kind(rule.outcome)]

    @display(description="Counts for")
    def conditions(self, rule: ReplyRule) -> str:
        phrases = reply_rules.lines_of(rule.phrases)
        more = f" and {len(phrases) - 1} more" if len(phrases) > 1 else ""
        parts = [rule.codes, rule.enhanced, f"“{phrases[0]}”{more}" if phrases else ""]
        return ", ".join(part for part in parts if part)

    @display(description="Only for")
    def scope(self, rule: ReplyRule) -> str:
        parts = [rule.mailbox_group, str(rule.provider) if rule.provider else ""]
        return " by ".join(part for part in parts if part) or "everybody"


class TryForm(forms.Form):
    """What a person wants judged. The fields are drawn by the page's own template."""

    reply = forms.CharField(max_length=LONGEST_PASTED)
    group = forms.ChoiceField(choices=GROUPS, required=False)
    provider = forms.ModelChoiceField(Provider.objects.all(), required=False)


@require_http_methods(["GET", "POST"])
def try_view(request: HttpRequest) -> HttpResponse:
    """Judge a pasted reply. POST though nothing changes: replies name people, and addresses of pages go to logs."""
    demand(request, VIEW)
    form = TryForm(request.POST or None)
    judged, remark = None, ""
    if request.method == "POST":
        if form.is_valid():
            provider = form.cleaned_data["provider"]
            try:
                judged = reply_words.judge_text(
                    form.cleaned_data["reply"],
                    reply_rules.current(),
                    group=form.cleaned_data["group"],
                    provider_id=provider.pk if provider else None,
                )
            except reply_words.NoReply as error:
                remark = str(error)
        else:
            remark = "Paste a reply of up to 20,000 characters."
    context = {
        "judged": judged,
        "remark": remark,
        "reply": request.POST.get("reply", "")[:LONGEST_PASTED],
        "chosen_group": request.POST.get("group", ""),
        "chosen_provider": request.POST.get("provider", ""),
        "groups": GROUPS,
        "providers": Provider.objects.order_by("name"),
        "own_id": own_id(judged),
    }
    return render_page(request, "admin/delivery/replyrule/try.html", title="Try a reply", **context)


def own_id(judged: reply_words.Judged | None) -> int | None:
    if judged is None or not judged.is_own:
        return None
    return ReplyRule.objects.filter(name=judged.verdict.rule).values_list("pk", flat=True).first()


@require_safe
def built_in_view(request: HttpRequest) -> HttpResponse:
    """The whole built-in table, in the order in which it is looked at."""
    demand(request, VIEW)
    context = {
        "tables": (("Replies of mail servers", reply_words.table_lines()), ("Texts of ESPs", reply_words.esp_lines()))
    }
    return render_page(request, "admin/delivery/replyrule/built_in.html", title="Built-in reply rules", **context)
