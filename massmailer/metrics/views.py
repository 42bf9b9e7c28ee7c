"""The page that Prometheus scrapes."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from massmailer import insiders
from massmailer.metrics.collector import Collector

# without the default registry: per-process numbers of a pre-forked web server mean nothing
registry = CollectorRegistry()
registry.register(Collector())


def metrics(request: HttpRequest) -> HttpResponse:
    """All numbers as Prometheus text; 403 for strangers."""
    if not insiders.is_insider(request):
        return HttpResponseForbidden(
            "Metrics are for this machine, or for `Authorization: Bearer <METRICS_TOKEN>`.", content_type="text/plain"
        )
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
