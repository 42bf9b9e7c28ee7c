"""The Procfile: the one list of processes, for `bin/up`, containers and tests alike."""

from __future__ import annotations

from honcho.environ import parse_procfile

from massmailer.embedded import paths


def commands() -> dict[str, str]:
    """Shell command by process name, in the order of the file."""
    text = (paths.checkout() / "Procfile").read_text()
    return dict(parse_procfile(text).processes)
