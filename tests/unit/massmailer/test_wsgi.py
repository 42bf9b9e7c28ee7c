"""What a web process has done before its first request."""

from __future__ import annotations

import json
import subprocess
import sys

LOOK = """
import gc, json, sys
import massmailer.wsgi
reachable = len(gc.get_objects())
print(json.dumps({"has_api": "massmailer.api.api" in sys.modules, "frozen": gc.get_freeze_count(), "left": reachable}))
"""


def test_pages_and_api_are_loaded_and_no_collection_looks_through_them() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["has_api"]
    assert found["frozen"] > 100_000
    assert found["left"] < 5_000
