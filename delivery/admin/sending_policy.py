"""The limits that hold for every campaign: one row, opened directly."""

from __future__ import annotations

from django.contrib import admin

from campaigns.admin.rows import OneRowAdmin
from delivery.models import SendingPolicy

DESCRIPTION = (
    "No lead gets more than so many marketing e-mails within so many days, over all campaigns together; who has had "
    "them is skipped with that reason. A cap counts from the moment at which it is turned on: e-mails sent before are "
    "not known to it. Transactional mail and campaigns that ignore the cap are neither counted nor held back."
)
SOFT_BOUNCES = (
    "A full mailbox may be emptied again, so one soft bounce suppresses nobody. An address that has had so many within "
    "so many days is suppressed as “Repeated soft bounces”. Blocks and other refusals for policy never count."
)


@admin.register(SendingPolicy)
class SendingPolicyAdmin(OneRowAdmin):
    fieldsets = (
        ("Frequency cap", {"description": DESCRIPTION, "fields": ("frequency_cap", "frequency_days")}),
        ("Soft bounces", {"description": SOFT_BOUNCES, "fields": ("soft_bounce_limit", "soft_bounce_days")}),
    )
    warn_unsaved_form = True
