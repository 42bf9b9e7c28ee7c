"""`python -m massmailer.processes up|down|prepare|exec|attend`: what the scripts in bin/ call."""

from __future__ import annotations

import argparse
import os
import sys

from massmailer.embedded import paths
from massmailer.embedded.errors import EngineError
from massmailer.processes import attend, prepare, procfile, stack
from massmailer.processes.options import StackError, StackOptions


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (EngineError, StackError) as error:
        sys.stderr.write(f"massmailer: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bin/up", description="MassMailer's processes.")
    commands = parser.add_subparsers(required=True)
    _add_up(commands.add_parser("up", prog="bin/up", help="run the whole stack until Ctrl-C"))
    commands.add_parser("down", prog="bin/down", help="stop what was left running").set_defaults(run=_down)
    commands.add_parser("prepare", help="engines up, tables there").set_defaults(run=_prepare)
    execute = commands.add_parser("exec", help="become one process of the Procfile, in a container for example")
    execute.add_argument("name", choices=sorted(procfile.commands()))
    execute.set_defaults(run=_exec)
    attend = commands.add_parser("attend", help="run a command with the engines up; stop them if they were down")
    attend.add_argument("command", nargs=argparse.REMAINDER)
    attend.set_defaults(run=_attend)
    return parser


# where bounces are taken as soon as BOUNCE_DOMAIN says that they come here
DEFAULT_INBOUND = 2526


def _add_up(up: argparse.ArgumentParser) -> None:
    defaults = StackOptions()
    port = int(os.environ.get("PORT") or defaults.port)
    up.add_argument("--port", type=int, default=port, help="of the web server (default %(default)s)")
    up.add_argument("--host", default=defaults.host, help="address it listens on (default %(default)s)")
    up.add_argument("--flower-port", type=int, default=defaults.flower_port, help="(default %(default)s)")
    up.add_argument("--sandbox-port", type=int, default=defaults.sandbox_port, help="(default %(default)s)")
    door = int(os.environ.get("MASSMAILER_SUBMISSION_PORT") or defaults.submission_port)
    up.add_argument("--submission-port", type=int, default=door, help="SMTP door for applications; 0: none")
    bounces = int(
        os.environ.get("MASSMAILER_INBOUND_PORT") or (DEFAULT_INBOUND if os.environ.get("BOUNCE_DOMAIN") else 0)
    )
    up.add_argument("--inbound-port", type=int, default=bounces, help="mail server for bounces; 0: none")
    up.add_argument("--no-sandbox", dest="sandbox", action="store_false", help="without the mailbox for trying things")
    up.add_argument("--web-workers", type=int, default=defaults.web_workers, help="(default %(default)s)")
    up.add_argument("--bulk-workers", type=int, default=defaults.bulk_workers, help="children; 0: one more than cores")
    up.add_argument("--transactional-workers", type=int, default=defaults.transactional_workers, help="children")
    up.add_argument("--default-workers", type=int, default=defaults.default_workers, help="children")
    up.add_argument("--only", type=_names, default=(), metavar="NAME,…", help="run these processes alone")
    up.set_defaults(run=_up)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    unknown = sorted(set(names) - set(procfile.commands()))
    if unknown:
        raise argparse.ArgumentTypeError(f"no such process: {', '.join(unknown)}")
    return names


def _up(options: argparse.Namespace) -> int:
    chosen = {name: value for name, value in vars(options).items() if name != "run"}
    return stack.up(StackOptions(**chosen))


def _down(_: argparse.Namespace) -> int:
    for line in stack.down() or ["nothing was running"]:
        sys.stdout.write(line + "\n")
    return 0


def _prepare(_: argparse.Namespace) -> int:
    prepare.prepare()
    return 0


def _exec(options: argparse.Namespace) -> int:
    os.chdir(paths.checkout())
    os.execvp("sh", ["sh", "-c", procfile.commands()[options.name]])  # noqa: S606


def _attend(options: argparse.Namespace) -> int:
    return attend.Attendance().run(options.command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
