"""The embedded Valkey: broker, cache and event stream behind a Unix socket, with an append-only file under var/.

A socket instead of a port: nothing to collide with, and the folder's permissions are the password.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from massmailer.embedded import binaries, locks, logs, paths, pids
from massmailer.embedded.errors import EngineError

START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 60.0
ANSWER_TIMEOUT_SECONDS = 2.0


def url() -> str:
    """The REDIS_URL of the embedded server. Pure: starts and creates nothing."""
    return f"unix://{quote(str(paths.valkey_socket()))}?db=0"


def with_database(redis_url: str, number: int) -> str:
    """The same server's URL with another database number, for `redis://`, `rediss://` and `unix://` URLs."""
    parts = urlsplit(redis_url)
    if parts.scheme == "unix":
        query = urlencode({**dict(parse_qsl(parts.query)), "db": number})
        return f"unix://{parts.netloc}{parts.path}?{query}"
    return urlunsplit(parts._replace(path=f"/{number}"))


def broker_url(redis_url: str) -> str:
    """The URL in Celery's spelling: a Unix socket is `redis+socket://` there, every other URL stays as it is."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    number = dict(parse_qsl(parts.query)).get("db", "0")
    return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={number}"


def status() -> str:
    """ "running", "starting" (loading its file) or "stopped"."""
    answer = _ask("PING")
    if answer.startswith("+PONG"):
        return "running"
    return "starting" if answer else "stopped"


def start() -> str:
    """Make sure that the server runs; returns its REDIS_URL.

    Costs one PING where it runs already. Raises EngineError with the end of its log where it does not come up.
    """
    if status() == "running":
        return url()
    with locks.exclusive("valkey"):
        if status() == "stopped":
            _refuse_hung_server()
            _launch()
        _wait_until_running()
    return url()


def stop() -> None:
    """Let the server write its file and leave; nothing happens where it does not run."""
    with locks.exclusive("valkey"):
        pid = _server_pid()
        if pid is None:
            return
        pids.signal_process(pid, signal.SIGTERM)
        if not pids.wait_gone(pid, STOP_TIMEOUT_SECONDS):
            raise EngineError(f"Valkey (process {pid}) has not stopped within {STOP_TIMEOUT_SECONDS:.0f} s.")


def destroy() -> None:
    """Stop the server and delete its data. There is no way back."""
    stop()
    shutil.rmtree(paths.valkey_home(), ignore_errors=True)


def _launch() -> None:
    paths.make_private_dir(paths.valkey_home())
    paths.make_private_dir(paths.valkey_socket().parent)
    logs.open_log("valkey").close()
    configuration = paths.valkey_home() / "valkey.conf"
    configuration.write_text("".join(f"{name} {value}\n" for name, value in _settings().items()))
    result = subprocess.run(
        [str(binaries.valkey_server()), str(configuration)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd=paths.valkey_home(),
        umask=0o077,
    )
    if result.returncode:
        raise EngineError(f"the embedded Valkey does not start: {result.stderr.strip()}")


def _settings() -> dict[str, str]:
    return {
        "port": "0",
        "unixsocket": _quoted(paths.valkey_socket()),
        "unixsocketperm": "700",
        "daemonize": "yes",
        "pidfile": _quoted(_pid_file()),
        "dir": _quoted(paths.valkey_home()),
        "logfile": _quoted(logs.log_file("valkey")),
        "appendonly": "yes",
        # loses at most a second: the broker holds hints, PostgreSQL the truth
        "appendfsync": "everysec",
        "save": '""',
        # a full broker must refuse, never forget a queue or an event in silence
        "maxmemory-policy": "noeviction",
        "databases": "16",
        "always-show-logo": "no",
    }


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _wait_until_running() -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while status() != "running":
        if time.monotonic() > deadline:
            raise EngineError(f"the embedded Valkey does not answer. The end of its log:\n{logs.tail('valkey')}")
        time.sleep(0.02)


def _refuse_hung_server() -> None:
    """A second server on the same file would ruin it."""
    pid = _server_pid()
    if pid is not None and not pids.wait_gone(pid, ANSWER_TIMEOUT_SECONDS):
        raise EngineError(f"the embedded Valkey (process {pid}) lives but does not answer: stop it with kill {pid}.")


def _ask(command: str) -> str:
    """The first line of the server's answer; empty where nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_TIMEOUT_SECONDS)
        try:
            connection.connect(str(paths.valkey_socket()))
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(200).decode(errors="replace")
        except OSError:
            return ""


def _server_pid() -> int | None:
    pid = pids.read_pid(_pid_file())
    return pid if pids.is_alive(pid, "valkey-server") else None


def _pid_file() -> Path:
    return paths.valkey_home() / "valkey.pid"
