"""The one door by which this house calls addresses that people typed in: webhooks of alerts and of the API.

Nothing else may post to such an address. What it refuses, and why, stands in docs/operators/alerts.md.
"""

from delivery.outgoing.backoff import MAX_TRIES, wait_after
from delivery.outgoing.sender import Delivery, check_url, post
from delivery.outgoing.signature import new_secret, sign
from delivery.outgoing.target import UrlRefused

__all__ = ["MAX_TRIES", "Delivery", "UrlRefused", "check_url", "new_secret", "post", "sign", "wait_after"]
