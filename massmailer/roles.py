"""Three groups to begin with: marketers, operators, viewers. What an administrator changes in them stays changed."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import router

MARKETING_MODELS = (
    "campaign",
    "lead",
    "mailinglist",
    "segment",
    "template",
    "leadimport",
    "suppression",
    "topic",
    "subscriptionform",
    "suppressionimport",
)
BEAT_MODELS = ("periodictask", "intervalschedule", "crontabschedule", "solarschedule", "clockedschedule")
OPERATOR_MODELS = (
    "provider", "pool", "poolmember", "sendingdomain", "grouplimit", "warmup", "senderlimit", "retrypolicy",
    "replyrule", "sendingpolicy", "guardrailpolicy", "alertsettings", "alert", "providerevent", "providerusage",
    "messagestream",
)  # fmt: skip
ALL = ("view", "add", "change", "delete")

# group: app: permissions
ROLES: dict[str, dict[str, set[str]]] = {
    "Marketers": {
        "campaigns": {f"{verb}_{model}" for model in MARKETING_MODELS for verb in ALL} | {"launch_campaign"},
        "delivery": {"view_email", "view_message"},
        "tracking": {"view_reports", "view_reportsettings", "change_reportsettings"},
        "massmailer": {"read_sandbox"},
    },
    "Operators": {
        "campaigns": {"view_campaign", "view_suppression", "view_leadimport", "launch_campaign", "resolve_unknown"}
        | {"view_apikey", "add_apikey", "change_apikey"},
        "delivery": {f"{verb}_{model}" for model in OPERATOR_MODELS for verb in ALL}
        | {"view_email", "view_message", "add_message", "change_message", "view_unknowndecision"},
        "tracking": {
            f"{verb}_{model}"
            for model in ("visitorrule", "webhookendpoint", "mailaccount", "retentionpolicy")
            for verb in ALL
        }
        | {f"{verb}_{model}" for model in ("straymail", "strayevent") for verb in ("view", "delete")}
        | {"view_reports", "view_reclassification", "view_webhookdelivery"},
        "django_celery_beat": {f"{verb}_{model}" for model in BEAT_MODELS for verb in ALL},
        "massmailer": {"open_flower", "read_sandbox"},
    },
    "Viewers": {
        "campaigns": {f"view_{model}" for model in MARKETING_MODELS},
        "delivery": {"view_email"},
        "tracking": {"view_reports"},
    },
}


def grant(sender: AppConfig, using: str = "default", **_options: Any) -> None:
    """After `migrate`: give each role what it should have in this app, where it has nothing of this app yet, and of a
    newer version what did not exist before.

    A permission that an administrator took away therefore stays away, unless all of an app's are.
    """
    wanted = {role: apps[sender.label] for role, apps in ROLES.items() if sender.label in apps}
    if not wanted or not router.allow_migrate_model(using, Group):
        return
    content_types = ContentType.objects.using(using).filter(app_label=sender.label)
    permissions = Permission.objects.using(using).filter(content_type__in=content_types)
    known = set(permissions.values_list("pk", flat=True))
    # this receiver may run before the one of auth that makes the permissions
    create_permissions(sender, using=using, verbosity=0)
    for role, codenames in wanted.items():
        group, _ = Group.objects.using(using).get_or_create(name=role)
        found = permissions.filter(codename__in=codenames)
        if group.permissions.filter(content_type__in=content_types).exists():
            found = found.exclude(pk__in=known)
        group.permissions.add(*found)
