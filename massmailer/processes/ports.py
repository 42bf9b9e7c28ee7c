"""Ports are looked at before anything starts: one that is taken gives a message and a way out."""

from __future__ import annotations

import socket

from massmailer.processes.options import StackError, StackOptions


def is_free(host: str, port: int) -> bool:
    """Whether we could listen there. Raises StackError for an address that this machine does not have."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # as the servers do: a port that only waits for its last packets is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as error:
            raise StackError(f"Port {port} needs more rights than this user has: choose one above 1023.") from error
        except socket.gaierror as error:
            raise StackError(f"{host} is not an address of this machine: {error.strerror}.") from error
        except OSError:
            return False
    return True


def find_free(preferred: int = 0, host: str = "127.0.0.1") -> int:
    """A free port: the preferred one where it is, else one that the system picks."""
    if preferred and is_free(host, preferred):
        return preferred
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def demand_free(options: StackOptions) -> None:
    """Raises StackError that names every taken port and the flag that chooses another."""
    problems = []
    for flag, (name, port) in options.ports().items():
        host = options.host if name == "web" else "127.0.0.1"
        if not is_free(host, port):
            problems.append(
                f"Port {port}, wanted by {name}, is taken. Stop the program that listens there, or choose another: "
                f"bin/up {flag} {find_free()}"
            )
    if problems:
        raise StackError("\n".join(problems))
