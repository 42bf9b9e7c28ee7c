"""`python -m massmailer.embedded start|stop|status|destroy`: the engines by hand."""

from __future__ import annotations

import argparse
import sys

from massmailer.embedded import engines
from massmailer.embedded.errors import EngineError


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m massmailer.embedded", description="The embedded engines.")
    parser.add_argument("command", choices=["start", "stop", "status", "destroy"])
    parser.add_argument("--yes", action="store_true", help="destroy: really delete all data of the embedded engines")
    options = parser.parse_args(arguments)
    try:
        return run(options.command, sure=options.yes)
    except EngineError as error:
        sys.stderr.write(f"massmailer: {error}\n")
        return 1


def run(command: str, *, sure: bool) -> int:
    """Carry out one command; returns the exit status. Raises EngineError with its cure."""
    if command == "start":
        engines.ensure()
    elif command == "stop":
        engines.stop()
    elif command == "destroy":
        if not sure:
            raise EngineError("destroy deletes the database and the queues of this checkout: add --yes to mean it.")
        engines.destroy()
    for name, state in engines.status().items():
        sys.stdout.write(f"{name}: {state}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
