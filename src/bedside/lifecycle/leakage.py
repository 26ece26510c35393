"""The leakage audit of a build: from a snapshot and its questions to findings, JSON and a page."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.cohorts.leakage import AuditInputs, audit
from bedside.cohorts.leakage.inputs import ScoreWithout
from bedside.cohorts.question.primary import primary_label
from bedside.core.ids import canonical_json, stable_share
from bedside.core.records.declaration import Declaration, Learner
from bedside.core.records.event import EVENT_COLUMNS
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW as FEW
from bedside.core.records.leakage import Checked, CodeDelays, Finding, LeakageReport, Score
from bedside.data.store.snapshot import Snapshot
from bedside.develop.evaluate.leakage_page import render_leakage
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.learners.lightgbm import LightGbm
from bedside.develop.train.matrix import Matrix
from bedside.features.batch import features_at
from bedside.features.definition import FeatureSet
from bedside.lifecycle.platform import Platform
from bedside.metrics.discrimination import auprc, auroc
from bedside.models.learnt import LearntModel
from bedside.monitor.disclosure import hide_small

__all__ = [
    "audited",
    "delays_told",
    "findings_to_json",
    "report_from_json",
    "report_to_json",
    "write_leakage",
]

Floats = npt.NDArray[np.float64]

REPLAYED = 500
"""Subjects whose questions are asked again of a record that ends there."""

SCORED_ROWS = 30_000
"""Rows of training, and of tuning, on which a suspect is weighed: whole subjects, by a hash."""

QUICK = Learner(
    rounds=80,
    calibration="none",
    parameters={"learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 20, "max_bin": 63},
)
_SALT = "leakage score"


def audited(
    declaration: Declaration,
    feature_set: FeatureSet,
    snapshot: Snapshot,
    asked: pl.DataFrame,
    matrix: Floats,
) -> LeakageReport:
    """Audit what a model is about to learn from; `write_leakage` makes its page.

    The events are read once. At most `REPLAYED` subjects are replayed, and a suspect is weighed on
    at most `SCORED_ROWS` rows of each of two sides; the rest is counted over all of the data.

    Args:
        declaration: The model.
        feature_set: The columns of the matrix.
        snapshot: Of prepared events.
        asked: Its rows with label and side; those without a side are left alone.
        matrix: A row for each of `asked`, or for each that has a side.
    """
    has_side = asked["side"].is_not_null().to_numpy()
    rows = asked.filter(has_side)
    values = matrix[has_side] if len(matrix) == asked.height else matrix
    calendars = [rule.timezone for rule in declaration.features if rule.calendar]
    return audit(
        AuditInputs(
            declaration=declaration,
            names=feature_set.names,
            codes=tuple(feature.codes for feature in feature_set.features),
            asked=rows,
            matrix=values,
            shards=_shards(snapshot),
            recompute=lambda events, some: features_at(feature_set, events, some),
            score=_quick_score(
                feature_set.names,
                rows.with_columns(primary_label(rows, declaration.question.outcome)),
                values,
                declaration.learner.threads,
            ),
            timezones=tuple(dict.fromkeys(["UTC", *calendars])),
            replayed=REPLAYED,
        )
    )


def write_leakage(platform: Platform, declaration: Declaration, report: LeakageReport) -> Path:
    """Write the report of a model as JSON and as a page; return where the page lies."""
    page = platform.folder / "reports" / declaration.name / "leakage.html"
    platform.write(page, render_leakage(declaration, report).encode())
    platform.write(page.with_suffix(".json"), report_to_json(report))
    return page


def findings_to_json(report: LeakageReport) -> bytes:
    """The findings alone, as the evidence of a model and its card take them."""
    return canonical_json([asdict(finding) for finding in report.findings])


def delays_told(report: LeakageReport) -> dict[str, list[int | None]]:
    """By code, how many events could be seen how long after they happened; few are hidden.

    The bands are those of `DELAY_HOURS`. A bundle keeps this, so that a site can be compared.
    """
    return {one.code: hide_small(one.counts) for one in report.delays if sum(one.counts) > FEW}


def report_to_json(report: LeakageReport) -> bytes:
    """Canonical JSON of a whole report."""
    return canonical_json(asdict(report))


def report_from_json(content: bytes) -> LeakageReport:
    """Read what `report_to_json` wrote."""
    told = json.loads(content)
    return LeakageReport(
        findings=tuple(
            Finding(**{**one, "features": tuple(one["features"])}) for one in told["findings"]
        ),
        checked=tuple(Checked(**{**one, "kinds": tuple(one["kinds"])}) for one in told["checked"]),
        scores=tuple(
            Score(**{**one, "features": tuple(one["features"])}) for one in told["scores"]
        ),
        delays=tuple(
            CodeDelays(code=one["code"], counts=tuple(one["counts"])) for one in told["delays"]
        ),
    )


def _shards(snapshot: Snapshot) -> Iterator[pl.DataFrame]:
    yield from snapshot.shards(EVENT_COLUMNS)


def _quick_score(
    names: tuple[str, ...], asked: pl.DataFrame, matrix: Floats, threads: int
) -> ScoreWithout | None:
    """Area under the curves of a small model of some columns, judged on tuning subjects.

    None where one of the two sides has no positive or no negative row.
    """
    places = {name: place for place, name in enumerate(names)}
    learnt, judged = (_some_rows(asked, side) for side in ("train", "tuning"))
    label = asked["label"].to_numpy()
    if any(len(np.unique(label[rows])) < 2 for rows in (learnt, judged)):
        return None

    def score(kept: tuple[str, ...]) -> Mapping[str, float]:
        columns = np.array([places[name] for name in kept], dtype=np.int64)
        plain = tuple(f"f{number}" for number in range(len(kept)))

        def side(rows: npt.NDArray[np.int64]) -> Matrix:
            return Matrix(
                features=matrix[np.ix_(rows, columns)],
                label=label[rows].astype(np.int64),
                names=plain,
            )

        train, tuning = side(learnt), side(judged)
        if np.isnan(train.features).all():  # nothing is left to learn from
            return {"auroc": 0.5, "auprc": float(tuning.label.mean())}
        plan = Plan(
            options=replace(QUICK, threads=threads),
            columns=tuple(Column(name=name) for name in plain),
        )
        risk = LearntModel(LightGbm().fit(train, tuning, plan)).predict(tuning.features)
        return {"auroc": auroc(tuning.label, risk), "auprc": auprc(tuning.label, risk)}

    return score


def _some_rows(asked: pl.DataFrame, side: str) -> npt.NDArray[np.int64]:
    """The rows of known label of one side, of so many whole subjects that they are not too many."""
    rows = (
        asked.with_row_index("row")
        .filter((pl.col("side") == side) & pl.col("label").is_not_null())
        .select(pl.col("row").cast(pl.Int64), "subject_id")
    )
    if rows.height > SCORED_ROWS:
        every = rows["subject_id"].unique().sort()
        share = pl.Series([stable_share(str(one), salt=_SALT) for one in every])
        kept = every.filter(share < SCORED_ROWS / rows.height)
        rows = rows.filter(pl.col("subject_id").is_in(kept.implode()))
    return rows["row"].to_numpy()
