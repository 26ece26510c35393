import json
import re
import shutil
import subprocess

import pytest
import yaml

from bedside.serve.metrics import Metrics
from house import ROOT

GRAFANA = ROOT / "docs" / "grafana"
NAME = re.compile(r"\bbedside_[a-z_]+")


def expressions() -> list[str]:
    board = json.loads((GRAFANA / "bedside.json").read_text())
    rules = yaml.safe_load((GRAFANA / "alerts.yaml").read_text())
    shown = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return shown + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def test_the_dashboard_and_the_alerts_ask_for_metrics_that_exist():
    asked = {name for text in expressions() for name in NAME.findall(text)}

    assert len(asked) > 15
    assert asked - Metrics().names == set()


def test_every_metric_is_on_the_dashboard_or_in_an_alert():
    asked = " ".join(expressions())
    families = {re.sub(r"_(?:total|bucket|sum|count)$", "", name) for name in Metrics().names}

    assert [name for name in sorted(families) if name not in asked] == []


def test_prometheus_itself_accepts_the_alerts():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: apt install prometheus")

    done = subprocess.run(
        [promtool, "check", "rules", str(GRAFANA / "alerts.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_method_that_a_caller_makes_up_is_no_label():
    metrics = Metrics()

    metrics.request("none", "CANARY", 405)
    metrics.request("none", "CANARY", 405)
    metrics.request("/metrics", "GET", 200)

    told = metrics.text().decode()
    assert "CANARY" not in told
    assert 'method="other",route="none",status="405"} 2.0' in told


def test_an_answer_is_counted_by_what_the_ledger_says_of_it():
    metrics = Metrics()
    details = {"model": "sepsis", "version": "sepsis@1", "stage": "live", "outcome": "abstention"}

    metrics.answered(details | {"reason": "missing"}, 0.004)

    told = metrics.text().decode()
    assert 'outcome="abstention",reason="missing",stage="live",version="sepsis@1"} 1.0' in told
    assert 'bedside_answer_seconds_bucket{le="0.005",model="sepsis"} 1.0' in told
