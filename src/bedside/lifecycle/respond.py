"""Watching a version on new data: the same collection and features, compared with its reference."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bedside.cohorts.question import ask
from bedside.core.ids import digest_of
from bedside.core.records.bundle import FEATURES, MODEL, REFERENCE
from bedside.core.records.declaration import Declaration
from bedside.core.records.policy import Act, Resource
from bedside.data.collect.table import collect_table
from bedside.data.prepare import prepare
from bedside.data.store.merging import fold_merges
from bedside.features.definition import feature_set_from_json
from bedside.lifecycle.cohort import build_features, groups_of, received_file, subject_indices
from bedside.lifecycle.door import enter
from bedside.lifecycle.drift_of_data import drift_from_held_out
from bedside.lifecycle.intake import SourceIntake
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.watching import watched_label
from bedside.monitor.compare import compare
from bedside.monitor.report import render_report

__all__ = ["seen", "watch"]


def watch(platform: Platform, version_id: str, data: Path | None) -> tuple[dict[str, Any], Path]:
    """The monitoring report of a version on new data, and the page that shows it.

    A model of a collected source is compared on what stands there now. Where the outcome's column
    is absent in a table, labels have not come: performance is then reported as not known yet.
    """
    enter(platform, Act.MONITOR, Resource(name=version_id))
    version = platform.registry.get(version_id)
    bundle = open_bundle(platform, version)
    declaration = bundle.declaration
    feature_set = feature_set_from_json(bundle.files[FEATURES])
    with platform.progress.step("compare"):
        clean, labelled = seen(platform, declaration, data)
        asked = ask(declaration.question, clean).rows
        matrix = build_features(feature_set, clean, asked, lambda _: None)
        risk = platform.predictor_of(bundle.files[MODEL]).predict(matrix)
        report = compare(
            json.loads(bundle.files[REFERENCE]),
            matrix,
            feature_set.names,
            risk=risk,
            label=_labels(declaration, asked) if labelled else None,
            subject_index=subject_indices(asked),
            groups=groups_of(declaration, clean, asked),
            threshold=bundle.threshold,
            options=declaration.monitoring,
        )
    report |= drift_from_held_out(
        platform,
        version,
        bundle,
        matrix=matrix,
        risk=risk,
        subject_index=subject_indices(asked),
        seed=json.loads(bundle.files[REFERENCE])["seed"],
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


def _labels(declaration: Declaration, asked: pl.DataFrame) -> Any:
    """Whether the outcome came, shape (n,), NaN where it is not known; None: no yes or no."""
    label = asked["label"].to_numpy().astype(np.float64)
    known = ~np.isnan(label)
    told = watched_label(declaration.question.outcome.kind, label[known])
    if told is not None:
        label[known] = told
    return None if told is None else label


def seen(
    platform: Platform, declaration: Declaration, data: Path | None
) -> tuple[pl.DataFrame, bool]:
    """The clean events to look at, and whether they may tell outcomes."""
    if declaration.data.source:
        intake = SourceIntake(platform=platform, declaration=declaration)
        digest = intake.collect()["snapshot"].decode()
        shards = (fold_merges(shard) for shard in intake.collected(digest).shards())
        return pl.concat([prepare(shard, declaration.signals)[0] for shard in shards]), True
    received = received_file(declaration, data)
    events, _ = collect_table(received.table, declaration, received.offsets)
    outcomes = {
        column
        for signal in declaration.signals.values()
        if signal.role == "outcome"
        for column in (signal.column, signal.happens_after_column)
        if column  # the end of follow-up has none of its own
    }
    clean, _ = prepare(events, declaration.signals)
    return clean, all(column in received.table.columns for column in outcomes)
