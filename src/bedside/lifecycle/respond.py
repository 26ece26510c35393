"""Watching a version on new data: the same collection and features, compared with its reference."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from bedside.cohorts.question import ask
from bedside.core.ids import digest_of
from bedside.core.records.bundle import FEATURES, MODEL, REFERENCE
from bedside.data.collect.table import collect_table
from bedside.data.prepare import prepare
from bedside.features.definition import feature_set_from_json
from bedside.lifecycle.cohort import build_features, groups_of, received_file, subject_indices
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.monitor.compare import compare
from bedside.monitor.report import render_report

__all__ = ["watch"]


def watch(platform: Platform, version_id: str, data: Path) -> tuple[dict[str, Any], Path]:
    """The monitoring report of a version on new data, and the page that shows it.

    Where the outcome's column is absent, labels have not come: performance is then reported as
    not known yet.
    """
    version = platform.registry.get(version_id)
    bundle = open_bundle(platform, version)
    declaration = bundle.declaration
    feature_set = feature_set_from_json(bundle.files[FEATURES])
    received = received_file(declaration, data)
    raw = received.table
    outcomes = [s.column for s in declaration.signals.values() if s.role == "outcome"]
    labelled = all(column in raw.columns for column in outcomes)
    with platform.progress.step("compare"):
        events, _ = collect_table(raw, declaration, received.offsets)
        clean, _ = prepare(events, declaration.signals)
        asked = ask(declaration.question, clean)
        matrix = build_features(feature_set, clean, asked, lambda _: None)
        risk = platform.predictor_of(bundle.files[MODEL]).predict(matrix)
        report = compare(
            json.loads(bundle.files[REFERENCE]),
            matrix,
            feature_set.names,
            risk=risk,
            label=asked["label"].to_numpy().astype(np.float64) if labelled else None,
            subject_index=subject_indices(asked),
            groups=groups_of(declaration, clean, asked),
            threshold=bundle.threshold,
            options=declaration.monitoring,
        )
    platform.ledger.append(
        platform.actor,
        "monitor",
        {
            "version": version.id,
            "status": report["status"],
            "report": digest_of(report),
            "findings_count": len(report["findings"]),
        },
    )
    page = platform.folder / "reports" / f"{version.name}-{digest_of(report)[:12]}.html"
    platform.write(page, render_report(report, title=declaration.title).encode())
    return report, page
