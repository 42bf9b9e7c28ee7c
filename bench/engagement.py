"""How long segments on engagement take to count, over leads and a ledger made by INSERT … SELECT.

    .venv/bin/python -m bench.engagement [--leads 300000] [--emails 3000000] [--plans] [--keep-engine]

Engines of its own under var/bench. The ledger's rows are spread over campaigns of --campaign-leads leads each, one a
day backwards; of every campaign 30 % opened and 6 % clicked within a day. The mark: "clicked anything in 30 days" over
10 million rows of the ledger in less than 2 seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("MASSMAILER_VAR", "var/bench")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")

MARK_SECONDS = 2.0
LEADS = """
INSERT INTO campaigns_lead (email, mailbox_group, first_name, last_name, language, time_zone, status, attributes, tags,
                            updated_at)
SELECT 'bench' || n || '@example.com', 'other', 'Ada', 'Lovelace', 'en', '', 'subscribed',
       jsonb_build_object('city', 'Berlin', 'plan', n %% 5), '{}', now()
  FROM generate_series(1, %(leads)s) n
"""
CAMPAIGN = """
INSERT INTO delivery_email (campaign_id, lead_id, at, attempt, provider_id, tries, variant, code, status, enhanced,
                            address_hash, reply)
SELECT %(campaign)s, id, now() - %(age)s * interval '1 day', 1, 1, 1, 0, 250,
       CASE WHEN id %% 50 = 0 THEN 'bounced_hard' ELSE 'sent' END, '2.0.0', substr(sha256(id::text::bytea), 1, 8), 'Ok'
  FROM campaigns_lead ORDER BY id OFFSET %(offset)s LIMIT %(leads)s
"""
# a tenth of the leads does most of the opening, as in life
ENGAGED = """
INSERT INTO tracking_campaignengagement (campaign_id, lead_id, opened_at, opened_any_at, clicked_at, clicked_any_at)
SELECT campaign_id, lead_id, CASE WHEN chance < 0.3 THEN at END, at, CASE WHEN chance < 0.06 THEN at END,
       CASE WHEN chance < 0.08 THEN at END
  FROM (SELECT *, CASE WHEN lead_id %% 10 = 0 THEN random() / 5 ELSE random() END AS chance
          FROM delivery_email WHERE campaign_id = %(campaign)s) e WHERE chance < 0.45
"""
LEAD_TIMES = """
INSERT INTO tracking_leadengagement (lead_id, opened_at, opened_any_at, clicked_at, clicked_any_at)
SELECT lead_id, max(opened_at), max(opened_any_at), max(clicked_at), max(clicked_any_at)
  FROM tracking_campaignengagement GROUP BY 1
"""


def did(field: str, op: str = "did", **value: Any) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


def conditions(campaign_id: int) -> dict[str, dict[str, Any]]:
    lapsed = [did("sent", campaign={"last": 5}), did("opened", "did_not", campaign={"last": 5})]
    return {
        "clicked anything in 30 days": did("clicked", days=30),
        "opened anything in 7 days, machines too": did("opened", days=7, who="all"),
        "did not click anything in 30 days": did("clicked", "did_not", days=30),
        "clicked or opened, in 30 days": {"any": [did("clicked", days=30), did("opened", days=30)]},
        "opened one campaign": did("opened", campaign=campaign_id),
        "sent one campaign, did not open it": {
            "all": [did("sent", campaign=campaign_id), did("opened", "did_not", campaign=campaign_id)]
        },
        "sent the last 5, opened none of them": {"all": lapsed},
        "bounced in 30 days": did("bounced", days=30),
        "sent anything in 3 days": did("sent", days=3),
        "sent anything, ever": did("sent"),
    }


def build(leads: int, emails: int, campaign_leads: int) -> int:
    """Fill the tables; the id of the newest campaign."""
    from django.db import connection, transaction

    from campaigns.models import Campaign
    from delivery.partitions import ensure_email_partition

    begun = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE campaigns_lead, campaigns_campaign, tracking_campaignengagement, tracking_leadengagement CASCADE"
        )
        cursor.execute("TRUNCATE delivery_email")
        cursor.execute(LEADS, {"leads": leads})
        count = max(1, emails // min(campaign_leads, leads))
        newest = 0
        for number in range(count):
            age = count - 1 - number
            campaign = Campaign.objects.create(name="b", subject="s", from_email="a@b.example", body="", state="sent")
            cursor.execute(
                "UPDATE campaigns_campaign SET launched_at = now() - %s * interval '1 day', "
                "counted_at = now() - %s * interval '1 day' WHERE id = %s", [age, age, campaign.pk],
            )  # fmt: skip
            with transaction.atomic():
                ensure_email_partition(campaign.pk)
            size = min(campaign_leads, leads)
            offset = number * size % max(1, leads - size + 1)
            values = {"campaign": campaign.pk, "age": age, "offset": offset, "leads": size}
            cursor.execute(CAMPAIGN, values)
            cursor.execute(ENGAGED, values)
            newest = campaign.pk
        cursor.execute(LEAD_TIMES)
        cursor.execute("VACUUM ANALYZE")
    print(f"{leads:,} leads, {count} campaigns, {emails:,} e-mails made in {time.perf_counter() - begun:.0f} s")
    return newest


def measure(newest: int, *, plans: bool) -> float:
    """Print a line a condition; the seconds of the one with the mark."""
    from django.db import connection

    from campaigns import segments

    marked = 0.0
    print(f"{'condition':42} {'leads':>12} {'median':>9} {'worst':>9}")
    for name, condition in conditions(newest).items():
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            found = segments.count(condition, timeout_seconds=120)
            times.append(time.perf_counter() - begun)
        marked = marked or max(times)
        print(f"{name:42} {found:12,} {statistics.median(times):7.2f} s {max(times):7.2f} s")
        if plans:
            query = segments.compile_condition(condition)
            with connection.cursor() as cursor:
                statement = f"EXPLAIN (COSTS OFF) SELECT count(*) FROM campaigns_lead lead WHERE {query.where}"
                cursor.execute(statement, query.params)
                print("\n".join("    " + row[0] for row in cursor.fetchall() if "Partition" not in row[0]))
    return marked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leads", type=int, default=300_000)
    parser.add_argument("--emails", type=int, default=3_000_000)
    parser.add_argument("--campaign-leads", type=int, default=100_000)
    parser.add_argument("--plans", action="store_true", help="show PostgreSQL's plan of each count")
    parser.add_argument("--keep-engine", action="store_true", help="leave the engines running afterwards")
    options = parser.parse_args()

    from massmailer.embedded import engines

    engines.ensure()
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    try:
        newest = build(options.leads, options.emails, options.campaign_leads)
        seconds = measure(newest, plans=options.plans)
        print(f"mark: {seconds:.2f} s of {MARK_SECONDS} s: {'met' if seconds < MARK_SECONDS else 'MISSED'}")
    finally:
        if not options.keep_engine:
            engines.stop()


if __name__ == "__main__":
    main()
