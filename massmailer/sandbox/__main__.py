"""`python -m massmailer.sandbox`: the mailbox as a process."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from massmailer.embedded import paths
from massmailer.sandbox.maildir import DEFAULT_KEEP
from massmailer.sandbox.server import serve


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m massmailer.sandbox", description="A mailbox for trying things.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=2525, help="(default %(default)s)")
    parser.add_argument("--dir", type=Path, default=paths.var_dir() / "sandbox", help="the Maildir (%(default)s)")
    parser.add_argument("--keep", type=int, default=DEFAULT_KEEP, help="newest messages kept (default %(default)s)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # one line for each SMTP command is too much for thousands of mails
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    try:
        asyncio.run(serve(options.host, options.port, options.dir, options.keep))
    except OSError as error:
        sys.stderr.write(f"massmailer: the sandbox cannot listen on {options.host}:{options.port}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
