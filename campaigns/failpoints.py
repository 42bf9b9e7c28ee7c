"""Places where a test makes this process die, once: nothing happens unless MASSMAILER_FAILPOINT is set.

The value is "<name>:<path>"; the file at <path> remembers, over restarts, that it has happened.
"""

from __future__ import annotations

import os
import signal

_name, _, _path = os.environ.get("MASSMAILER_FAILPOINT", "").partition(":")


def hit(name: str) -> None:
    """Kill this process with SIGKILL if the test asked for it at this place and it has not happened yet."""
    if name != _name:
        return
    try:
        os.close(os.open(_path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
