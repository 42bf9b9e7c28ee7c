"""What ends a demo early."""

from __future__ import annotations


class DemoFailed(Exception):
    """The demo cannot go on, or a promise did not hold. The message says why: print it, exit with status 1."""
