"""Permissions of what has no table: the consoles beside the admin."""

from __future__ import annotations

from django.db import models


class Console(models.Model):
    """Never stored; carries the permissions of Flower and of the sandbox mailbox."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = [
            ("open_flower", "Can open Flower"),
            ("read_sandbox", "Can read the sandbox mailbox"),
        ]

    def __str__(self) -> str:
        return "console"
