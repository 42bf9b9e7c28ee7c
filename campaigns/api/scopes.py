"""What a key may do: one scope a resource and verb, granted by people who may do the same in the admin."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """permission: what a person must hold, as "app.codename", to give the scope to a key."""

    name: str
    words: str
    permission: str


SCOPES: tuple[Scope, ...] = (
    Scope("messages:read", "Read transactional messages and what became of them", "delivery.view_message"),
    Scope("messages:write", "Send and cancel transactional messages", "delivery.add_message"),
    Scope("templates:read", "Read templates", "campaigns.view_template"),
    Scope("templates:write", "Create, change and delete templates", "campaigns.change_template"),
    Scope("leads:read", "Read leads and their timelines", "campaigns.view_lead"),
    Scope("leads:write", "Create and change leads", "campaigns.change_lead"),
    Scope("leads:erase", "Erase leads for good", "campaigns.delete_lead"),
    Scope("lists:read", "Read lists and their members", "campaigns.view_mailinglist"),
    Scope("lists:write", "Create and change lists and their members", "campaigns.change_mailinglist"),
    Scope("segments:read", "Read and count segments", "campaigns.view_segment"),
    Scope("segments:write", "Create, change and delete segments", "campaigns.change_segment"),
    Scope("campaigns:read", "Read campaigns, their progress and reports", "campaigns.view_campaign"),
    Scope("campaigns:write", "Create and change drafts of campaigns", "campaigns.change_campaign"),
    Scope("campaigns:launch", "Launch, schedule, pause, resume and cancel campaigns", "campaigns.launch_campaign"),
    Scope("suppressions:read", "Read and check suppressions", "campaigns.view_suppression"),
    Scope("suppressions:write", "Add and release suppressions", "campaigns.delete_suppression"),
    Scope("events:read", "Read opens, clicks, bounces and the like", "campaigns.view_lead"),
    Scope("providers:read", "Read providers and their health", "delivery.view_provider"),
    Scope("webhooks:read", "Read webhook endpoints and their deliveries", "tracking.view_webhookendpoint"),
    Scope("webhooks:write", "Create, change and delete webhook endpoints", "tracking.change_webhookendpoint"),
)
BY_NAME = {scope.name: scope for scope in SCOPES}
