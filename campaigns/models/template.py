"""Reusable e-mail bodies."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class BodyFormat(models.TextChoices):
    MJML = "mjml", "MJML"
    HTML = "html", "HTML"


class Template(models.Model):
    """A starting point for campaigns and the body of transactional mail. A campaign takes a copy."""

    name = models.CharField(max_length=100, unique=True)
    subject = models.CharField(max_length=400, blank=True, default="")
    preheader = models.CharField(max_length=250, blank=True, default="")
    body_format = models.CharField(max_length=4, choices=BodyFormat.choices, default=BodyFormat.MJML)
    body = models.TextField()
    text = models.TextField("plain text", blank=True, default="", help_text="Made from the body when left empty.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
