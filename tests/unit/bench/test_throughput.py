"""The benchmark of the whole product: its campaign, its meter, its report."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from bench.sink import Options, Sink
from bench.throughput_content import build_for_size, build_html, message_bytes
from bench.throughput_meter import Meter
from bench.throughput_references import Message, Reference, run_python, smtplib_loop
from bench.throughput_references import together as references_together
from bench.throughput_report import Report
from bench.throughput_stack import Sent, together

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


def test_the_meter_counts_what_a_child_used_that_lived_between_two_looks() -> None:
    meter = Meter(lambda: {"ours": [os.getpid()]})
    subprocess.run([sys.executable, "-c", BURN], input="\n", stdout=subprocess.DEVNULL, text=True, check=True)
    seconds, _ = meter.finish()
    assert seconds["ours"] > 0.25


def test_turns_are_added_up_and_the_slower_way_of_smtp_source_is_left_out() -> None:
    both = together([SENT, replace(SENT, seconds=1.5, idle_share=0.4, peak_bytes={"worker": 3_000_000})])
    assert (both.messages, both.seconds, both.idle_share) == (2000, 2.0, pytest.approx(0.3))
    assert (both.cpu_seconds["worker"], both.peak_bytes["worker"]) == (pytest.approx(0.1), 3_000_000)
    few, many = (
        Reference(f"smtp-source -d -s {sessions}", 100, seconds, 0.1, 0.2)
        for sessions, seconds in ((4, 1.0), (20, 2.0))
    )
    others = references_together([few, many, Reference("django", 10, 1.0), few, many, Reference("django", 30, 1.0)])
    assert [(one.name, one.messages, one.rate) for one in others] == [
        ("smtp-source -d -s 4", 200, 100.0), ("django", 40, 20.0),
    ]  # fmt: skip


def test_what_failed_in_one_turn_is_told_of_all() -> None:
    (found,) = references_together([Reference("django", 10, 1.0), Reference("django", missing="failed: no")])
    assert found.missing == "failed: no"


def test_the_sink_tells_of_recipients_that_come_again() -> None:
    with Sink(Options(keep_recipients=False, once=True)) as sink:
        smtplib_loop(sink.port, Message(3, 500))()
        smtplib_loop(sink.port, Message(2, 500))()
        stats = sink.stats()
    assert (stats["messages"], stats["distinct_recipients"], stats["repeats"]) == (5, 3, 2)


def test_django_sends_what_the_campaign_sends() -> None:
    """As large, with merge tags filled in and links in both parts: doing less, it would be no reference."""
    with Sink(Options(keep_content=True)) as sink:
        done = run_python("django", sink, Message(count=3, size_bytes=5000, tags=2, links=3))
        (_, _, third) = sink.messages()
    assert (done.missing, done.messages) == ("", 3)
    assert len(third.content) == pytest.approx(5000, rel=0.03)
    written = message_from_bytes(third.content, policy=policy.default)
    assert written["Subject"] == "News for Ada2"
    for part in written.get_payload():
        assert "Dear Ada2 Lovelace" in part.get_content()
        assert part.get_content().count("https://shop.example/") == 3


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
