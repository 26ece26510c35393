"""What a tracking server is told of a version, and what it is not."""

import json
from dataclasses import replace

from bedside.core.records.version import GateResult, ModelVersion, Stage
from bedside.lifecycle.tracking import run_of

VERSION = ModelVersion(
    id="ward@0123", name="ward", bundle="f" * 64, stage=Stage.BUILT, built_at="2026-01-02",
    gates=(GateResult(metric="auroc", passed=False, text="auroc 0.6, needs 0.9"),),
)  # fmt: skip
FACTS = {"snapshot": "s" * 64, "declaration": "d" * 64, "code": "c" * 64}
NAMES = [
    "learner", "imputation", "augmentation", "uncertainty", "fairness", "question", "evaluation",
]  # fmt: skip
EVIDENCE = {
    "metrics": {
        "auroc": {"estimate": 0.6, "low": 0.5, "high": 0.7, "n": 90},
        "ppv": {"estimate": None, "low": None, "high": None, "n": None, "why": "few"},
    },
    "baseline": {"auroc": {"estimate": 0.55, "low": None, "high": None, "n": 90}},
}
FILES = {
    "declaration.json": json.dumps({**dict.fromkeys(NAMES), "learner": {"kind": "ebm"}}).encode(),
    "evidence.json": json.dumps(EVIDENCE).encode(),
    "features.json": b'{"features": [{}, {}]}',
    "report.html": b"<p>report</p>",
    "model_card.md": b"# card",
    "reference.json": b"never told",
    "example.json": b"never told",
}


def test_a_figure_that_is_hidden_or_undefined_is_not_told():
    run = run_of(VERSION, FILES, FACTS, started=0)

    assert run.metrics == {
        "auroc": 0.6, "auroc_low": 0.5, "auroc_high": 0.7, "baseline.auroc": 0.55,
    }  # fmt: skip


def test_a_run_holds_three_documents_and_says_which_gate_failed():
    run = run_of(VERSION, FILES, FACTS, started=0)

    assert sorted(run.files) == ["evidence.json", "model_card.md", "report.html"]
    assert run.tags["bedside.gates"] == "FAILED"
    assert run.tags["bedside.gate.1"] == "FAILED: auroc 0.6, needs 0.9"
    assert run.parameters == {"learner.kind": "ebm", "features": "2"}


def test_a_run_without_gates_does_not_say_that_they_passed():
    run = run_of(replace(VERSION, gates=()), FILES, FACTS, started=0)

    assert run.tags["bedside.gates"] == "no gates declared"
