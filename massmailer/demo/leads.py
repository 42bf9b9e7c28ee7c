"""Sample leads: written to a file as a marketer would have it, imported, and chosen by a segment."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from campaigns import addresses
from campaigns.leads.imports import register_import, run_import
from campaigns.leads.staging import Progress
from campaigns.models import LeadImport, Segment, Suppression
from campaigns.segments import sample, validate
from massmailer import samples
from massmailer.demo.errors import DemoFailed
from massmailer.demo.show import Show

FILE_NAME = "sample-leads.csv"
SEGMENT = "Demo: newsletter readers"
SUPPRESSED = 5


def import_samples(count: int, show: Show) -> LeadImport:
    """Import `count` invented people and some bad lines; the finished import. Raises DemoFailed where it failed."""
    with tempfile.TemporaryDirectory(prefix="massmailer-demo-") as folder:
        path = Path(folder) / FILE_NAME
        samples.write_sample_leads(path, count)
        row = register_import(path=path, name=FILE_NAME)
        with show.bar("Importing leads", path.stat().st_size) as update:

            def tick(progress: Progress) -> None:
                update(progress.done_bytes, f"{progress.lines:,} lines")

            row = run_import(row.pk, on_progress=tick)
    if row.state != LeadImport.State.DONE:
        raise DemoFailed(f"the sample leads were not imported: {row.error or row.state}")
    return row


def suppress_some(segment: Segment) -> None:
    """Put a few leads of the segment on the suppression list, so that there is somebody to skip."""
    first = sample(segment.condition, SUPPRESSED)
    for lead in first:
        Suppression.objects.get_or_create(
            kind=Suppression.Kind.ADDRESS,
            digest=addresses.digest(lead.email),
            defaults={"value": lead.email, "reason": Suppression.Reason.MANUAL, "source": "demo"},
        )


def sample_segment() -> Segment:
    """The segment of the samples, as their file has it today."""
    condition = json.loads(samples.path("segment.json").read_text())
    validate(condition)
    segment, _ = Segment.objects.update_or_create(name=SEGMENT, defaults={"condition": condition})
    return segment
