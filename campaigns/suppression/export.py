"""The suppression list as CSV, streamed: what `import_suppressions` takes back."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection
from psycopg import ClientCursor

from campaigns.leads.export import chunks_of, guarded
from campaigns.suppression import sql


def export_rows(*, reason: str = "", kind: str = "", for_spreadsheet: bool = False) -> Iterator[bytes]:
    """CSV in UTF-8, in chunks of some kB, with a header line; flat memory for any number of rows.

    reason, kind: only those. for_spreadsheet: begin with a byte order mark. Where only a hash is stored it stands in
    place of the value.
    """
    wheres, params = ["TRUE"], []
    for column, value in (("reason", reason), ("kind", kind)):
        if value:
            wheres.append(f"{column} = %s")
            params.append(value)
    select = sql.EXPORT.format(value=guarded("value"), source=guarded("source"), where=" AND ".join(wheres))
    connection.ensure_connection()
    # COPY takes no parameters from the server side: they are quoted here, by psycopg
    statement = ClientCursor(connection.connection).mogrify(
        f"COPY ({select}) TO STDOUT WITH (FORMAT csv, HEADER)", params
    )
    return chunks_of(statement, b"\xef\xbb\xbf" if for_spreadsheet else b"")
