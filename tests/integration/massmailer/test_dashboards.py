"""Every metric that a dashboard or a rule names is in a real answer of /metrics, with the labels it is asked for."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from delivery import metrics as pushed
from delivery.models import Departure, Provider
from massmailer import pulse
from tests.people import a_campaign

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
# the functions and words of PromQL that our expressions use
WORDS = {
    "sum", "by", "rate", "increase", "histogram_quantile", "le", "provider", "stream", "outcome", "why",
}  # fmt: skip
SELECTED = re.compile(r"([a-z_:][a-z0-9_:]*)(\{[^}]*\})?")
LABEL = re.compile(r"([a-z]+)\s*(?:=~|!=|=)")


def expressions() -> list[str]:
    board = json.loads((DEPLOY / "grafana/massmailer.json").read_text())
    found = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    rules = yaml.safe_load((DEPLOY / "prometheus/massmailer.rules.yml").read_text())
    return found + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def asked() -> list[tuple[str, set[str]]]:
    """Name and labels of every selector."""
    found = []
    for expression in expressions():
        bare = re.sub(r"\[[0-9a-z]+\]", "", expression)
        for name, labels in SELECTED.findall(bare):
            if name not in WORDS:
                found.append((name, set(LABEL.findall(labels))))
    return found


@pytest.fixture
def answered(db: None, redis_client: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Labels by the name of the sample, as a scrape answers after some mail of each kind."""
    monkeypatch.setattr(pushed, "_recorder", pushed.Recorder())
    relay = Provider.objects.create(name="Relay", host="127.0.0.1")
    launched_at = dt.datetime.now(dt.UTC)
    campaign = a_campaign(state="sending", launched_at=launched_at)
    Departure.objects.create(campaign=campaign, half_at=launched_at, most_at=launched_at, all_at=launched_at)
    redis_client.set(f"{pulse.DONE}delivery.sweep", "1", ex=pulse.REMEMBER_SECONDS)
    pushed.count_outcomes("marketing", [(relay.pk, "sent")])
    for stream in ("marketing", "transactional"):
        pushed.observe(pushed.LATENCY, 0.1, stream=stream)
    pushed.observe(pushed.THROTTLE_WAIT, 1.0, why="rate")
    pushed.flush()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(Client().get("/metrics").content.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_all_of_it_is_there(answered: dict[str, set[str]]) -> None:
    assert len(asked()) > 30
    for name, labels in asked():
        assert name in answered, name
        assert labels <= answered[name], (name, labels)


def test_the_guide_names_what_is_scraped_and_nothing_else(answered: dict[str, set[str]]) -> None:
    guide = (DEPLOY.parent / "docs/operators/metrics.md").read_text()
    named = {name for name in re.findall(r"`([a-z_]+)(?:\{[^`]*\})?`", guide) if "_" in name or name in answered}
    scraped = {re.sub(r"_(bucket|count|sum)$", "", name) for name in answered}
    assert scraped - named == set()
