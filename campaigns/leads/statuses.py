"""The words that other systems use for the status of a subscriber."""

from __future__ import annotations

from campaigns.leads.headers import fold
from campaigns.models import Lead

# "inactive", "no" and the like say nothing about mail: a file of customers must not unsubscribe anybody by accident
_WORDS = {
    Lead.Status.SUBSCRIBED: "subscribed, active, opted in, confirmed",
    Lead.Status.PENDING: "pending, unconfirmed, not confirmed, awaiting confirmation",
    Lead.Status.UNSUBSCRIBED: "unsubscribed, opted out",
    Lead.Status.BOUNCED: "bounced, bounce, hard bounce, hard bounced, cleaned",
    Lead.Status.COMPLAINED: "complained, complaint, spam complaint, marked as spam, abuse",
}
_STATUS_BY_WORD = {fold(word): status.value for status, words in _WORDS.items() for word in words.split(",")}


def known(text: str) -> str | None:
    """The lead's status that the text means; None for a text that speaks of something else."""
    return _STATUS_BY_WORD.get(fold(text))
