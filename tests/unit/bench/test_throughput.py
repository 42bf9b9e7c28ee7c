"""The benchmark of the whole product: its campaign, its meter, its report."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench.sink import Options, Sink
from bench.throughput_content import build_for_size, build_html, message_bytes
from bench.throughput_meter import Meter
from bench.throughput_references import Reference, send_smtplib
from bench.throughput_report import Report
from bench.throughput_stack import Sent

SENT = Sent(1000, 0.5, 2000.0, {"worker": 0.05, "postgres": 0.02, "valkey": 0.001, "sink": 0.03}, {"worker": 2_000_000})
BURN = "import time\nwhile time.process_time() < 0.3: pass\nprint('burnt', flush=True)\ninput()"


@pytest.mark.parametrize("size", [5_000, 50_000])
def test_the_campaign_has_the_size_that_was_asked_for(size: int) -> None:
    assert message_bytes(build_for_size(4, 5, size)) == pytest.approx(size, rel=0.03)


def test_the_campaign_has_the_merge_tags_and_links_that_were_asked_for() -> None:
    html = build_html(6, 3)
    assert (html.count("{{ lead."), html.count("https://shop.example/")) == (6, 3)


def test_the_meter_sees_what_children_use_and_not_what_was_used_before() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as old:
        assert old.stdout is not None
        assert old.stdout.readline() == "burnt\n"
        meter = Meter(lambda: {"old": [old.pid], "ours": [os.getpid()]})
        with subprocess.Popen(
            [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "burnt\n"
            seconds, peaks = meter.finish()
            child.communicate("\n")
        old.communicate("\n")
    assert seconds["old"] < 0.1
    assert seconds["ours"] > 0.25
    assert peaks["ours"] > peaks["old"] > 1_000_000


def test_the_sink_tells_of_recipients_that_come_again() -> None:
    with Sink(Options(keep_recipients=False, once=True)) as sink:
        send_smtplib(sink.port, 3, 500)
        send_smtplib(sink.port, 2, 500)
        stats = sink.stats()
    assert (stats["messages"], stats["distinct_recipients"], stats["repeats"]) == (5, 3, 2)


def test_the_report_has_rates_ratios_and_processor_time() -> None:
    report = Report(
        SENT, [Reference("smtp-source -d -s 4", 4000, 1.0, 0.1, 0.2), Reference("django", 100, 1.0, 0.1, 0.2)]
    )
    found = report.as_dict()
    assert (found["messages_per_second"], found["smtp_source_per_second"], found["django_per_second"]) == (
        2000,
        4000,
        100,
    )
    assert found["cpu_us_per_message"] == {"worker": 50.0, "postgres": 20.0, "valkey": 1.0, "others": 0.0, "sink": 30.0}
    assert found["peak_rss_mb"] == 2
    assert "0.50" in report.table().splitlines()[2]


def test_the_report_says_clearly_what_could_not_run() -> None:
    report = Report(SENT, [Reference("smtp-source", missing="smtp-source is not installed")])
    assert report.as_dict()["smtp_source_per_second"] is None
    assert "smtp-source is not installed" in report.table()
