"""What can go wrong with a file as a whole. Bad lines are no exceptions: they are reported one by one."""

from __future__ import annotations


class FileRefused(Exception):
    """The file cannot be imported at all. The message names the place and the cure: show it to the person."""


class MappingInvalid(FileRefused):
    """The column mapping that a person gave does not fit the file. The message names the column."""


class ImportCancelled(Exception):
    """Somebody cancelled the import while it ran: undo what was done and stop."""
