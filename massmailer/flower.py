"""The way from the admin to Flower.

Flower answers /metrics and /healthcheck to everybody, so it listens on loopback and has a password of its own; the
admin only points there. From another machine: a tunnel, or a guarded proxy whose address is FLOWER_URL.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponseRedirect
from django.views.decorators.http import require_safe


@staff_member_required
@permission_required("massmailer.open_flower", raise_exception=True)
@require_safe
def open_flower(_request: HttpRequest) -> HttpResponseRedirect:
    """Go to Flower, which asks for its own credentials (`bin/up` prints them)."""
    return HttpResponseRedirect(settings.FLOWER_URL)
