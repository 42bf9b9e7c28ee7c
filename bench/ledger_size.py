"""What an e-mail takes on disk: its row in the ledger, the indexes of it, and the write-ahead log.

    .venv/bin/python -m bench.ledger_size [--leads 40000] [--campaigns 4]

Engines of its own in a temporary folder. Several campaigns to the same leads, one transaction a window, accepted
mail with a reply as Postfix gives it. The batch row that is updated with every window is not in it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

WINDOW = 48
FILL = f"""
DO $$ BEGIN
    FOR campaign IN 1..{{campaigns}} LOOP
        FOR low IN 1..{{leads}} BY {WINDOW} LOOP
            INSERT INTO delivery_email (campaign_id, lead_id, at, attempt, provider_id, tries, variant, code, status,
                                        enhanced, address_hash, reply)
            SELECT campaign, n, clock_timestamp(), 1, 1, 1, 0, 250, 'sent', '2.0.0',
                   substr(sha256(n::text::bytea), 1, 8), 'Ok: queued as 4F2A1B3C'
              FROM generate_series(low, least(low + {WINDOW - 1}, {{leads}})) n;
            COMMIT;
        END LOOP;
    END LOOP;
END $$
"""
SIZES = """
SELECT sum(pg_table_size(relid)), sum(pg_indexes_size(relid)) FROM pg_partition_tree('delivery_email') WHERE isleaf
"""
WAL = "SELECT pg_current_wal_lsn() - '0/0'"


def measure(cursor: Any, campaigns: int, leads: int) -> tuple[float, float, float]:
    """Bytes a row: of the table, of its indexes, of the write-ahead log."""

    def one(query: str) -> tuple[Any, ...]:
        cursor.execute(query)
        row: tuple[Any, ...] = cursor.fetchone()
        return row

    cursor.execute("CHECKPOINT")
    before = one(WAL)[0]
    cursor.execute(FILL.format(campaigns=campaigns, leads=leads))
    written = one(WAL)[0] - before
    table, indexes = one(SIZES)
    rows = campaigns * leads
    return float(table / rows), float(indexes / rows), float(written / rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.ledger_size")
    parser.add_argument("--leads", type=int, default=40_000)
    parser.add_argument("--campaigns", type=int, default=4)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mm-ledger-"))
    os.environ["MASSMAILER_VAR"] = str(folder)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
    import django

    django.setup()
    from django.db import connection, transaction

    from delivery import partitions
    from massmailer.embedded import engines

    engines.ensure()
    try:
        with connection.cursor() as cursor:
            cursor.execute(import_module("delivery.migrations.0002_ledger").LEDGER)
            with transaction.atomic():
                partitions.ensure_email_partition(1)
            table, indexes, wal = measure(cursor, given.campaigns, given.leads)
        print(f"bytes a row: {table:.0f} of the table, {indexes:.0f} of its indexes, {wal:.0f} of the write-ahead log")
    finally:
        engines.destroy()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
