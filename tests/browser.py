"""The browser of the acceptance tests, and what it is started with."""

from __future__ import annotations

from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--no-first-run",
]  # fmt: skip
# the machine of a test may be busy
PATIENCE_MS = 20_000

# a person's machine may lack a browser; .ci/run installs one, so nothing is skipped there
NEEDS_BROWSER = pytest.mark.skipif(
    not CHROMIUM.exists(), reason="no browser: install the package chromium (apt-get install chromium)"
)
