"""Both embedded engines at once: what scripts, tests and the demo call."""

from __future__ import annotations

import os

from massmailer.embedded import postgres, valkey


def needed() -> tuple[str, ...]:
    """Names of the engines that the environment does not give: "postgres" without DATABASE_URL, "valkey" without
    REDIS_URL."""
    wanted = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL"}
    return tuple(engine for engine, variable in wanted.items() if not os.environ.get(variable))


def ensure() -> dict[str, str]:
    """Start what the environment does not give; returns the DATABASE_URL and REDIS_URL to use.

    Where both are set nothing is started. Raises EngineError with the cure where an engine does not come up.
    """
    engines = needed()
    return {
        "DATABASE_URL": postgres.start() if "postgres" in engines else os.environ["DATABASE_URL"],
        "REDIS_URL": valkey.start() if "valkey" in engines else os.environ["REDIS_URL"],
    }


def stop() -> None:
    """Stop whichever embedded engine of this checkout and var folder runs."""
    valkey.stop()
    postgres.stop()


def status() -> dict[str, str]:
    """State by engine: "running", "starting", "stopped", or "external" where the environment gives its URL."""
    engines = needed()
    return {
        "postgres": postgres.status() if "postgres" in engines else "external",
        "valkey": valkey.status() if "valkey" in engines else "external",
    }


def destroy() -> None:
    """Stop both and delete their data. There is no way back."""
    valkey.destroy()
    postgres.destroy()
