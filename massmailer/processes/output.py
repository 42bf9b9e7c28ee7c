"""What the processes say: on the terminal with a prefix, and each in its own file under var/log."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import IO, Any

from honcho.printer import Message, Printer

from massmailer.embedded import logs


class Output:
    """Writes lines to honcho's printer and to var/log/<name>.log."""

    def __init__(self, width: int) -> None:
        self._printer = Printer(sys.stdout, width=width)
        self._files: dict[str, IO[bytes]] = {}
        self._terminal = True

    def line(self, message: Any) -> None:
        """Write one honcho message of type "line"."""
        self._print(message)
        data = message.data if isinstance(message.data, bytes) else message.data.encode()
        handle = self._file(message.name)
        handle.write(data if data.endswith(b"\n") else data + b"\n")
        handle.flush()

    def say(self, text: str) -> None:
        """A line of our own."""
        self.line(Message(type="line", data=text + "\n", time=datetime.now(), name="system", colour=None))

    def close(self) -> None:
        for handle in self._files.values():
            handle.close()

    def _print(self, message: Any) -> None:
        if not self._terminal:
            return
        try:
            self._printer.write(message)
        except OSError:
            # the terminal or pipe is gone: the processes go on, the files have it all
            self._terminal = False

    def _file(self, name: str) -> IO[bytes]:
        handle = self._files.get(name)
        if handle is not None and handle.tell() > logs.MAX_LOG_BYTES:
            handle.close()
            handle = None
        if handle is None:
            handle = self._files[name] = logs.open_log(name)
        return handle
