"""What the frozen content and the audience of a campaign take in the database, and what a wake-up takes in the broker.

    .venv/bin/python -m bench.stored

Engines of its own in a temporary folder.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import zlib
from pathlib import Path

SIZES = (2_000, 10_000, 50_000)
IDS_A_BATCH = 1000
# every lead, every fifth, every hundredth of the ids is in the audience
SPREADS = (1, 5, 100)


def content_line(size_bytes: int) -> str:
    """A campaign's frozen content: compiled HTML, text, subject and links."""
    from bench.throughput_content import SUBJECT, build_for_size
    from campaigns.content.compile import compile_content
    from campaigns.content.source import ContentSource

    stored = compile_content(ContentSource(SUBJECT, "", build_for_size(4, 5, size_bytes), "html")).to_bytes()
    plain = len(zlib.decompress(stored))
    return f"| content of a {size_bytes // 1000} kB message | {plain:,} | {len(stored):,} | {plain / len(stored):.1f} |"


def audience_line(spread: int, rng: random.Random) -> str:
    """One batch of lead ids, compressed by PostgreSQL itself."""
    from django.db import connection

    ids = sorted(rng.sample(range(5_000_000, 5_000_000 + IDS_A_BATCH * spread), IDS_A_BATCH))
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE IF NOT EXISTS batch (lead_ids bigint[])")
        cursor.execute("TRUNCATE batch")
        cursor.execute("INSERT INTO batch VALUES (%s)", [ids])
        cursor.execute("SELECT pg_column_size(lead_ids) FROM batch")
        stored = cursor.fetchone()[0]
    plain = 8 * IDS_A_BATCH
    return f"| {IDS_A_BATCH:,} lead ids, one in {spread} | {plain:,} | {stored:,} | {plain / stored:.1f} |"


def wake_up_line() -> str:
    """A Celery message that wakes a worker for 1,000 leads: the id of their batch."""
    body = json.dumps([[123_456_789], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    return f"| wake-up for 1,000 leads, its payload | {len(body)} | {len(body)} | |"


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="mm-stored-"))
    os.environ["MASSMAILER_VAR"] = str(folder)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
    import django

    django.setup()
    from massmailer.embedded import engines

    engines.ensure()
    try:
        rng = random.Random(1)
        print("| what | bytes | stored | times smaller |\n| --- | ---: | ---: | ---: |")
        for line in (*map(content_line, SIZES), *(audience_line(spread, rng) for spread in SPREADS), wake_up_line()):
            print(line)
    finally:
        engines.destroy()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
