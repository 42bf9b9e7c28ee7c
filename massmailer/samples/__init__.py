"""Sample data for demos: invented people, a segment and a campaign."""

from pathlib import Path

from massmailer.samples.make import write_sample_leads

__all__ = ["path", "write_sample_leads"]


def path(name: str) -> Path:
    """The sample file `name`: segment.json or campaign.mjml."""
    return Path(__file__).parent / name
