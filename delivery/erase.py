"""What delivery keeps about a person, scrubbed when the lead is erased. The counts of campaigns stay true."""

from __future__ import annotations

from django.db import connection

# scrub_ledger: replies of mail servers quote addresses. Of skipped rows the reply is a reason of our own and stays.
# By the index on lead_id; cost: 1 ms per e-mail of the lead.
SCRUB_LEDGER = """
UPDATE delivery_email
SET reply = CASE WHEN status = 'skipped' THEN reply END, address_hash = NULL, esp_message_id = NULL
WHERE lead_id = %s
  AND (address_hash IS NOT NULL OR esp_message_id IS NOT NULL OR (reply IS NOT NULL AND status <> 'skipped'))
"""


def scrub_ledger(lead_id: int) -> None:
    """Take out of the ledger's rows of one lead what could name the person; status, times and codes stay."""
    with connection.cursor() as cursor:
        cursor.execute(SCRUB_LEDGER, [lead_id])
