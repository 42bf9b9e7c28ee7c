"""The health of a provider on its page and in the list; what a connection test found, in words."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from campaigns.templatetags.humanise import grouped
from delivery import provider_health
from delivery.admin.provider_panels import provider_panels
from delivery.admin.provider_warm_up import plan_rows
from delivery.engine.smtp import ProbeReport
from delivery.models import PoolMember, Provider

HEALTH_VARIANTS = {"success": "success", "warning": "warning", "danger": "danger", "default": "default"}
MEGABYTE = 1_000_000


class ProviderHealth(ModelAdmin):
    """Mixed into the provider's admin."""

    def get_queryset(self, request: HttpRequest) -> Any:
        members = PoolMember.objects.select_related("pool")
        return super().get_queryset(request).prefetch_related(Prefetch("memberships", members))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        found = super().get_changelist_instance(request)
        rows = list(found.result_list)
        glances = provider_health.glances(rows)
        totals = provider_health.todays_total([row.pk for row in rows])
        for row in rows:
            row.glance, row.accepted_today = glances[row.pk], totals[row.pk]
        found.result_list = rows
        return found

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> TemplateResponse | HttpResponse:
        provider: Provider | None = kwargs.get("obj")
        if provider is not None:
            context["health"] = provider_health.health(provider)
            context["plans"] = plan_rows(provider)
            context["panels"] = provider_panels(request, provider)
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description="Health", label=HEALTH_VARIANTS)
    def health_shown(self, provider: Any) -> tuple[str, str]:
        return provider.glance.variant, provider.glance.words

    @display(description="Accepted today")
    def accepted_shown(self, provider: Any) -> str:
        return grouped(provider.accepted_today)

    @display(description="Pools")
    def pool_names(self, provider: Provider) -> str:
        return ", ".join(member.pool.name for member in provider.memberships.all()) or "none: it gets no mail"


def describe_report(report: ProbeReport) -> str:
    """A report that went well, in sentences a person understands."""
    return f"{_speed(report)} {_session(report)} {_offers(report)}"


def _speed(report: ProbeReport) -> str:
    return (
        f"The server answers: {report.connect_seconds * 1000:.0f} ms until a session is open, "
        f"{report.latency_seconds * 1000:.0f} ms for each command."
    )


def _session(report: ProbeReport) -> str:
    secured = f"encrypted with {report.tls_version}" if report.tls_version else "not encrypted"
    if report.authenticated:
        login = "logged in"
    elif report.auth_mechanisms:
        login = "not logged in, though it offers a log-in"
    else:
        login = "no log-in asked for"
    methods = f" (it takes {', '.join(report.auth_mechanisms)})" if report.auth_mechanisms else ""
    return f"The session is {secured}; {login}{methods}."


def _offers(report: ProbeReport) -> str:
    if report.pipelining and report.chunking:
        ways = "It takes several messages at once (PIPELINING and CHUNKING)"
    elif report.pipelining:
        ways = "It takes commands in one go (PIPELINING), one message at a time (no CHUNKING),"
    else:
        ways = "It takes one command at a time"
    size = f"messages of up to {report.size_limit / MEGABYTE:,.0f} MB" if report.size_limit else "names no size limit"
    return f"{ways} and {size}."
