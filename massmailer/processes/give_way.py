"""Work that can wait lets everything else have the processor first, and takes what is left."""

from __future__ import annotations

import logging
import os
from pathlib import Path

logger = logging.getLogger(__name__)

# Linux, where the kernel shares the processor between sessions before it looks at any process
SESSION_WEIGHT = Path("/proc/self/autogroup")


def give_way(niceness: int) -> None:
    """Run this process and the children it will have at that niceness, 0 (as all others) to 19 (last).

    Nice alone says nothing to processes of other sessions where the kernel groups by session: the session's own
    niceness is set as well, but only by the leader of one, for every process of it is meant.
    """
    if not niceness:
        return
    os.nice(niceness)
    if os.getsid(0) != os.getpid() or not SESSION_WEIGHT.exists():
        return
    try:
        SESSION_WEIGHT.write_text(str(niceness))
    except OSError as error:
        # a container may forbid it; there the weights of containers decide
        logger.info("the session keeps its share of the processor: %s", error)
