"""WSGI entry point for gunicorn: the busiest public doors on their short way, Django for everything else."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
django_application = get_wsgi_application()

# its imports need the apps to be ready
from massmailer import doors  # noqa: E402


def _settle() -> None:
    """Load what the first request would wait for, and take all of it out of every later search for garbage.

    A full collection looks through the 200,000 objects of Django, the API and the admin: 0.1 s and more in which every
    request of this process stands still.
    """
    get_resolver().url_patterns  # noqa: B018  # the attribute imports the pages, the API and their schemas
    gc.collect()
    gc.freeze()


_settle()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer one request."""
    answer = doors.answer(environ)
    if answer is None:
        return django_application(environ, start_response)
    # a server may change the list that it is given, and answers are kept
    start_response(answer.status, list(answer.headers))
    return [answer.body]
