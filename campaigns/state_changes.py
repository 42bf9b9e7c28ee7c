"""Who is told when a campaign comes to another state: layers above, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Callable

# takes the campaign's id and its new state
Listener = Callable[[int, str], None]
_listeners: list[Listener] = []


def register_state_listener(listener: Listener) -> None:
    """Add a listener. Call in AppConfig.ready(); the same function is added once. An error takes the change with it."""
    if listener not in _listeners:
        _listeners.append(listener)


def tell(campaign_id: int, state: str) -> None:
    """Call inside the transaction that changed the state."""
    for listener in _listeners:
        listener(campaign_id, state)
