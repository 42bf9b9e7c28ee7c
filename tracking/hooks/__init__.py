"""Outgoing webhooks: events of ours, posted to other programs in the Standard Webhooks format.

A delivery is written in the transaction of its event, so none is forgotten and none is told of what did not happen. A
worker posts it later, at least once: a receiver tells repeats by `webhook-id`. See docs/developers/webhooks.md.
"""

from tracking.hooks.enqueue import campaign_moved, enqueue, message_changed
from tracking.hooks.kinds import OF_MESSAGES

__all__ = ["OF_MESSAGES", "campaign_moved", "enqueue", "message_changed"]
