"""How the admin looks: unfold's settings. Read by the settings, so no model and no view is imported here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse, reverse_lazy

Item = dict[str, Any]

# blue-600 carries white text at a contrast of 5.2 : 1
PRIMARY = {
    "50": "oklch(97% .014 254.604)",
    "100": "oklch(93.2% .032 255.585)",
    "200": "oklch(88.2% .059 254.128)",
    "300": "oklch(80.9% .105 251.813)",
    "400": "oklch(70.7% .165 254.624)",
    "500": "oklch(62.3% .214 259.815)",
    "600": "oklch(54.6% .245 262.881)",
    "700": "oklch(48.8% .243 264.376)",
    "800": "oklch(42.4% .199 265.638)",
    "900": "oklch(37.9% .146 265.522)",
    "950": "oklch(28.2% .091 267.935)",
}


def asset(name: str) -> Callable[[HttpRequest], str]:
    """A callable that gives the address of one of our static files, as unfold's settings want it."""
    return lambda _request: static(f"massmailer/{name}")


def allowed(*permissions: str) -> Callable[[HttpRequest], bool]:
    """A callable that is true for people who hold one of `permissions`."""
    return lambda request: any(request.user.has_perm(permission) for permission in permissions)


def model_item(title: str, icon: str, model: str) -> Item:
    """The sidebar entry of a registered model, "app.model"; seen by those who may view it."""
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": allowed(f"{app}.view_{name}", f"{app}.change_{name}"),
    }


def page_item(title: str, icon: str, url_name: str, *permissions: str) -> Item:
    """The sidebar entry of a page of our own; left out where its address does not exist in this installation."""

    def link() -> str:
        try:
            return reverse(url_name)
        except NoReverseMatch:
            return ""

    return {"title": title, "icon": icon, "link": link, "permission": allowed(*permissions)}


def work_items() -> list[Item]:
    return [
        {"title": "Dashboard", "icon": "space_dashboard", "link": reverse_lazy("admin:index")},
        model_item("Campaigns", "campaign", "campaigns.campaign"),
        page_item("Reports", "monitoring", "tracking_reports", "tracking.view_reports"),
        model_item("Leads", "person", "campaigns.lead"),
        model_item("Lists", "list_alt", "campaigns.mailinglist"),
        model_item("Topics", "sell", "campaigns.topic"),
        model_item("Forms", "dynamic_form", "campaigns.subscriptionform"),
        model_item("Segments", "filter_alt", "campaigns.segment"),
        model_item("Templates", "draft", "campaigns.template"),
        model_item("Imports", "upload_file", "campaigns.leadimport"),
        model_item("Suppressions", "block", "campaigns.suppression"),
    ]


def delivery_items() -> list[Item]:
    return [
        model_item("Providers", "dns", "delivery.provider"),
        model_item("Pools", "hub", "delivery.pool"),
        model_item("Sending domains", "alternate_email", "delivery.sendingdomain"),
        model_item("Retries", "replay", "delivery.retrypolicy"),
        model_item("Reply rules", "rule", "delivery.replyrule"),
        model_item("Guardrails", "health_and_safety", "delivery.guardrailpolicy"),
        model_item("Sending policy", "speed", "delivery.sendingpolicy"),
        page_item("E-mails", "mail", "delivery_emails", "delivery.view_email"),
        page_item("Transactional messages", "receipt_long", "delivery_messages", "delivery.view_message"),
        model_item("Message streams", "call_split", "delivery.messagestream"),
        {
            **page_item("Dead letters", "unsubscribe", "delivery_dead", "delivery.view_email", "delivery.view_message"),
            "badge": "delivery.admin.dead_list.badge",
        },
        model_item("Decisions", "gavel", "delivery.unknowndecision"),
        model_item("Alerts", "notifications", "delivery.alert"),
        model_item("Opens and clicks", "ads_click", "tracking.visitorrule"),
        model_item("Webhooks", "webhook", "tracking.webhookendpoint"),
        model_item("Bounce mailboxes", "markunread_mailbox", "tracking.mailaccount"),
        model_item("Stray messages", "contact_support", "tracking.straymail"),
        model_item("Stray webhook events", "webhook", "tracking.strayevent"),
    ]


def system_items() -> list[Item]:
    return [
        model_item("Retention", "auto_delete", "tracking.retentionpolicy"),
        model_item("Users", "manage_accounts", "auth.user"),
        model_item("Groups", "group", "auth.group"),
        model_item("API keys", "key", "campaigns.apikey"),
        model_item("Periodic tasks", "schedule", "django_celery_beat.periodictask"),
        page_item("Flower", "monitoring", "flower", "massmailer.open_flower"),
        page_item("Sandbox mailbox", "inbox", "sandbox:list", "massmailer.read_sandbox"),
    ]


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "MassMailer",
    "SITE_HEADER": "MassMailer",
    "SITE_SUBHEADER": "Campaigns and delivery",
    "SITE_URL": None,
    "SITE_ICON": asset("logo.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": asset("logo.svg")}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "BORDER_RADIUS": "8px",
    "COLORS": {"primary": PRIMARY},
    "DASHBOARD_CALLBACK": "massmailer.dashboard.dashboard_context",
    "STYLES": [asset("admin.css")],
    "SCRIPTS": [asset("admin.js"), asset("menus.js")],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {"title": "Work", "items": work_items()},
            {"title": "Delivery", "items": delivery_items()},
            {"title": "System", "items": system_items()},
        ],
    },
}
