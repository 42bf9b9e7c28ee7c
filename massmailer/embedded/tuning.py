"""PostgreSQL's settings for this use: many short transactions, COPY into a ledger, one machine shared with workers."""

from __future__ import annotations

import os
from pathlib import Path

MB = 1024 * 1024
GB = 1024 * MB


def memory_bytes() -> int:
    """Memory of the machine, or of the container where that is less."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):  # no cgroup, or "max"
        return total
    return min(total, limit)


def postgres_settings(memory: int) -> dict[str, str]:
    """The command-line settings for a machine with `memory` bytes.

    The wheel's build has no lz4, zstd or ICU, so compression and collation say so.
    """
    shared = max(128 * MB, min(memory // 8, GB))
    return {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": f"{shared // MB}MB",
        "effective_cache_size": f"{max(256 * MB, memory // 2) // MB}MB",
        "work_mem": "32MB",
        "maintenance_work_mem": f"{max(64 * MB, min(memory // 16, 512 * MB)) // MB}MB",
        # a claim is a promise: it must survive power loss before a byte of its mail is sent
        "fsync": "on",
        "synchronous_commit": "on",
        "wal_compression": "pglz",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        # plans here are small and run often: compiling them costs more than it saves
        "jit": "off",
        # big tables that grow by COPY: vacuum them by rows changed, not only by a fifth of their size
        "autovacuum_vacuum_scale_factor": "0.05",
        "autovacuum_analyze_scale_factor": "0.05",
        "autovacuum_vacuum_cost_limit": "1000",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
        "log_checkpoints": "off",
    }
