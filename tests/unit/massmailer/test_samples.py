"""The sample files are what the demo promises."""

from __future__ import annotations

import json
from pathlib import Path

from campaigns.content import ContentSource, compile_content
from campaigns.leads.dialect import examine
from campaigns.leads.quick import AddressReader
from campaigns.segments import validate
from massmailer import samples
from massmailer.samples.make import BAD_ADDRESSES


def test_the_same_people_are_written_every_time(tmp_path: Path) -> None:
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    written = samples.write_sample_leads(first, 300)
    samples.write_sample_leads(second, 300)
    assert first.read_bytes() == second.read_bytes()
    assert (written.people, written.repeated, written.bad) == (300, 4, len(BAD_ADDRESSES) + 2)


def test_nobody_in_the_samples_could_get_real_mail(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    samples.write_sample_leads(path, 150)
    rows = examine(path.read_bytes(), complete=True).rows[1:]
    reserved = ("example.com", "example.org", "example.net")
    domains = {row[0].rpartition("@")[2] for row in rows if "@" in row[0]}
    good = {domain for domain in domains if domain not in ("", "example")}
    assert good
    assert all(domain.endswith(reserved) for domain in good)


def test_good_addresses_are_plain_and_scripts_are_many(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    samples.write_sample_leads(path, 2000)
    reader, languages = AddressReader(), set()
    for row in path.read_text(encoding="utf-8").splitlines()[1:]:
        cells = row.split(",")
        if cells[0] not in BAD_ADDRESSES:
            assert reader.read(cells[0])[0] == cells[0]
            languages.update(cells[3:4])
    assert {"en", "de", "pl", "tr", "el", "uk", "ja", "ar", "hi", "ko"} <= languages


def test_the_sample_campaign_and_segment_are_in_order() -> None:
    source = ContentSource("Hello", "", samples.path("campaign.mjml").read_text(encoding="utf-8"))
    content = compile_content(source, attributes=("city", "plan"))
    assert content.warnings == ()
    assert len(content.links) == 4
    assert "{{ unsubscribe_url }}" in content.text
    assert "{{ view_url }}" in content.html
    validate(json.loads(samples.path("segment.json").read_text(encoding="utf-8")))
