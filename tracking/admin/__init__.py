"""The admin pages of what comes back. Importing this package registers them."""

from tracking.admin import visitor_rule

__all__ = ["visitor_rule"]
