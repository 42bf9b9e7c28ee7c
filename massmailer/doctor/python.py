"""The interpreter and the packages."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import sysconfig

from packaging.requirements import Requirement

from delivery.engine import rsa_library
from massmailer.doctor.check import Check, fail, ok, warn
from massmailer.embedded import paths

OLDEST_PYTHON = (3, 11)
SHOWN = 5


def python_version(version: tuple[int, ...] = sys.version_info[:3], *, optimised: bool | None = None) -> Check:
    """Old enough, and built with profiles of running programs (None: as this one was)."""
    text = f"{platform.python_implementation()} {'.'.join(map(str, version))}"
    if version < OLDEST_PYTHON:
        return fail("python", f"{text} is too old", "Install Python 3.11 or newer and run bin/setup again.")
    if optimised is None:
        optimised = is_optimised(sysconfig.get_config_var("prefix"), sysconfig.get_config_var("CONFIG_ARGS"))
    if not optimised:
        cure = "Install your distribution's Python with its venv module, remove .venv, and run bin/setup again."
        return warn("python", f"{text}, compiled without --enable-optimizations: sending takes a sixth longer", cure)
    return ok("python", text)


def is_optimised(prefix: object, arguments: object) -> bool:
    """Distributions optimise what they install under /usr and do not write it down; `bin/setup` has the same rule."""
    return prefix == "/usr" or "--enable-optimizations" in str(arguments or "")


def packages() -> Check:
    """Every package stands in the version that requirements.txt pins."""
    wrong, count = [], 0
    for name, wanted in pins().items():
        count += 1
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        if found != wanted:
            wrong.append(f"{name} {found} instead of {wanted}")
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        return warn(
            "packages", "; ".join(wrong[:SHOWN]) + more, "Run bin/setup: it installs what requirements.txt says."
        )
    return ok("packages", f"{count} in the pinned versions, Django {importlib.metadata.version('django')}")


def pins() -> dict[str, str]:
    """Version by package name of requirements.txt, for this machine."""
    lines = (paths.checkout() / "requirements.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line[:1].isalnum()]
    return {one.name: str(one.specifier)[2:] for one in wanted if one.marker is None or one.marker.evaluate()}


def signing() -> Check:
    """Whether DKIM signatures are made by eights, which takes half the time; else mail is signed all the same."""
    title = "DKIM signatures"
    try:
        rsa_library.load()
    except rsa_library.LibraryBroken as error:
        cure = "Run bin/setup again. It needs the system's OpenSSL 3 (Debian, Ubuntu: libssl3)."
        return warn(title, f"made one by one: {error}", cure)
    except rsa_library.LibraryUnusable as error:
        return ok(title, f"made one by one: {error}")
    return ok(title, "made eight at once")
