"""What leads did with their e-mails, kept for segments: "clicked anything in 30 days" in one look at a small table."""

from tracking.engagement.keep import add, forget
from tracking.engagement.rebuild import recompute

__all__ = ["add", "forget", "recompute"]
