"""Details that are old enough go, partition by partition; roll-ups, counters and link targets stay."""

from tracking.retention.details import removed_at, with_details
from tracking.retention.run import Applied, apply, finish_begun, policy, preview

__all__ = ["Applied", "apply", "finish_begun", "policy", "preview", "removed_at", "with_details"]
