"""Domains that mail is sent from: their pool, their return path, their DKIM keys, and what DNS says of them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now

from campaigns import crypto
from delivery.models.provider import Pool


class SendingDomain(models.Model):
    """One domain of From addresses; it covers its subdomains where they have no row of their own.

    pool: used by campaigns from this domain that name none. bounce_domain: of the return path, instead of the
    installation's. paused_until: receivers refuse our authentication, nothing is sent from the domain until then.
    dns_report: what the last check found, JSON.
    """

    domain = models.CharField(max_length=253, unique=True)
    pool = models.ForeignKey(
        Pool, null=True, blank=True, on_delete=models.PROTECT, related_name="sending_domains",
        help_text="Used by campaigns from this domain that name no pool of their own.",
    )  # fmt: skip
    bounce_domain = models.CharField(
        max_length=253, blank=True, default="", help_text="Domain of the return path; the installation's when empty."
    )
    is_signing = models.BooleanField(
        "sign with DKIM", default=False, help_text="Switch on when the key's record stands in DNS."
    )
    dkim_selector = models.CharField(max_length=63, blank=True, default="", editable=False)
    ed25519_selector = models.CharField(max_length=63, blank=True, default="", editable=False)
    sealed_keys = models.TextField(blank=True, default="", editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    pause_reason = models.TextField(blank=True, default="", editable=False)
    dns_report = models.JSONField(default=dict, db_default={}, editable=False)
    dns_checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["domain"]

    def __str__(self) -> str:
        return self.domain

    @property
    def keys(self) -> dict[str, Any]:
        """Private keys in PEM, opened: {"rsa": …, "ed25519": …}. Raises crypto.SecretUnreadable.

        "next": keys that wait for their records, with the selectors: {"rsa": …, "rsa_selector": …, …}.
        """
        return crypto.unseal(self.sealed_keys)

    @keys.setter
    def keys(self, secrets: dict[str, Any]) -> None:
        self.sealed_keys = crypto.seal(secrets)
